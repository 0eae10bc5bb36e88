"""All SQL of customers.

Answers are built by PostgreSQL as finished JSON: one definition serves reads and writes.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.changes import Change
from services.customers.tables import contacts, customers
from shared.contracts.customers import Customer
from shared.errors import Refused
from shared.messaging import Answer

_NO_MONEY: ColumnElement[Any] = literal_column("0.00")  # until orders and credit are there to own the figures
_NO_ORDERS: ColumnElement[Any] = literal_column("0")
_UTC: ColumnElement[str] = literal_column("'UTC'")
_RFC_3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS"Z"'""")
_ONE: ColumnElement[int] = literal_column("1")


def _utc(at: ColumnElement[Any]) -> ColumnElement[str]:
    return func.to_char(func.timezone(_UTC, at), _RFC_3339)


def _rate(rate: ColumnElement[Any]) -> ColumnElement[Any]:
    """With one decimal, or two where it has two."""
    return func.round(rate, func.greatest(_ONE, func.scale(func.trim_scale(rate))))


def _contacts_json(customer: FromClause, people: FromClause) -> ColumnElement[Any]:
    embedded = (
        select(*(people.c[name] for name in ("id", "name", "title", "email", "phone", "is_primary")))
        .where(people.c.customer_id == customer.c.id)
        .order_by(people.c.position)
        .correlate(customer)
        .subquery("contact")
    )
    return func.array_to_json(
        func.array(select(embedded.table_valued()).select_from(embedded).scalar_subquery())
    )


def _in_full(customer: FromClause, people: FromClause) -> ColumnElement[str]:
    """The `Customer` of a row of `customer` with its rows of `people`, as JSON text."""
    c = customer.c
    members = select(
        c.id,
        c.name,
        c.email,
        c.phone,
        c.fax,
        c.website,
        c.tax_id,
        c.billing_address,
        func.coalesce(c.shipping_address, c.billing_address).label("shipping_address"),
        _contacts_json(customer, people).label("contacts"),
        c.payment_terms,
        c.currency,
        c.credit_limit,
        _NO_MONEY.label("current_balance"),
        _rate(c.discount_rate).label("discount_rate"),
        c.preferred_shipping,
        _utc(c.customer_since).label("customer_since"),
        _NO_MONEY.label("lifetime_value"),
        _NO_ORDERS.label("total_orders"),
        c.is_active,
        c.notes,
        _utc(c.created_at).label("created_at"),
        _utc(c.updated_at).label("updated_at"),
        c.external_ref,
    )
    member = members.correlate(customer).subquery("customer")
    whole = select(func.row_to_json(member.table_valued())).select_from(member).scalar_subquery()
    return cast(whole, Text)


_CUSTOMERS_IN_FULL = select(
    customers.c.id, customers.c.version, _in_full(customers, contacts).label("body")
).where(customers.c.id == func.any(bindparam("ids", type_=ARRAY(Text))))


def _insert_customer() -> Any:
    row = {each.name: bindparam(f"new_{each.name}", type_=each.type) for each in customers.c}
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
    added = insert(contacts).from_select(_CONTACT_COLUMNS, rows).returning(contacts).cte("added")
    return select(created.c.version, _in_full(created, added).label("body"))


_CONTACT_COLUMNS = [
    "customer_id",
    "position",
    "id",
    "name",
    "title",
    "email",
    "phone",
    "is_primary",
    "created_at",
]
_CONTACT_COLUMNS += ["updated_at"]
_INSERT_CUSTOMER = _insert_customer()


async def customers_in_full(db: AsyncConnection, ids: Sequence[str]) -> dict[str, Answer[Customer]]:
    """Finished answers of the customers that exist, by id; one statement however many they are."""
    rows = await db.execute(_CUSTOMERS_IN_FULL, {"ids": list(ids)})
    return {row.id: _answer(row.body, row.version) for row in rows}


async def insert_customer(db: AsyncConnection, change: Change) -> Answer[Customer]:
    """Store a new customer with its contacts, in one statement; its finished answer.

    Raises:
        Refused: `customer_exists`, the id is taken.
    """
    customer = change.customer
    row = customer.model_dump(exclude={"customer_id", "contacts"}) | {
        "id": customer.customer_id,
        "notes": change.notes,
    }
    people = [
        contact.model_dump() | {"position": position} for position, contact in enumerate(customer.contacts)
    ]
    inserted = (await db.execute(_INSERT_CUSTOMER, _prefixed(row) | {"contacts": people})).first()
    if inserted is None:
        raise Refused("customer_exists", f"there is a customer {customer.customer_id} already")
    return _answer(inserted.body, inserted.version)


def _prefixed(row: dict[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in row.items()}


def _answer(body: str, version: int) -> Answer[Customer]:
    return Answer(body.encode(), {"version": f"c{version}-p0"})
