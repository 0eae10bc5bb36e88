"""Invoices and what lowers them: due dates, who gets a payment, when an invoice is settled. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.credit.accounts import ZERO, Account, terms_days
from services.credit.postings import OWN, Change, Entry, Invoice, Money, Taken, day
from services.credit.reservations import Standing, release
from shared.contracts.credit.events import (
    Allocation,
    CreditNoteIssued,
    InvoiceIssued,
    InvoiceOverdue,
    InvoiceSettled,
    PaymentRecorded,
    ReceivableWrittenOff,
)
from shared.contracts.credit.requests import invoice_of_order
from shared.contracts.orders.events import OrderDelivered, OrderShipped
from shared.contracts.values import PaymentTerms
from shared.messaging import Event

Shares = Sequence[tuple[Invoice, Decimal]]
"""How much of some money each invoice gets, in the order in which they get it."""

_PARTS = {"payment": "paid", "credit_note": "credited", "write_off": "written_off"}


@dataclass(frozen=True, slots=True)
class Owed:
    """What a customer owes. past_due: by today. invoices: those asked for, oldest due first."""

    past_due: Decimal
    invoices: Sequence[Invoice]


# Invoices


def due_on(invoice_date: date, payment_terms: PaymentTerms) -> date:
    """When an invoice of that day is due."""
    return invoice_date + timedelta(days=terms_days(payment_terms))


def ship(
    order: OrderShipped | OrderDelivered,
    account: Account,
    standing: Standing,
    on_account: Sequence[Money],
    now: datetime,
) -> Change | None:
    """What was held becomes a receivable, dated by the shipment; None where that has happened.

    An order of nothing is not invoiced. on_account: money that is there for it, oldest first.
    """
    released = release(order, account, standing.reservation, "shipped", now)
    left = released.account if released else account
    if standing.invoice is not None or not order.total_amount:
        return released
    shipped_at = order.ship_date if isinstance(order, OrderShipped) else order.delivery_date
    issued = issue(left, _invoice_of(order, left, day(shipped_at)), on_account, day(now))
    return released.then(issued) if released else issued


def issue(account: Account, invoice: Invoice, on_account: Sequence[Money], today: date) -> Change:
    """The customer owes the invoice; money on account settles it as far as it goes, oldest first."""
    after, spent, taken = invoice, [], []
    for money in on_account:
        amount = min(money.on_account, after.open_amount)
        if amount:
            after = _lowered(after, money, amount)
            spent.append(replace(money, on_account=money.on_account - amount))
            taken.append(Taken(invoice.invoice_id, money, amount))
    owing = account.moved(receivable=invoice.amount, past_due=after.past_due(today))
    issued = Change(
        owing,
        events=[InvoiceIssued(**_told(owing, invoice))],
        entries=[
            Entry(owing.version, "invoice", invoice.invoice_id, invoice.source or OWN, invoice.amount, ZERO)
        ],
        invoices=[after],
        money=spent,
        taken=taken,
    )
    return issued.then(_settled(owing, [after]))


def overdue(account: Account, invoices: Iterable[Invoice], today: date) -> Change:
    """Says of each that it was not paid by its due date."""
    events: list[Event] = []
    said: list[Invoice] = []
    for invoice in invoices:
        account = account.moved()
        days = (today - invoice.due_on).days
        told = _told(account, invoice)
        events.append(InvoiceOverdue(**told, open_amount=invoice.open_amount, days_past_due=days))
        said.append(replace(invoice, overdue_said=True))
    return Change(account, events, invoices=said)


# What lowers them


def oldest_first(amount: Decimal, invoices: Iterable[Invoice]) -> Shares:
    """An amount spread over what is open: oldest due first, then oldest invoice date, then id."""
    shares, left = [], amount
    for invoice in sorted(invoices, key=lambda each: (each.due_on, each.invoice_date, each.invoice_id)):
        share = min(left, invoice.open_amount)
        if share:
            shares.append((invoice, share))
            left -= share
    return shares


def as_wished(wished: Iterable[tuple[Invoice | None, Decimal]]) -> Shares:
    """What each invoice gets of what is wished for it: no more than is open, each once, in their order.

    What is wished for no invoice gets nobody.
    """
    invoices: dict[str, Invoice] = {}
    amounts: dict[str, Decimal] = {}
    for invoice, amount in wished:
        if invoice is not None:
            invoices[invoice.invoice_id] = invoice
            amounts[invoice.invoice_id] = amounts.get(invoice.invoice_id, ZERO) + amount
    capped = [(invoices[each], min(amount, invoices[each].open_amount)) for each, amount in amounts.items()]
    return [(invoice, share) for invoice, share in capped if share]


def lower(account: Account, money: Money, shares: Shares, today: date) -> Change:
    """The customer owes less by the money; what no invoice gets of it is on account."""
    lowered = [_lowered(invoice, money, share) for invoice, share in shares]
    kept = replace(money, on_account=money.amount - sum(share for _, share in shares))
    past_due = sum(
        (after.past_due(today) - before.past_due(today))
        for after, (before, _) in zip(lowered, shares, strict=True)
    )
    after = account.moved(receivable=-money.amount, past_due=ZERO + past_due)
    recorded = Change(
        after,
        events=[_recorded(after, kept, shares)],
        entries=[Entry(after.version, money.kind, money.id, money.source, -money.amount, ZERO)],
        invoices=lowered,
        money=[kept],
        taken=[Taken(invoice.invoice_id, money, share) for invoice, share in shares],
    )
    return recorded.then(_settled(after, lowered))


def _lowered(invoice: Invoice, money: Money, amount: Decimal) -> Invoice:
    """Settled on the latest of the invoice's day, the money's and the last payment's, in whatever order
    they were recorded."""
    part = _PARTS[money.kind]
    paid_on = [invoice.last_paid_on] if invoice.last_paid_on else []
    paid_on += [money.on_day] if money.kind == "payment" else []
    changes: Mapping[str, Any] = {
        part: getattr(invoice, part) + amount,
        "last_paid_on": max(paid_on, default=None),
    }
    after = replace(invoice, **changes)
    if after.open_amount:
        return after
    return replace(after, settled_on=max([invoice.invoice_date, money.on_day, *paid_on]))


def _settled(account: Account, invoices: Iterable[Invoice]) -> Change:
    """Says of each of which nothing is open that it is settled."""
    events = []
    for invoice in invoices:
        if invoice.settled_on is None:
            continue
        account = account.moved()
        told = _told(account, invoice)
        days = invoice.days_to_pay
        events.append(InvoiceSettled(**told, settled_on=invoice.settled_on, days_to_pay=days))
    return Change(account, events)


def _invoice_of(order: OrderShipped | OrderDelivered, account: Account, on: date) -> Invoice:
    return Invoice(
        invoice_id=invoice_of_order(order.order_id),
        customer_id=order.customer_id,
        amount=order.total_amount,
        invoice_date=on,
        due_on=due_on(on, order.payment_terms or account.payment_terms),
        order_id=order.order_id,
    )


def _told(account: Account, invoice: Invoice) -> dict[str, Any]:
    return {
        "customer_id": invoice.customer_id,
        "invoice_id": invoice.invoice_id,
        "order_id": invoice.order_id,
        "version": account.version,
        "amount": invoice.amount,
        "currency": account.currency,
        "invoice_date": invoice.invoice_date,
        "due_date": invoice.due_on,
    }


def _recorded(account: Account, money: Money, shares: Shares) -> Event:
    said: dict[str, Any] = {
        "customer_id": money.customer_id,
        "version": account.version,
        "amount": money.amount,
        "currency": account.currency,
        "allocations": [Allocation(invoice_id=each.invoice_id, amount=share) for each, share in shares],
        "on_account": money.on_account,
    }
    match money.kind:
        case "payment":
            return PaymentRecorded(**said, payment_id=money.id, received_at=money.at)
        case "credit_note":
            return CreditNoteIssued(**said, credit_note_id=money.id, issued_at=money.at)
        case "write_off":
            return ReceivableWrittenOff(**said, write_off_id=money.id, written_off_at=money.at)
