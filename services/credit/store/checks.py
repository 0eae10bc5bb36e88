"""Credit checks: what they are made from, how they are kept, and how they are shown."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account
from services.credit.audit import Check, Facts
from services.credit.store.accounts import row_of, updated_account
from services.credit.tables import accounts, credit_checks
from shared.contracts.credit.answers import CreditReport
from shared.contracts.credit.requests import FindCreditChecks, GetCreditCheck
from shared.contracts.pages import COUNTED_MAX
from shared.errors import Refused
from shared.messaging import Answer
from shared.sql_json import as_list, as_object, as_text, utc

EXPORTED_MAX = 100
EXPORTED_MAX_BYTES = 262_144  # of inputs: all that is exported of a customer is one message
_CUSTOMER, _CHECK = bindparam("of_customer", type_=Text), bindparam("of_check", type_=Text)
_PAGE, _LIMIT, _OFFSET = (bindparam(name, type_=Integer) for name in ("page", "limit", "offset"))
_COUNTED_MAX: ColumnElement[int] = literal_column(str(COUNTED_MAX))
_COMPLETED: ColumnElement[str] = literal_column("'completed'")

# SQL as it is read: what decides here are filters and days. Of settled invoices those are left out first in
# which neither a payment nor a write-off can be of the last 24 months.
FACTS = """
    with days as (
        select cast(:as_of as date) as today,
            cast(cast(:as_of as date) - interval '24 months' as date) as since,
            timezone('UTC', cast(cast(:as_of as date) - 365 as timestamp)) as year_begins,
            timezone('UTC', cast(cast(:as_of as date) + 1 as timestamp)) as day_ends
    ), last_order as (
        select order_id, version, cast(timezone('UTC', order_date) as date) as ordered_on
        from order_facts, days
        where customer_id = :of_customer and order_date < day_ends
            and status in ('confirmed', 'processing', 'shipped', 'delivered', 'returned')
        order by order_date desc, order_id desc limit 1
    ), figures as (
        select count(*) filter (where is_accepted) as accepted,
            count(*) filter (where is_undone) as cancelled_or_returned,
            cast(cast(coalesce(sum(total_amount - returned_amount) filter (where is_accepted), 0)
                as numeric(16, 2)) as text) as purchases,
            (select ordered_on from last_order) as last_order_on
        from order_facts, days, lateral (
            select status in ('confirmed', 'processing', 'shipped', 'delivered') as is_accepted,
                status = 'returned' or status = 'cancelled' and was_accepted as is_undone
        ) as counted
        where customer_id = :of_customer and order_date >= year_begins and order_date < day_ends
    ), on_file as (
        select cast(amount - coalesce(noted, 0) as text) as amount, due_on,
            coalesce(payments, '[]') as payments, row_number() over (
                order by due_on, invoice_date, invoice_id) as position
        from invoices, days, lateral (
            select sum(amount) as taken,
                sum(amount) filter (where kind = 'credit_note') as noted,
                max(on_day) filter (where kind <> 'credit_note') as paid_on,
                json_agg(json_build_object('paid_on', on_day, 'amount', cast(amount as text))
                    order by on_day, position) filter (where kind <> 'credit_note') as payments
            from allocations
            where allocations.invoice_id = invoices.invoice_id and on_day <= today
        ) as told
        where customer_id = :of_customer and invoice_date <= today
            and (open_amount > 0 or written_off > 0 or greatest(settled_on, last_paid_on) >= since)
            and (amount > coalesce(taken, 0) or paid_on >= since)
    )
    select cast(json_build_object(
        'orders', (select row_to_json(figures) from figures),
        'invoices', coalesce((select json_agg(json_build_object(
            'amount', amount, 'due_on', due_on, 'payments', payments) order by position) from on_file), '[]'),
        'heard', json_build_object(
            'last_order_id', (select order_id from last_order),
            'last_order_version', (select version from last_order),
            'ledger_position', (select max(position) from ledger where customer_id = :of_customer))
    ) as text)
