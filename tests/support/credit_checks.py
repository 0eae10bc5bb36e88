"""Credit's books filled by hand, for tests of what checks are made from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account
from services.credit.store.accounts import row_of
from services.credit.tables import accounts, allocations, invoices, order_facts
from shared.contracts.credit.files import CreditFile, InvoiceOnFile
from tests.support.builders import a_customer_id
from tests.support.credit_builders import an_account

_numbers = count(1)


async def keep_account(db: AsyncConnection, **changes: Any) -> Account:
    """Store an account of an active customer with nothing open."""
    account = replace(an_account(customer_id=a_customer_id()), **changes)
    await db.execute(
        insert(accounts), {name.removeprefix("new_"): value for name, value in row_of(account).items()}
    )
    return account


async def keep_order(db: AsyncConnection, customer_id: str, on: date | datetime, **changes: Any) -> str:
    """Store what is known of an order: delivered, of 100.00, unless told otherwise; its id."""
    row = {
        "order_id": f"so_{next(_numbers)}",
        "customer_id": customer_id,
        "order_date": on if isinstance(on, datetime) else at_noon(on),
        "status": "delivered",
        "was_accepted": True,
        "total_amount": Decimal("100.00"),
        "returned_amount": Decimal("0.00"),
        "version": 5,
        **changes,
    }
    await db.execute(insert(order_facts), row)
    return str(row["order_id"])


async def keep_invoice(
    db: AsyncConnection,
    customer_id: str,
    due_on: date,
    taken: Sequence[tuple[str, date, str]] = (),
    **changes: Any,
) -> str:
    """Store an invoice of 1,000.00 and what was taken of it: kind, day and amount each; its id."""
    invoice_id = f"inv_{next(_numbers)}"
    amounts = {kind: _sum(taken, kind) for kind in ("payment", "credit_note", "write_off")}
    days = [day for _, day, _ in taken]
    row = {
        "invoice_id": invoice_id,
        "customer_id": customer_id,
        "amount": Decimal("1000.00"),
        "credited": amounts["credit_note"],
        "written_off": amounts["write_off"],
        "paid": amounts["payment"],
        "invoice_date": due_on,
        "due_on": due_on,
        "last_paid_on": max((day for kind, day, _ in taken if kind == "payment"), default=None),
        "overdue_said": False,
        **changes,
    }
    is_settled = row["amount"] == sum(amounts.values())
    await db.execute(insert(invoices), {**row, "settled_on": max(days) if is_settled else None})
    for kind, day, amount in taken:
        taking = {"kind": kind, "source": "/erp", "id": str(next(_numbers)), "amount": Decimal(amount)}
        await db.execute(insert(allocations), {"invoice_id": invoice_id, "on_day": day, **taking})
    return invoice_id


async def keep_file(db: AsyncConnection, file: CreditFile) -> Account:
    """Fill the books with all that a credit file tells of a customer."""
    account = await keep_account(
        db,
        payment_terms=f"net_{file.terms_days}" if file.terms_days else "due_on_receipt",
        customer_since=at_noon(file.customer_since),
        is_active=file.is_active,
        credit_limit=file.credit_limit,
        balance=file.receivable_balance,
        reserved=file.reserved,
    )
    await _keep_orders(db, account.customer_id, file)
    for invoice in file.invoices:
        await _keep_on_file(db, account.customer_id, invoice)
    return account


def at_noon(day: date) -> datetime:
    """An instant of that day in UTC."""
    return datetime.combine(day, time(12), UTC)


async def _keep_orders(db: AsyncConnection, customer_id: str, file: CreditFile) -> None:
    orders, purchases = file.orders, [file.orders.purchases]
    last_on = orders.last_order_on or file.as_of
    for _ in range(orders.accepted):
        await keep_order(db, customer_id, last_on, total_amount=purchases.pop() if purchases else Decimal(0))
    for _ in range(orders.cancelled_or_returned):
        await keep_order(db, customer_id, file.as_of, status="cancelled")
    if orders.last_order_on and not orders.accepted:
        await keep_order(db, customer_id, last_on)


async def _keep_on_file(db: AsyncConnection, customer_id: str, invoice: InvoiceOnFile) -> None:
    taken = [("payment", each.paid_on, str(each.amount)) for each in invoice.payments]
    first = min([invoice.due_on, *(each.paid_on for each in invoice.payments)])
    await keep_invoice(
        db,
        customer_id,
        invoice.due_on,
        taken,
        amount=invoice.amount,
        invoice_date=min(first, date(2015, 1, 1)),
    )


def _sum(taken: Sequence[tuple[str, date, str]], kind: str) -> Decimal:
    return sum((Decimal(amount) for each, _, amount in taken if each == kind), Decimal("0.00"))
