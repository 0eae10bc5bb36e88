"""What credit keeps of customers' and orders' states, so that it can be compared with them and made good.

Of an order, whether it ever was accepted is told by events alone once it is cancelled: that is left as it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account, opened
from services.credit.postings import day
from services.credit.store.accounts import insert_account, lock_account, save_account
from services.credit.store.analytics import facts_changed
from services.credit.store.invoices import past_due
from shared.contracts.credit.requests import credit_note_of_return
from shared.contracts.customers.events import CustomerState
from shared.contracts.orders.events import OrderState
from shared.figures import Copy, Page
from shared.messaging import State

OF_CUSTOMER = ("customer_version", "credit_limit", "currency", "payment_terms", "is_active", "customer_since")
OF_ORDER = ("version", "status", "total_amount", "returned_amount", "order_date")

_PAGE = (bindparam("after", type_=Text), bindparam("at_most", type_=Integer))
_CUSTOMER_IDS = text(
    "select customer_id from accounts where customer_id > :after"
    " and (cast(:of_customer as text) is null or customer_id = :of_customer)"
    " order by customer_id limit :at_most"
).bindparams(*_PAGE, bindparam("of_customer", type_=Text))
_ORDER_IDS = text(
    "select order_id from order_facts where order_id > :after order by order_id limit :at_most"
).bindparams(*_PAGE)
_ORDER_IDS_OF_ONE = text(
    "select order_id from order_facts where order_id > :after and customer_id = :of_customer"
    " order by order_id limit :at_most"
).bindparams(*_PAGE, bindparam("of_customer", type_=Text))
_AMONG = bindparam("ids", type_=ARRAY(Text))
_ACCOUNTS = text("select * from accounts where customer_id = any(:ids)").bindparams(_AMONG)
_FACTS = text("select * from order_facts where order_id = any(:ids)").bindparams(_AMONG)
_LOCK_FACTS = text(
    "select order_id from order_facts where customer_id = :of_customer order by order_id for update"
)
# What came back is what credit notes were made of; a return that is heard yet adds to it by itself.
_SAVE_FACT = text(
    """
    with noted as (
        select coalesce(sum(amount), 0) as amount from money
        where kind = 'credit_note' and source = '' and id = any(:notes)
    )
    insert into order_facts (order_id, customer_id, order_date, status, was_accepted, total_amount,
        returned_amount, version)
    select :order_id, :of_customer, cast(:order_date as timestamptz), :status, :was_accepted,
        cast(:total_amount as numeric), noted.amount, :version from noted
    on conflict (order_id) do update set order_date = excluded.order_date, status = excluded.status,
        was_accepted = order_facts.was_accepted or excluded.was_accepted,
        total_amount = excluded.total_amount, returned_amount = excluded.returned_amount,
        version = excluded.version
    """
).bindparams(
    *(bindparam(name, type_=Text) for name in ("order_id", "of_customer", "order_date", "status")),
    bindparam("total_amount", type_=Text),
    bindparam("version", type_=Integer),
    bindparam("notes", type_=ARRAY(Text)),
)
_FORGET_FACT = text("delete from order_facts where order_id = :order_id")


def told_customer(customer: CustomerState) -> Copy:
    """What is to be kept of a customer."""
    return _of_account(opened(customer))


def told_order(order: OrderState) -> Copy:
    """What is to be kept of an order."""
    amounts = (f"{order.total_amount:.2f}", f"{order.returned_amount:.2f}")
    figures = (order.status, *amounts, _instant(order.order_date))
    return Copy(order.order_id, order.customer_id, order.version, figures)


async def customer_ids(db: AsyncConnection, page: Page) -> list[str]:
    """Customers of whom something is kept, ascending."""
    return list((await db.execute(_CUSTOMER_IDS, _values(page))).scalars())


async def order_ids(db: AsyncConnection, page: Page) -> list[str]:
    """Orders of which something is kept, ascending."""
    if page.customer_id is None:
        return list((await db.execute(_ORDER_IDS, {"after": page.after, "at_most": page.at_most})).scalars())
    return list((await db.execute(_ORDER_IDS_OF_ONE, _values(page))).scalars())


async def kept_customers(db: AsyncConnection, among: Sequence[str]) -> list[Copy]:
    """What is kept of these customers; of an erased one no figures."""
    rows = await db.execute(_ACCOUNTS, {"ids": list(among)})
    return [_of_account(Account(**{name: row._mapping[name] for name in Account.__slots__})) for row in rows]


async def kept_orders(db: AsyncConnection, among: Sequence[str]) -> list[Copy]:
    """What is kept of these orders."""
    return [
        Copy(
            row.order_id,
            row.customer_id,
            row.version,
            (row.status, f"{row.total_amount:.2f}", f"{row.returned_amount:.2f}", _instant(row.order_date)),
        )
        for row in await db.execute(_FACTS, {"ids": list(among)})
    ]


async def lock(db: AsyncConnection, customer_id: str) -> None:
    """Let nobody else change the customer's account or what is kept of its orders before this ends."""
    await lock_account(db, customer_id)
    await db.execute(_LOCK_FACTS, {"of_customer": customer_id})


async def save_customer(db: AsyncConnection, told: Copy, now: datetime) -> Sequence[State]:
    """Have the account follow its customer as it is told, under a new version, which is to be said."""
    held = await lock_account(db, told.customer_id)
    if told.figures is None:
        return ()
    limit, currency, terms, is_active, since = told.figures
    after = Account(
        customer_id=told.customer_id,
        version=1 if held is None else held.version + 1,
        customer_version=told.version,
        currency=currency,
        payment_terms=terms,  # type: ignore[arg-type]  # as the state told them
        customer_since=datetime.fromisoformat(since),
        is_active=is_active == "true",
        credit_limit=Decimal(limit),
        balance=Decimal(0) if held is None else held.balance,
        reserved=Decimal(0) if held is None else held.reserved,
        past_due=await past_due(db, told.customer_id, day(now)),
        erased_at=None,
    )
    if held is not None:
        await save_account(db, held, after, now)
    elif not await insert_account(db, after):
        return ()
    return [after.state()]


async def save_order(db: AsyncConnection, told: Copy, now: datetime) -> Sequence[State]:
    """Keep of an order what is told; a score made of it counts no more. Nothing is to be said of it."""
    if told.figures is None:
        await db.execute(_FORGET_FACT, {"order_id": told.entity_id})
    else:
        status, total, _, ordered_at = told.figures
        values = {
            "order_id": told.entity_id,
            "of_customer": told.customer_id,
            "order_date": ordered_at,
            "status": status,
            "was_accepted": status not in ("pending", "rejected", "cancelled"),
            "total_amount": total,
            "version": told.version,
            "notes": [credit_note_of_return(told.entity_id, each + 1) for each in range(told.version)],
        }
        await db.execute(_SAVE_FACT, values)
    await facts_changed(db, [told.customer_id])
    return ()


def _values(page: Page) -> dict[str, Any]:
    return {"after": page.after, "at_most": page.at_most, "of_customer": page.customer_id}


def _of_account(account: Account) -> Copy:
    figures = None
    if account.exists and account.customer_since is not None:
        figures = (
            f"{account.credit_limit:.2f}",
            account.currency,
            account.payment_terms,
            "true" if account.is_active else "false",
            _instant(account.customer_since),
        )
    return Copy(account.customer_id, account.customer_id, account.customer_version, figures)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
