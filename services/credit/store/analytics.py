"""Figures that answers are made of without reading documents, and the risk that is remembered."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    Select,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account
from services.credit.analytics import Figures, Remembered
from services.credit.audit import Facts
from services.credit.scoring import CURRENT_MODEL
from services.credit.store.accounts import ACCOUNT_MEMBERS
from services.credit.store.checks import FACTS
from services.credit.tables import fact_versions
from shared.contracts.credit.answers import Risk
from shared.contracts.periods import Span

# One statement, so one instant. Documents are read for `facts` alone, where no risk is remembered of what
# everything is now.
_FIGURES = text(
    f"""
    select {", ".join(f"accounts.{name}" for name in ACCOUNT_MEMBERS)}, accounts.as_of,
        coalesce(facts.version, 0) as facts_version, risks.risk, settled.invoices, settled.days,
        case when risks.risk is null and accounts.erased_at is null then ({FACTS}) end as facts
    from accounts left join fact_versions as facts on facts.customer_id = accounts.customer_id
    left join risks on risks.customer_id = accounts.customer_id
        and risks.account_version = accounts.version and risks.customer_version = accounts.customer_version
        and risks.facts_version = coalesce(facts.version, 0)
        and risks.as_of = :as_of and risks.model_version = :model, (
        select cast(coalesce(sum(part.invoices), 0) as bigint) as invoices,
            cast(coalesce(sum(part.days), 0) as bigint) as days
        from unnest(cast(:grains as text[]), cast(:since as date[]), cast(:until as date[]))
            as span (grain, since, until), lateral (
            select sum(invoices) as invoices, sum(days) as days from settlements
            where customer_id = :of_customer and grain = span.grain
                and starts_on >= span.since and starts_on < span.until
        ) as part
    ) as settled
    where accounts.customer_id = :of_customer and accounts.customer_version > 0
    """  # noqa: S608  # of our own names and statements
)
# What was computed of older figures than what is remembered is dropped. There is an order, for all that a
# risk is computed of is read at one instant.
_REMEMBER = text(
    """
    insert into risks (customer_id, as_of, model_version, risk,
        account_version, customer_version, facts_version)
    values (:of_customer, :as_of, :model, :risk, :account_version, :customer_version, :facts_version)
    on conflict (customer_id) do update set account_version = excluded.account_version,
        customer_version = excluded.customer_version, facts_version = excluded.facts_version,
        as_of = excluded.as_of, model_version = excluded.model_version, risk = excluded.risk
    where (risks.as_of, risks.account_version, risks.customer_version, risks.facts_version)
        <= (excluded.as_of, excluded.account_version, excluded.customer_version, excluded.facts_version)
    """
)

# Risks of what everything is still, whatever their day, and what they are computed of.
_OF_RISK = FACTS.replace(":as_of", "risks.as_of").replace(":of_customer", "risks.customer_id")
_REMEMBERED = text(
    f"""
    select {", ".join(f"accounts.{name}" for name in ACCOUNT_MEMBERS)}, risks.as_of, risks.risk,
        ({_OF_RISK}) as facts
    from risks join accounts on accounts.customer_id = risks.customer_id
        and accounts.version = risks.account_version and accounts.customer_version = risks.customer_version
        and accounts.customer_version > 0 and accounts.erased_at is null
    left join fact_versions on fact_versions.customer_id = risks.customer_id
    where risks.customer_id = any(:customer_ids) and risks.model_version = :model
        and risks.facts_version = coalesce(fact_versions.version, 0)
    order by risks.customer_id
    """  # noqa: S608  # of our own names and statements
).bindparams(bindparam("customer_ids", type_=ARRAY(Text)))


def counted_up(customer_ids: Select[Any]) -> Insert:
    """The statement that moves the version of these customers' facts; each of them once."""
    changed = customer_ids.order_by(column("customer_id")).subquery("changed")  # all lock in one order
    rows = select(changed.c.customer_id, literal_column("1"))
    moved = insert(fact_versions).from_select(["customer_id", "version"], rows)
    version = fact_versions.c.version + 1
    return moved.on_conflict_do_update(
        index_elements=[fact_versions.c.customer_id], set_={"version": version}
    )


_GIVEN = func.unnest(bindparam("customer_ids", type_=ARRAY(Text))).table_valued("customer_id")
_FACTS_CHANGED = counted_up(select(_GIVEN.render_derived("given").c.customer_id).distinct())


async def find(
    db: AsyncConnection, customer_id: str, today: date, settled_in: Sequence[Span]
) -> Figures | None:
    """What is kept of a customer, an erased one too; None where customers was not heard to know it."""
    values = {
        "of_customer": customer_id,
        "as_of": today,
        "model": CURRENT_MODEL,
        "grains": [each.grain for each in settled_in],
        "since": [each.since for each in settled_in],
        "until": [each.until for each in settled_in],
    }
    row = (await db.execute(_FIGURES, values)).first()
    if row is None:
        return None
    return Figures(
        account=_account(row),
        as_of=row.as_of,
        invoices=row.invoices,
        days=row.days,
        facts_version=row.facts_version,
        risk=row.risk,
        facts=None if row.facts is None else Facts.model_validate_json(row.facts),
    )


async def remembered(db: AsyncConnection, customer_ids: Sequence[str]) -> list[Remembered]:
    """The risks of these customers that are shown where their day is asked for, by customer."""
    rows = await db.execute(_REMEMBERED, {"customer_ids": list(customer_ids), "model": CURRENT_MODEL})
    return [
        Remembered(_account(row), Facts.model_validate_json(row.facts), row.as_of, row.risk) for row in rows
    ]


async def remember_risk(db: AsyncConnection, figures: Figures, today: date, risk: Risk) -> None:
    """Keep the risk that was computed of what was found, unless one of something newer is kept."""
    account = figures.account
    values = {
        "of_customer": account.customer_id,
        "account_version": account.version,
        "customer_version": account.customer_version,
        "facts_version": figures.facts_version,
        "as_of": today,
        "model": CURRENT_MODEL,
        "risk": risk,
    }
    await db.execute(_REMEMBER, values)


async def facts_changed(db: AsyncConnection, customer_ids: Sequence[str]) -> None:
    """Have the risks of these customers computed anew, because what is on file of them has changed."""
    await db.execute(_FACTS_CHANGED, {"customer_ids": list(customer_ids)})


def _account(row: Any) -> Account:
    return Account(**{name: row._mapping[name] for name in ACCOUNT_MEMBERS})
