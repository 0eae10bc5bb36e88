"""What customers keeps of credit's and orders' states, so that it can be compared with them and made good."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, Integer, Text, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.tables import figures
from shared.contracts.credit.events import CreditAccount
from shared.contracts.orders.events import OrderTotals
from shared.figures import Copy, Page
from shared.messaging import State

BALANCE = ("balance_version", "balance")
TOTALS = ("totals_version", "lifetime_value", "total_orders")
NO_BALANCE = ("0.00",)
NO_TOTALS = ("0.00", "0")

_IDS = text(
    "select customer_id from figures where customer_id > :after"
    " and (cast(:of_customer as text) is null or customer_id = :of_customer)"
    " order by customer_id limit :at_most"
).bindparams(
    bindparam("after", type_=Text),
    bindparam("at_most", type_=Integer),
    bindparam("of_customer", type_=Text),
)
_KEPT = text(
    """
    select given.id, figures.balance, figures.balance_version, figures.lifetime_value,
        figures.total_orders, figures.totals_version, customers.erased_at is not null as is_erased
    from unnest(:ids) as given (id) left join figures on figures.customer_id = given.id
        left join customers on customers.id = given.id
    where figures.customer_id is not null or customers.erased_at is not null
    """
).bindparams(bindparam("ids", type_=ARRAY(Text)))
_LOCK_CUSTOMER = text("select erased_at from customers where id = :of_customer for share")
_BEGIN = text(
    "insert into figures (customer_id, p, balance, balance_version, lifetime_value, total_orders,"
    " totals_version) values (:of_customer, 0, 0, 0, 0, 0, 0) on conflict do nothing"
)
_LOCK = text("select customer_id from figures where customer_id = :of_customer for update")


def _save(version: str, *shown: str) -> TextClause:
    """The figures `shown` as they are told, whatever version is there; `p` counts where that changes one."""
    changes = " or ".join(f"{name} <> :new_{name}" for name in shown)
    values = ", ".join(f"{name} = :new_{name}" for name in (version, *shown))
    update = f"update figures set p = p + cast({changes} as integer), {values}"  # noqa: S608  # names of columns
    told = (bindparam(f"new_{name}", type_=figures.c[name].type) for name in (version, *shown))
    return text(f"{update} where customer_id = :of_customer").bindparams(*told)


_SAVE_BALANCE = _save("balance_version", "balance")
_SAVE_TOTALS = _save("totals_version", "lifetime_value", "total_orders")


def told_balance(account: CreditAccount) -> Copy:
    """What is to be kept of an account."""
    return Copy(account.customer_id, account.customer_id, account.version, (f"{account.balance:.2f}",))


def told_totals(totals: OrderTotals) -> Copy:
    """What is to be kept of a customer's orders."""
    shown = (f"{totals.lifetime_value:.2f}", str(totals.total_orders))
    return Copy(totals.customer_id, totals.customer_id, totals.version, shown)


async def ids(db: AsyncConnection, page: Page) -> list[str]:
    """Customers of whom figures are kept, ascending."""
    values = {"after": page.after, "at_most": page.at_most, "of_customer": page.customer_id}
    return list((await db.execute(_IDS, values)).scalars())


async def kept_balances(db: AsyncConnection, customer_ids: Sequence[str]) -> list[Copy]:
    """What is kept of these customers' accounts; nothing of one of whom there is neither row nor marker."""
    return [
        Copy(row.id, row.id, row.balance_version or 0, None if row.is_erased else (f"{row.balance:.2f}",))
        for row in await _kept(db, customer_ids)
    ]


async def kept_totals(db: AsyncConnection, customer_ids: Sequence[str]) -> list[Copy]:
    """The same of their orders."""
    return [
        Copy(
            row.id,
            row.id,
            row.totals_version or 0,
            None if row.is_erased else (f"{row.lifetime_value:.2f}", str(row.total_orders)),
        )
        for row in await _kept(db, customer_ids)
    ]


async def lock(db: AsyncConnection, customer_id: str) -> None:
    """Let nobody else change or erase the customer's figures before this transaction ends."""
    customer = (await db.execute(_LOCK_CUSTOMER, {"of_customer": customer_id})).first()
    if customer is None or customer.erased_at is None:
        await db.execute(_BEGIN, {"of_customer": customer_id})
    await db.execute(_LOCK, {"of_customer": customer_id})


async def save_balance(db: AsyncConnection, told: Copy, now: datetime) -> Sequence[State]:
    """Keep the balance as it is told; nothing is to be said of it."""
    (balance,) = told.figures or NO_BALANCE
    values = {"new_balance": Decimal(balance), "new_balance_version": told.version}
    await db.execute(_SAVE_BALANCE, {"of_customer": told.customer_id, **values})
    return ()


async def save_totals(db: AsyncConnection, told: Copy, now: datetime) -> Sequence[State]:
    """Keep the orders in figures as they are told; nothing is to be said of them."""
    value, count = told.figures or NO_TOTALS
    values = {"new_lifetime_value": Decimal(value), "new_total_orders": int(count)}
    keys = {"of_customer": told.customer_id, "new_totals_version": told.version}
    await db.execute(_SAVE_TOTALS, {**keys, **values})
    return ()


async def _kept(db: AsyncConnection, customer_ids: Sequence[str]) -> Any:
    return await db.execute(_KEPT, {"ids": list(customer_ids)})
