"""Returns: found by what a repeat has in common with them, and kept."""

from sqlalchemy import Text, bindparam, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.returns import Asked
from services.orders.tables import returns
from shared.contracts.orders.events import OrderReturned

_ORDER, _RETURN, _SOURCE, _MESSAGE = (
    bindparam(name, type_=Text) for name in ("of_order", "of_return", "of_source", "of_message")
)
_FIND = (
    select(returns.c.asked_amount, returns.c.asked_returned_at)
    .where(
        returns.c.order_id == _ORDER,
        or_(
            returns.c.return_id == _RETURN,
            (returns.c.source == _SOURCE) & (returns.c.ce_id == _MESSAGE),
        ),
    )
    .limit(1)
)
_KEEP = insert(returns)


async def find(
    db: AsyncConnection, order_id: str, return_id: str | None, message: tuple[str, str]
) -> Asked | None:
    """What was asked for under this id, or by this very message, before; None: nothing was.

    message: its `ce_source` and `ce_id`, by which a return without an id is known.
    """
    source, ce_id = message
    keys = {"of_order": order_id, "of_return": return_id, "of_source": source, "of_message": ce_id}
    row = (await db.execute(_FIND, keys)).one_or_none()
    return None if row is None else Asked(row.asked_amount, row.asked_returned_at)


async def keep(db: AsyncConnection, returned: OrderReturned, asked: Asked, message: tuple[str, str]) -> None:
    """Keep what came back, and by what its repeats are known."""
    source, ce_id = message
    members = ("order_id", "version", "return_id", "amount", "returned_at")
    row = {name: getattr(returned, name) for name in members}
    said = {"asked_amount": asked.amount, "asked_returned_at": asked.returned_at}
    await db.execute(_KEEP, {**row, **said, "source": source, "ce_id": ce_id})