"""
_FACTS = text(FACTS).bindparams(bindparam("as_of", type_=Date), bindparam("of_customer", type_=Text))


def report(check: FromClause) -> Select[Any]:
    """The members of the `CreditReport` of each row of `check`."""
    c = check.c
    return select(
        c.customer_id,
        c.credit_score,
        c.credit_rating,
        c.recommended_credit_limit,
        c.current_credit_limit,
        c.risk_assessment,
        utc(c.created_at).label("last_checked"),
        c.check_id,
        _COMPLETED.label("status"),
        c.model_version,
        c.reasons.label("reason_codes"),
        c.factors,
        c.thin_file,
        c.as_of,
    )


def exported(customer_id: ColumnElement[str]) -> Select[Any]:
    """All that is kept of the newest checks of a row of `accounts`, newest first, as far as there is room."""
    c = credit_checks.c
    newest_first = (c.created_at.desc(), c.check_id.desc())
    kept = (c.points, c.raw_score, c.gates, c.requested_by, c.request_id, c.known, c.input)
    digest = func.encode(c.input_sha256, literal_column("'hex'")).label("input_sha256")
    so_far = func.sum(func.octet_length(cast(c.input, Text))).over(order_by=newest_first)
    order = func.row_number().over(order_by=newest_first)
    rows = report(credit_checks).add_columns(*kept, digest).where(c.customer_id == customer_id)
    sized = rows.add_columns(so_far.label("so_far"), order.label("order"))
    newest = sized.order_by(*newest_first).limit(EXPORTED_MAX).correlate(accounts).subquery("newest")
    members = (each for each in newest.c if each.name not in ("so_far", "order"))
    return select(*members).where(newest.c.so_far <= EXPORTED_MAX_BYTES).order_by(newest.c.order)


def _insert_check() -> Any:
    """A check, and its account one version on."""
    row: dict[str, Any] = {
        each.name: bindparam(f"new_{each.name}", type_=each.type) for each in credit_checks.c
    }
    row["input"] = cast(bindparam("new_input", type_=Text), JSON)  # byte for byte as its digest was taken
    kept = insert(credit_checks).values(row).on_conflict_do_nothing().returning(credit_checks).cte("kept")
    saved = updated_account().cte("saved")
    return select(as_text(as_object(report(kept))).label("body")).select_from(saved)


def _shown(body: ColumnElement[str]) -> Any:
    """Something of a customer, where there is an account: the marker of one that was never known is none."""
    exists = accounts.c.erased_at.is_(None).label("exists")
    return select(exists, body.label("body")).where(
        accounts.c.customer_id == _CUSTOMER, accounts.c.customer_version > 0
    )


def _page() -> ColumnElement[str]:
    c = credit_checks.c
    of_customer = select(c.check_id, c.created_at).where(c.customer_id == _CUSTOMER)
    newest_first = of_customer.order_by(c.created_at.desc(), c.check_id.desc())
    keys = newest_first.limit(_LIMIT + 1).offset(_OFFSET).cte("keys")
    on_page = select(keys).order_by(keys.c.created_at.desc(), keys.c.check_id.desc()).limit(_LIMIT).subquery()
    items = report(credit_checks).join(on_page, on_page.c.check_id == c.check_id)
    data = as_list(items.order_by(on_page.c.created_at.desc(), on_page.c.check_id.desc()))
    counted = of_customer.limit(_COUNTED_MAX + 1).subquery()
    found = select(func.count().label("rows")).select_from(counted).subquery("found")
    is_capped = found.c.rows > _COUNTED_MAX
    read = select(func.count()).select_from(keys).scalar_subquery()
    is_followed = case((is_capped, read > _LIMIT), else_=found.c.rows > _PAGE * _LIMIT)
    meta = select(
        func.least(found.c.rows, _COUNTED_MAX).label("total"),
        _PAGE.label("page"),
        _LIMIT.label("limit"),
        (is_followed & bindparam("may_be_followed", type_=Boolean)).label("hasMore"),
        case((is_capped, true()), else_=null()).label("total_is_capped"),
    )
    return as_text(
        as_object(select(data.label("data"), func.json_strip_nulls(as_object(meta)).label("meta")))
    )


_INSERT_CHECK = _insert_check()
_ONE_CHECK = report(credit_checks).where(
    credit_checks.c.check_id == _CHECK, credit_checks.c.customer_id == _CUSTOMER
)
_SHOWN_CHECK = _shown(as_text(as_object(_ONE_CHECK)))
_SHOWN_PAGE = _shown(_page())


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show of a customer. exists: False of an erased one. body: None where there is none."""

    exists: bool
    body: str | None


async def facts(db: AsyncConnection, customer_id: str, as_of: date) -> Facts:
    """What is on file of a customer whose account is locked; documents dated after `as_of` are left out."""
    found = (await db.execute(_FACTS, {"of_customer": customer_id, "as_of": as_of})).scalar_one()
    return Facts.model_validate_json(found)


async def insert_check(db: AsyncConnection, before: Account, check: Check) -> Answer[CreditReport]:
    """Keep a check that was made of `before`, a locked account, and the account as the check leaves it.

    Raises:
        Refused: `check_exists`.
    """
    account = {**row_of(check.account), "seen_version": before.version, "now": check.created_at}
    body = (await db.execute(_INSERT_CHECK, {**_row(check), **account})).scalar_one()
    if body is None:
        raise Refused("check_exists", f"there is a credit check {check.asked.check_id} already")
    return Answer(body.encode())


async def find_check(db: AsyncConnection, query: GetCreditCheck) -> Shown | None:
    """The `CreditReport` of a check; None where there is no account of its customer."""
    keys = {"of_customer": query.customer_id, "of_check": query.check_id}
    row = (await db.execute(_SHOWN_CHECK, keys)).first()
    return None if row is None else Shown(row.exists, row.body)


async def page_of_checks(db: AsyncConnection, query: FindCreditChecks) -> Shown | None:
    """The `CreditCheckPage`, empty beyond the end; None where there is no account of the customer.

    meta.total: exact up to 10,000. meta.hasMore: false on the last page that may be asked for.
    """
    values = {
        "of_customer": query.customer_id,
        "page": query.page,
        "limit": query.limit,
        "offset": (query.page - 1) * query.limit,
        "may_be_followed": (query.page + 1) * query.limit <= query.depth_max,
    }
    row = (await db.execute(_SHOWN_PAGE, values)).first()
    return None if row is None else Shown(row.exists, row.body)


def _row(check: Check) -> dict[str, Any]:
    members = {
        "check_id": check.asked.check_id,
        "customer_id": check.account.customer_id,
        "created_at": check.created_at,
        "as_of": check.file.as_of,
        "model_version": check.file.model,
        "input": check.input,
        "input_sha256": check.input_sha256,
        "known": check.known,
        "factors": [each.model_dump() for each in check.factors],
        "gates": check.score.gates,
        "current_credit_limit": check.file.credit_limit,
        "reasons": [each.model_dump() for each in check.reasons],
        "requested_by": check.asked.requested_by,
        "request_id": check.asked.request_id,
        "traceparent": check.asked.traceparent,
        **{each.name: getattr(check.score, each.name) for each in _OF_SCORE},
    }
    return {f"new_{name}": value for name, value in members.items()}


_OF_SCORE = [
    credit_checks.c[name]
    for name in (
        *("points", "raw_score", "credit_score", "credit_rating", "risk_assessment", "thin_file"),
        "recommended_credit_limit",
    )
]
