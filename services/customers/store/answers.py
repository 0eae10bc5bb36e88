"""Answers as expressions of SQL: one definition serves the tables and the rows a statement has written."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Join, Select, func, literal_column, select

from services.customers.tables import figures
from shared.sql_json import as_list, as_object, as_text, at_least, utc

_NO_MONEY: ColumnElement[Any] = literal_column("0.00")
_NO_ORDERS: ColumnElement[Any] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
_EMBEDDED = ("id", "name", "title", "email", "phone", "is_primary")


def with_figures(customer: FromClause) -> Join:
    """The rows of `customer`, each with its row of `figures` where there is one."""
    return customer.outerjoin(figures, figures.c.customer_id == customer.c.id)


def projection() -> ColumnElement[int]:
    """How often the shown figures of a row of `figures` changed; 0 where there is none."""
    return func.coalesce(figures.c.p, literal_column("0"))


def contacts_of(customer: FromClause, people: FromClause) -> ColumnElement[Any]:
    """The embedded `Contact`s of a row of `customer` out of `people`, oldest first."""
    embedded = select(*(people.c[name] for name in _EMBEDDED))
    return as_list(_oldest_first(embedded, customer, people))


def contacts_alone(customer: FromClause, people: FromClause) -> ColumnElement[Any]:
    """The `CustomerContact`s of a row of `customer` out of `people`, oldest first."""
    return as_list(_oldest_first(_alone(people), customer, people))


def contact_alone(person: FromClause) -> ColumnElement[str]:
    """The `CustomerContact` of a row of `person`, as JSON text."""
    return as_text(as_object(_alone(person).correlate(person)))


def in_full(customer: FromClause, people: FromClause) -> ColumnElement[Any]:
    """The `Customer` of a row of `with_figures(customer)` with its rows of `people`."""
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
        _shipping_address(customer),
        contacts_of(customer, people).label("contacts"),
        c.payment_terms,
        c.currency,
        c.credit_limit,
        _balance(),
        at_least(_ONE, c.discount_rate).label("discount_rate"),
        c.preferred_shipping,
        utc(c.customer_since).label("customer_since"),
        func.coalesce(figures.c.lifetime_value, _NO_MONEY).label("lifetime_value"),
        func.coalesce(figures.c.total_orders, _NO_ORDERS).label("total_orders"),
        c.is_active,
        c.notes,
        utc(c.created_at).label("created_at"),
        utc(c.updated_at).label("updated_at"),
        c.external_ref,
    )
    return as_object(members.correlate(customer, figures))


def summary(customer: FromClause) -> Select[Any]:
    """The members of a `CustomerSummary` of each row of `with_figures(customer)`."""
    c = customer.c
    return select(
        c.id,
        c.name,
        c.email,
        c.phone,
        c.website,
        c.billing_address,
        _shipping_address(customer),
        c.payment_terms,
        c.currency,
        c.credit_limit,
        _balance(),
        utc(c.customer_since).label("customer_since"),
        c.is_active,
        utc(c.created_at).label("created_at"),
        utc(c.updated_at).label("updated_at"),
        c.external_ref,
    )


def _alone(people: FromClause) -> Select[Any]:
    times = (utc(people.c[name]).label(name) for name in ("created_at", "updated_at"))
    return select(*(people.c[name] for name in _EMBEDDED), people.c.customer_id, *times)


def _oldest_first(contacts: Select[Any], customer: FromClause, people: FromClause) -> Select[Any]:
    of_customer = contacts.where(people.c.customer_id == customer.c.id)
    return of_customer.order_by(people.c.position).correlate(customer)


def _balance() -> ColumnElement[Any]:
    return func.coalesce(figures.c.balance, _NO_MONEY).label("current_balance")


def _shipping_address(customer: FromClause) -> ColumnElement[Any]:
    return func.coalesce(customer.c.shipping_address, customer.c.billing_address).label("shipping_address")
