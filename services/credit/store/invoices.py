"""Invoices: taken in, found, and looked for as they fall overdue."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Integer,
    Numeric,
    RowMapping,
    Text,
    bindparam,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.postings import Invoice
from services.credit.receipts import Named
from services.credit.receivables import Owed
from services.credit.tables import invoices

INVOICE_MEMBERS = Invoice.__slots__
_CUSTOMER, _TODAY = bindparam("of_customer", type_=Text), bindparam("today", type_=Date)
_IS_OPEN = invoices.c.open_amount > 0
_MEMBERS = [invoices.c[name] for name in INVOICE_MEMBERS]


def past_due_of(customer_id: ColumnElement[str], today: ColumnElement[date]) -> ColumnElement[Any]:
    """What is open of a customer's invoices whose due date has passed, as an expression."""
    each = invoices.alias("each")  # the customer may be that of a row of invoices
    total = func.coalesce(func.sum(each.c.open_amount), cast(0, Numeric(16, 2)))
    overdue = select(total.label("total")).where(
        each.c.customer_id == customer_id, each.c.open_amount > 0, each.c.due_on < today
    )
    return overdue.correlate(invoices).scalar_subquery()


def _owed(condition: ColumnElement[bool]) -> Any:
    """One row at least: what is past due is known of a customer without invoices too."""
    standing = select(past_due_of(_CUSTOMER, _TODAY).label("past_due")).subquery("standing")
    asked_for = (invoices.c.customer_id == _CUSTOMER) & condition
    return (
        select(standing.c.past_due, *_MEMBERS)
        .select_from(standing.outerjoin(invoices, asked_for))
        .order_by(invoices.c.due_on, invoices.c.invoice_date, invoices.c.invoice_id)
    )


_INSERT_INVOICE = (
    insert(invoices)
    .values({name: bindparam(f"new_{name}", type_=invoices.c[name].type) for name in INVOICE_MEMBERS})
    .on_conflict_do_nothing()
    .returning(invoices.c.invoice_id)
)
_IS_OF_REF = (invoices.c.source == bindparam("source", type_=Text)) & (
    invoices.c.external_ref == bindparam("external_ref", type_=Text)
)
_PRESENT = (
    select(*_MEMBERS)
    .where(or_(_IS_OF_REF, invoices.c.invoice_id == bindparam("invoice_id", type_=Text)))
    .order_by(func.coalesce(_IS_OF_REF, False).desc())
    .limit(1)
)
_OWED_OPEN = _owed(_IS_OPEN)
_OWED_NAMED = _owed(
    or_(
        invoices.c.invoice_id == func.any(bindparam("invoice_ids", type_=ARRAY(Text))),
        (invoices.c.source == bindparam("source", type_=Text))
        & (invoices.c.external_ref == func.any(bindparam("external_refs", type_=ARRAY(Text)))),
    )
)
_IS_NEWLY_OVERDUE = _IS_OPEN & ~invoices.c.overdue_said & (invoices.c.due_on < _TODAY)
_OVERDUE = (
    select(invoices.c.invoice_id, invoices.c.customer_id)
    .where(_IS_NEWLY_OVERDUE)
    .order_by(invoices.c.due_on)
    .limit(bindparam("at_most", type_=Integer))
)
_STILL_OVERDUE = (
    select(*_MEMBERS, past_due_of(invoices.c.customer_id, _TODAY).label("past_due"))
    .where(invoices.c.invoice_id == func.any(bindparam("invoice_ids", type_=ARRAY(Text))), _IS_NEWLY_OVERDUE)
    .order_by(invoices.c.customer_id, invoices.c.due_on, invoices.c.invoice_date, invoices.c.invoice_id)
)


def invoice_in(row: RowMapping) -> Invoice | None:
    """The invoice of a row that may have none."""
    members = {name: row[name] for name in INVOICE_MEMBERS}
    return None if members["invoice_id"] is None else Invoice(**members)


async def take_in(db: AsyncConnection, invoice: Invoice) -> Invoice | None:
    """Store a new invoice; where its reference or its id is taken nothing, and who has it.

    The one who has the reference, where both are taken by different ones.
    """
    row = {f"new_{name}": getattr(invoice, name) for name in INVOICE_MEMBERS}
    if (await db.execute(_INSERT_INVOICE, row)).first() is not None:
        return None
    # a statement of its own: the one that found the place taken may have waited, and sees no newer rows
    keys = {name: getattr(invoice, name) for name in ("source", "external_ref", "invoice_id")}
    return invoice_in((await db.execute(_PRESENT, keys)).one()._mapping)


async def owed(db: AsyncConnection, customer_id: str, today: date, named: Named | None) -> Owed:
    """What the customer owes, with the invoices of it that are named; None: with all that are open."""
    keys: dict[str, Any] = {"of_customer": customer_id, "today": today}
    if named is None:
        rows = (await db.execute(_OWED_OPEN, keys)).all()
    else:
        lists = {"invoice_ids": list(named.invoice_ids), "external_refs": list(named.external_refs)}
        rows = (await db.execute(_OWED_NAMED, {**keys, **lists, "source": named.source})).all()
    found = [invoice for row in rows if (invoice := invoice_in(row._mapping)) is not None]
    return Owed(rows[0].past_due, found)


async def past_due(db: AsyncConnection, customer_id: str, today: date) -> Decimal:
    """How much of what the customer owes is past its due date."""
    return (await owed(db, customer_id, today, named=Named(source=""))).past_due


async def overdue(db: AsyncConnection, today: date, at_most: int) -> dict[str, str]:
    """Invoices newly overdue, the longest first, and whose they are: customers by invoice id."""
    rows = await db.execute(_OVERDUE, {"today": today, "at_most": at_most})
    return {row.invoice_id: row.customer_id for row in rows}


async def still_overdue(db: AsyncConnection, today: date, invoice_ids: Sequence[str]) -> dict[str, Owed]:
    """Those of the invoices that are, now that their accounts are locked, by customer."""
    rows = await db.execute(_STILL_OVERDUE, {"today": today, "invoice_ids": list(invoice_ids)})
    found: dict[str, Owed] = {}
    for row in rows:
        before = found.get(row.customer_id)
        invoice = Invoice(**{name: row._mapping[name] for name in INVOICE_MEMBERS})
        found[row.customer_id] = Owed(row.past_due, [*(before.invoices if before else []), invoice])
    return found
