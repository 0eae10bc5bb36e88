"""What credit and orders say of a customer in figures: copied, so that a customer is read in one place.

Each state is a whole under a version of its owner: an older one, and the same one again, change nothing.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Integer, bindparam, cast, exists, not_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.tables import customers, figures
from shared.contracts.credit.events import CreditAccount
from shared.contracts.orders.events import OrderTotals

_NONE_YET = {
    "balance": Decimal("0.00"),
    "balance_version": 0,
    "lifetime_value": Decimal("0.00"),
    "total_orders": 0,
    "totals_version": 0,
}


def _copy(version: Column[Any], *shown: Column[Any]) -> Any:
    """The figures `shown` as they are told, where nothing newer is there; none of an erased customer's.

    What comes in the very moment of an erasure may stay behind: it names nobody, and is shown to nobody.
    """
    row = {each.name: bindparam(f"new_{each.name}", type_=each.type) for each in figures.c}
    is_erased = exists().where(customers.c.id == row["customer_id"], customers.c.erased_at.is_not(None))
    copied = insert(figures).from_select(list(row), select(*row.values()).where(not_(is_erased)))
    changes = or_(*(each != copied.excluded[each.name] for each in shown))
    return copied.on_conflict_do_update(
        index_elements=[figures.c.customer_id],
        set_={
            figures.c.p: figures.c.p + cast(changes, Integer),
            **{each: copied.excluded[each.name] for each in (version, *shown)},
        },
        where=version < copied.excluded[version.name],
    )


_COPY_BALANCE = _copy(figures.c.balance_version, figures.c.balance)
_COPY_TOTALS = _copy(figures.c.totals_version, figures.c.lifetime_value, figures.c.total_orders)


async def copy_balance(db: AsyncConnection, account: CreditAccount) -> None:
    """Keep the balance of a customer's account."""
    told = {"balance": account.balance, "balance_version": account.version}
    await db.execute(_COPY_BALANCE, _row(account.customer_id, told))


async def copy_totals(db: AsyncConnection, totals: OrderTotals) -> None:
    """Keep a customer's orders in figures."""
    told = {
        "lifetime_value": totals.lifetime_value,
        "total_orders": totals.total_orders,
        "totals_version": totals.version,
    }
    await db.execute(_COPY_TOTALS, _row(totals.customer_id, told))


def _row(customer_id: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """As it is where it is the customer's first one: what it shows was nothing before."""
    row = {**_NONE_YET, **told}
    is_shown = any(row[name] for name in ("balance", "lifetime_value", "total_orders"))
    return {f"new_{name}": value for name, value in row.items()} | {
        "new_customer_id": customer_id,
        "new_p": int(is_shown),
    }
