"""Contacts of a customer that is locked: added, changed and removed.

One statement each. Who is primary no more is written before who is now: the index that keeps a second one
out looks at every row, not at the end. What a CTE gives must be read before the row that depends on it.
"""

from typing import Any

from sqlalchemy import CTE, Integer, Text, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.contacts import Rearrangement
from services.customers.store.answers import contact_alone
from services.customers.store.customers import version_fact
from services.customers.tables import contacts, customers, figures
from shared.contracts.customers.answers import CustomerContact
from shared.contracts.values import Contact
from shared.errors import Refused
from shared.messaging import Answer, Done

# a parameter called like a column would be taken for a value of the row
_CUSTOMER, _CONTACT, _OTHER_ONE = (
    bindparam(name, type_=Text) for name in ("of_customer", "of_contact", "of_other")
)
_OF_CUSTOMER = contacts.c.customer_id == _CUSTOMER
_NAMED = _OF_CUSTOMER & (contacts.c.id == _CONTACT)
_OTHER = _OF_CUSTOMER & (contacts.c.id == _OTHER_ONE)
_P = func.coalesce(select(figures.c.p).where(figures.c.customer_id == _CUSTOMER).scalar_subquery(), 0).label(
    "p"
)
_NOW = bindparam("now", type_=contacts.c.updated_at.type)
_MEMBERS = [name for name in Contact.model_fields if name != "id"]
_GIVEN = {name: bindparam(f"new_{name}", type_=contacts.c[name].type) for name in _MEMBERS}


def _bumped() -> CTE:
    """The customer under its new version."""
    return (
        update(customers)
        .where(customers.c.id == _CUSTOMER)
        .values(version=bindparam("new_version", type_=Integer), updated_at=_NOW)
        .cte("bumped")
    )


def _demoted() -> CTE:
    """Who is primary no more."""
    other = update(contacts).where(_OTHER).values(is_primary=False, updated_at=_NOW)
    return other.returning(contacts.c.id).cte("demoted")


def _after(done: CTE) -> Any:
    """A condition that holds, once all of `done` has been done."""
    return select(func.count()).select_from(done).scalar_subquery() >= 0


def _add_contact() -> Any:
    demoted = _demoted()
    next_position = select(func.coalesce(func.max(contacts.c.position) + 1, 0)).where(_OF_CUSTOMER)
    row = {
        "customer_id": _CUSTOMER,
        "position": next_position.scalar_subquery(),
        "id": _CONTACT,
        **_GIVEN,
        "created_at": _NOW,
        "updated_at": _NOW,
    }
    rows = select(*row.values()).where(_after(demoted))
    added = (
        insert(contacts)
        .from_select(list(row), rows)
        .on_conflict_do_nothing(index_elements=[contacts.c.id])
        .returning(contacts)
        .cte("added")
    )
    return select(contact_alone(added).label("body"), _P).select_from(added).add_cte(_bumped())


def _update_contact() -> Any:
    demoted = _demoted()
    updated = (
        update(contacts)
        .where(_NAMED, _after(demoted))
        .values(**_GIVEN, updated_at=_NOW)
        .returning(contacts)
        .cte("updated")
    )
    return select(contact_alone(updated).label("body"), _P).select_from(updated).add_cte(_bumped())


def _remove_contact() -> Any:
    gone = delete(contacts).where(_NAMED).returning(contacts.c.id).cte("gone")
    promoted = update(contacts).where(_OTHER, _after(gone)).values(is_primary=True, updated_at=_NOW)
    return select(_P).add_cte(promoted.cte("promoted"), _bumped())


_ADD_CONTACT = _add_contact()
_UPDATE_CONTACT = _update_contact()
_REMOVE_CONTACT = _remove_contact()
_CONTACT_ALONE = select(contact_alone(contacts).label("body"), _P).where(_NAMED)


async def add(db: AsyncConnection, change: Rearrangement) -> Answer[CustomerContact]:
    """Store a new contact; its finished answer.

    Raises:
        Refused: `contact_exists`, another customer's contact has the id.
    """
    added = (await db.execute(_ADD_CONTACT, _row(change))).first()
    if added is None:
        raise Refused("contact_exists", f"there is a contact {change.contact.id} already")
    return _answer(change, added)


async def save(db: AsyncConnection, change: Rearrangement) -> Answer[CustomerContact]:
    """Store what changed about a contact, if anything did; its finished answer."""
    if change.events:
        updated = await db.execute(_UPDATE_CONTACT, _row(change))
    else:
        updated = await db.execute(_CONTACT_ALONE, _keys(change))
    return _answer(change, updated.one())


async def remove(db: AsyncConnection, change: Rearrangement) -> Answer[Done]:
    """Delete a contact."""
    removed = (await db.execute(_REMOVE_CONTACT, {**_keys(change), **_circumstances(change)})).one()
    return Answer(b"{}", {"version": version_fact(change.customer.version, removed.p)})


def _row(change: Rearrangement) -> dict[str, Any]:
    given = {f"new_{name}": getattr(change.contact, name) for name in _MEMBERS}
    return {**_keys(change), **_circumstances(change), **given}


def _keys(change: Rearrangement) -> dict[str, Any]:
    return {"of_customer": change.customer.customer_id, "of_contact": change.contact.id}


def _circumstances(change: Rearrangement) -> dict[str, Any]:
    now = change.customer.updated_at
    return {"of_other": change.other_id, "new_version": change.customer.version, "now": now}


def _answer(change: Rearrangement, row: Any) -> Answer[CustomerContact]:
    return Answer(row.body.encode(), {"version": version_fact(change.customer.version, row.p)})
