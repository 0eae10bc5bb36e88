"""Customers: read, locked, taken in, changed and erased."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    JSON,
    Boolean,
    FromClause,
    Integer,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    not_,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.changes import Change, Held, Present, taken
from services.customers.imports import Import
from services.customers.store.answers import contacts_of, in_full, projection, with_figures
from services.customers.tables import COUNT_SLOTS, contacts, customer_counts, customers, figures
from shared.contracts.customers.answers import Customer
from shared.contracts.customers.events import CustomerState
from shared.errors import Refused
from shared.messaging import Answer
from shared.sql_json import as_text

_WRITTEN = [each for each in customers.c if each.computed is None]
_CUSTOMER = bindparam("of_customer", type_=Text)
_NAMED = customers.c.id == _CUSTOMER
_THERE = customers.c.erased_at.is_(None)
# Drawn here: PostgreSQL would draw again, and miss its row, where it had to wait for that of the counts.
_SLOT = bindparam("of_slot", type_=customer_counts.c.slot.type)
_MARKER: dict[str, Any] = {
    **{name: "" for name in ("name", "email")},
    "billing_address": {},
    **{
        name: None
        for name in (
            *("phone", "fax", "website", "tax_id", "shipping_address", "preferred_shipping", "notes"),
            *("external_ref", "external_source", "import_digest"),
        )
    },
}
"""What an erasure leaves of the members that tell who somebody is, or that anybody may have written so."""

_AMONG = customers.c.id == func.any(bindparam("ids", type_=ARRAY(Text)))


def _in_full(customer: FromClause, people: FromClause) -> Any:
    """The answer of each row of `customer`, and what makes its version."""
    return select(
        customer.c.id,
        customer.c.version,
        projection().label("p"),
        as_text(in_full(customer, people)).label("body"),
    ).select_from(with_figures(customer))


_CUSTOMERS_IN_FULL = _in_full(customers, contacts).where(_AMONG, _THERE)
_STATES = select(customers, type_coerce(contacts_of(customers, contacts), JSON).label("contacts")).where(
    _AMONG, _THERE
)


def _lock_customer() -> Any:
    locked = select(customers).where(_NAMED).with_for_update().cte("locked")
    seen = select(customers.c.version).where(_NAMED).scalar_subquery()
    people = type_coerce(contacts_of(locked, contacts), JSON)
    return select(locked, seen.label("seen_version"), people.label("contacts"))


def _counted(changed: CTE, sign: int) -> CTE:
    """The row of `changed` counted (1) or counted no more (-1)."""
    drawn = select(_SLOT.label("slot"), changed.c.is_active).subquery("drawn")
    counts = customer_counts.c
    active, inactive = (cast(each, Integer) * sign for each in (drawn.c.is_active, not_(drawn.c.is_active)))
    return (
        update(customer_counts)
        .where(counts.slot == drawn.c.slot)
        .values(active=counts.active + active, inactive=counts.inactive + inactive)
        .cte("counted")
    )


def _insert_customer() -> Any:
    row = {each.name: bindparam(f"new_{each.name}", type_=each.type) for each in _WRITTEN}
    created = insert(customers).values(row).on_conflict_do_nothing().returning(customers).cte("created")
    given = (
        func.json_to_recordset(bindparam("contacts", type_=JSON))
        .table_valued(
            *(column(name, Text) for name in ("id", "name", "title", "email", "phone")),
            column("is_primary", Boolean),
            column("position", Integer),
        )
        .render_derived("given", with_types=True)
    )
    rows = select(
        created.c.id,
        given.c.position,
        *(given.c[name] for name in ("id", "name", "title", "email", "phone", "is_primary")),
        created.c.created_at,
        created.c.updated_at,
    ).select_from(created.join(given, true()))
    added = insert(contacts).from_select(list(contacts.c), rows).returning(contacts).cte("added")
    return _in_full(created, added).add_cte(_counted(created, 1))


def _update_customer() -> Any:
    row = {each.name: bindparam(f"new_{each.name}", type_=each.type) for each in _CHANGEABLE}
    updated = update(customers).where(_NAMED).values(row).returning(customers).cte("updated")
    active_by = bindparam("active_by", type_=Integer)
    counts = customer_counts.c
    moved = (
        update(customer_counts)
        .where(counts.slot == _SLOT, active_by != 0)
        .values(active=counts.active + active_by, inactive=counts.inactive - active_by)
    )
    return _in_full(updated, contacts).add_cte(moved.cte("moved"))


def _erase() -> Any:
    at, version = bindparam("at", type_=customers.c.erased_at.type), bindparam("new_version", type_=Integer)
    marked = (
        update(customers)
        .where(_NAMED)
        .values(**_MARKER, version=version, updated_at=at, erased_at=at)
        .returning(customers)
        .cte("marked")
    )
    gone = delete(contacts).where(contacts.c.customer_id == _CUSTOMER).cte("gone")
    forgotten = delete(figures).where(figures.c.customer_id == _CUSTOMER).cte("forgotten")
    return select(marked.c.id).add_cte(gone, forgotten, _counted(marked, -1))


_FIXED = {"id", "created_at", "erased_at", "imported_as", "import_digest"}
_CHANGEABLE = [each for each in _WRITTEN if each.name not in _FIXED]
_LOCK_CUSTOMER = _lock_customer()
_LOCK_VERSION = select(customers.c.version, customers.c.erased_at).where(_NAMED).with_for_update()
_INSERT_CUSTOMER = _insert_customer()
_UPDATE_CUSTOMER = _update_customer()
_ERASE = _erase()
_PRESENT = (
    select(customers)
    .where(_NAMED | (customers.c.imported_as == bindparam("imported_as", type_=Text)))
    .order_by(func.coalesce(customers.c.imported_as == bindparam("imported_as", type_=Text), False).desc())
    .limit(1)
)


async def customers_in_full(db: AsyncConnection, ids: Sequence[str]) -> dict[str, Answer[Customer]]:
    """Finished answers of the customers that exist, by id; one statement however many they are."""
    rows = await db.execute(_CUSTOMERS_IN_FULL, {"ids": list(ids)})
    return {row.id: _answer(row) for row in rows}


async def states_of(db: AsyncConnection, ids: Sequence[str]) -> dict[str, CustomerState]:
    """The customers that exist as the state topic has them, by id; one statement however many they are."""
    rows = await db.execute(_STATES, {"ids": list(ids)})
    return {row.id: _state(row) for row in rows}


async def lock_customer(db: AsyncConnection, customer_id: str) -> Held:
    """The customer with its contacts, which nobody else changes before this transaction ends.

    Raises:
        Refused: `customer_not_found`; an erased one is not found either.
    """
    row = (await db.execute(_LOCK_CUSTOMER, {"of_customer": customer_id})).first()
    if row is not None and row.version != row.seen_version:
        # The lock was waited for. Its row is the newest, but the contacts are those from before the wait;
        # versions tell, for every change of a contact takes one.
        row = (await db.execute(_LOCK_CUSTOMER, {"of_customer": customer_id})).one()
    if row is None or row.erased_at is not None:
        raise _not_found(customer_id)
    return Held(_state(row), row.notes)


async def lock_version(db: AsyncConnection, customer_id: str) -> int | None:
    """The version of a customer that nobody else changes before this transaction ends; None: it is erased.

    Raises:
        Refused: `customer_not_found`.
    """
    row = (await db.execute(_LOCK_VERSION, {"of_customer": customer_id})).first()
    if row is None:
        raise _not_found(customer_id)
    version: int = row.version
    return version if row.erased_at is None else None


async def insert_customer(db: AsyncConnection, change: Change) -> Answer[Customer]:
    """Store a new customer with its contacts, in one statement; its finished answer.

    Raises:
        Refused: `customer_exists` or `customer_erased`, the id is taken.
    """
    inserted = (await db.execute(_INSERT_CUSTOMER, _new_row(change))).first()
    if inserted is None:
        raise taken(await _present(db, change.customer.customer_id, imported_as=None))
    return _answer(inserted)


async def insert_import(db: AsyncConnection, wanted: Import) -> Present | None:
    """Store a customer of another system; where its id or its reference is taken nothing, and who has it.

    The one who has the reference, where both are taken by different ones.
    """
    keys = {"new_imported_as": wanted.imported_as, "new_import_digest": wanted.digest}
    inserted = (await db.execute(_INSERT_CUSTOMER, _new_row(wanted.change) | keys)).first()
    if inserted is not None:
        return None
    return await _present(db, wanted.change.customer.customer_id, wanted.imported_as)


async def save(db: AsyncConnection, change: Change) -> Answer[Customer]:
    """Store what changed about a locked customer, if anything did; the finished answer says what."""
    customer_id = change.customer.customer_id
    said = {"changed": ",".join(change.changed)}
    if not change.events:
        (answer,) = (await customers_in_full(db, [customer_id])).values()
        return Answer(answer.body, {**answer.facts, **said})
    keys = {"of_customer": customer_id, "of_slot": _a_slot(), "active_by": change.active_by}
    answer = _answer((await db.execute(_UPDATE_CUSTOMER, {**_row(change), **keys})).one())
    return Answer(answer.body, {**answer.facts, **said})


async def erase(db: AsyncConnection, customer_id: str, version: int, now: datetime) -> None:
    """Leave nothing of a locked customer but its id, under its last version."""
    keys = {"of_customer": customer_id, "of_slot": _a_slot()}
    await db.execute(_ERASE, {**keys, "new_version": version, "at": now})


def version_fact(version: int, p: int) -> str:
    """A version as answers carry it: of the customer, and of the figures that others own."""
    return f"c{version}-p{p}"


async def _present(db: AsyncConnection, customer_id: str, imported_as: str | None) -> Present:
    """A statement of its own: the one that found the place taken may have waited, and sees no newer rows."""
    keys = {"of_customer": customer_id, "imported_as": imported_as}
    row = (await db.execute(_PRESENT, keys)).one()
    return Present(
        customer_id=row.id,
        version=row.version,
        imported_as=row.imported_as,
        digest=row.import_digest,
        is_erased=row.erased_at is not None,
    )


def _row(change: Change) -> dict[str, Any]:
    members = change.customer.model_dump(exclude={"customer_id", "contacts"})
    return {f"new_{name}": value for name, value in {**members, "notes": change.notes}.items()}


def _new_row(change: Change) -> dict[str, Any]:
    people = [
        contact.model_dump() | {"position": position}
        for position, contact in enumerate(change.customer.contacts)
    ]
    unset = {f"new_{name}": None for name in ("erased_at", "imported_as", "import_digest")}
    keys = {"new_id": change.customer.customer_id, "of_slot": _a_slot()}
    return {**unset, **_row(change), **keys, "contacts": people}


def _a_slot() -> int:
    return random.randrange(COUNT_SLOTS)  # noqa: S311  # spreads writers, hides nothing


def _answer(row: Any) -> Answer[Customer]:
    return Answer(row.body.encode(), {"version": version_fact(row.version, row.p)})


def _state(row: Any) -> CustomerState:
    return CustomerState.model_validate({**row._mapping, "customer_id": row.id})


def _not_found(customer_id: str) -> Refused:
    return Refused("customer_not_found", f"no customer {customer_id}")
