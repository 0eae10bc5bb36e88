"""Money that lowers receivables: taken in, and found where some of it is on account."""

from typing import Any

from sqlalchemy import Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.postings import Money
from services.credit.tables import money

_MEMBERS = [money.c[name] for name in Money.__slots__]
_NEW = {name: bindparam(f"new_{name}", type_=money.c[name].type) for name in (*Money.__slots__, "on_day")}
_KEY = (money.c.kind, money.c.source, money.c.id)
_INSERT_MONEY = insert(money).values(_NEW).on_conflict_do_nothing().returning(money.c.id)
_PRESENT = select(*_MEMBERS).where(*(each == bindparam(f"of_{each.name}", type_=Text) for each in _KEY))
_ON_ACCOUNT = (
    select(*_MEMBERS)
    .where(money.c.customer_id == bindparam("of_customer", type_=Text), money.c.on_account > 0)
    .order_by(money.c.at, money.c.id)
)


async def take_in(db: AsyncConnection, new: Money) -> Money | None:
    """Store new money; where its sender has used the id before nothing, and what it stands for."""
    row: dict[str, Any] = {f"new_{name}": getattr(new, name) for name in (*Money.__slots__, "on_day")}
    if (await db.execute(_INSERT_MONEY, row)).first() is not None:
        return None
    # a statement of its own: the one that found the id taken may have waited, and sees no newer rows
    keys = {f"of_{name}": getattr(new, name) for name in ("kind", "source", "id")}
    return Money(**(await db.execute(_PRESENT, keys)).one()._mapping)


async def on_account(db: AsyncConnection, customer_id: str) -> list[Money]:
    """The customer's money that no invoice has taken yet, oldest first."""
    rows = await db.execute(_ON_ACCOUNT, {"of_customer": customer_id})
    return [Money(**row._mapping) for row in rows]
