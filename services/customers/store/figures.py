"""What credit and orders say of a customer in figures: copied, so that a customer is read in one place.

Each state is a whole under a version of its owner: an older one, and the same one again, change nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, Column, Integer, bindparam, cast, exists, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.tables import customers, figures
from shared.contracts.credit.events import CreditAccount
from shared.contracts.orders.events import OrderTotals

S = TypeVar("S", CreditAccount, OrderTotals)


def _copy(version: Column[Any], *shown: Column[Any]) -> Any:
    """The figures `shown` as they are told, where nothing newer is there; none of an erased customer's.

    In the order of the ids, as the other figures are: so nobody waits in a circle. What comes in the very
    moment of an erasure may stay behind: it names nobody, and is shown to nobody.
    """
    members = (figures.c.customer_id, version, *shown)
    arrays = (bindparam(each.name, type_=ARRAY(each.type)) for each in members)
    told = func.unnest(*arrays).table_valued(*(Column(each.name, each.type) for each in members))
    told = told.render_derived("told")
    is_erased = exists().where(customers.c.id == told.c.customer_id, customers.c.erased_at.is_not(None))
    is_shown = or_(*(told.c[each.name] != 0 for each in shown))  # what it shows was nothing before
    row: dict[Column[Any], Any] = {each: literal(0, each.type) for each in figures.c}
    row |= {each: told.c[each.name] for each in members} | {figures.c.p: cast(is_shown, Integer)}
    rows = select(*row.values()).where(not_(is_erased)).order_by(told.c.customer_id)
    copied = insert(figures).from_select(list(row), rows)
    changes = or_(*(each != copied.excluded[each.name] for each in shown))
    return copied.on_conflict_do_update(
        index_elements=[figures.c.customer_id],
        set_={
            figures.c.p: figures.c.p + cast(changes, Integer),
            **{each: copied.excluded[each.name] for each in (version, *shown)},
        },
        where=version < copied.excluded[version.name],
    )


_COPY_BALANCES = _copy(figures.c.balance_version, figures.c.balance)
_COPY_TOTALS = _copy(figures.c.totals_version, figures.c.lifetime_value, figures.c.total_orders)


async def copy_balances(db: AsyncConnection, accounts: Sequence[CreditAccount]) -> None:
    """Keep the balances of customers' accounts, of each customer the newest."""
    newest = _newest(accounts)
    told = {
        "customer_id": list(newest),
        "balance_version": [each.version for each in newest.values()],
        "balance": [each.balance for each in newest.values()],
    }
    await db.execute(_COPY_BALANCES, told)


async def copy_totals(db: AsyncConnection, totals: Sequence[OrderTotals]) -> None:
    """Keep customers' orders in figures, of each customer the newest."""
    newest = _newest(totals)
    told = {
        "customer_id": list(newest),
        "totals_version": [each.version for each in newest.values()],
        "lifetime_value": [each.lifetime_value for each in newest.values()],
        "total_orders": [each.total_orders for each in newest.values()],
    }
    await db.execute(_COPY_TOTALS, told)


def _newest(states: Sequence[S]) -> Mapping[str, S]:
    """By customer: a statement cannot change a row twice."""
    by_customer: dict[str, S] = {}
    for state in states:
        held = by_customer.get(state.customer_id)
        if held is None or held.version < state.version:
            by_customer[state.customer_id] = state
    return by_customer
