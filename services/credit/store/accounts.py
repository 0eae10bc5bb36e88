"""Accounts: locked, opened and saved."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Integer, Text, bindparam, case, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account
from services.credit.tables import accounts

ACCOUNT_MEMBERS = [field.name for field in fields(Account)]
_COLUMNS = [accounts.c[name] for name in ACCOUNT_MEMBERS]
_NEW = {name: bindparam(f"new_{name}", type_=accounts.c[name].type) for name in ACCOUNT_MEMBERS}
_FIGURES = ("credit_limit", "balance", "reserved", "past_due")
_NOW = bindparam("now", type_=accounts.c.as_of.type)
_LOCK_ACCOUNT = (
    select(*_COLUMNS).where(accounts.c.customer_id == bindparam("of_customer", type_=Text)).with_for_update()
)
_LOCK_ACCOUNTS = (
    select(*_COLUMNS)
    .where(accounts.c.customer_id == func.any(bindparam("of_customers", type_=ARRAY(Text))))
    .order_by(accounts.c.customer_id)
    .with_for_update()
)
_INSERT_ACCOUNT = insert(accounts).values(_NEW).on_conflict_do_nothing().returning(accounts.c.customer_id)


def updated_account() -> Any:
    """The statement that saves an account, where it still is at the version it was decided on.

    `as_of` moves with the figures alone.
    """
    figures = tuple_(*(accounts.c[name] for name in _FIGURES))
    is_moved = figures.is_distinct_from(tuple_(*(_NEW[name] for name in _FIGURES)))
    return (
        update(accounts)
        .where(accounts.c.customer_id == _NEW["customer_id"])
        .where(accounts.c.version == bindparam("seen_version", type_=Integer))
        .values({name: _NEW[name] for name in ACCOUNT_MEMBERS if name != "customer_id"})
        .values(as_of=case((is_moved, _NOW), else_=accounts.c.as_of))
        .returning(accounts.c.version)
    )


_UPDATE_ACCOUNT = updated_account()


async def lock_account(db: AsyncConnection, customer_id: str) -> Account | None:
    """The account, which nobody else changes before this transaction ends; None: there is none yet."""
    row = (await db.execute(_LOCK_ACCOUNT, {"of_customer": customer_id})).first()
    return None if row is None else Account(**row._mapping)


async def lock_accounts(db: AsyncConnection, customer_ids: Sequence[str]) -> list[Account]:
    """The accounts, by ascending id, so that two who lock several never wait for each other."""
    rows = await db.execute(_LOCK_ACCOUNTS, {"of_customers": list(customer_ids)})
    return [Account(**row._mapping) for row in rows]


async def insert_account(db: AsyncConnection, account: Account) -> bool:
    """Store a new account, or a marker; False where there is one already."""
    return (await db.execute(_INSERT_ACCOUNT, row_of(account))).first() is not None


async def save_account(db: AsyncConnection, before: Account, after: Account, now: datetime) -> None:
    """Store a locked account as it is after what was decided on `before`."""
    values = {**row_of(after), "seen_version": before.version, "now": now}
    (await db.execute(_UPDATE_ACCOUNT, values)).one()


def row_of(account: Account) -> dict[str, Any]:
    """The values that statements about an account take."""
    return {f"new_{name}": value for name, value in asdict(account).items()}
