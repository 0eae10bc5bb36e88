"""What senders say of invoices and money, made into what is kept of it. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from services.credit.accounts import ZERO, Account
from services.credit.postings import OWN, Invoice, Money, MoneyKind, day
from services.credit.receivables import Owed, Shares, as_wished, due_on, oldest_first
from shared.contracts.credit.answers import ReceivablePosted
from shared.contracts.credit.requests import (
    IssueCreditNote,
    IssueInvoice,
    RecordPayment,
    WishedAllocation,
    WriteOff,
    credit_note_of_return,
    invoice_of_order,
    is_made_id,
    issued_invoice,
)
from shared.contracts.orders.events import OrderReturned
from shared.contracts.orders.requests import placed_id
from shared.errors import Refused
from shared.messaging import Answer, Message, timestamp

AHEAD_AT_MOST = timedelta(hours=24)  # a sender's local date may be ahead of UTC by less than a day

MoneyCommand = RecordPayment | IssueCreditNote | WriteOff


@dataclass(frozen=True, slots=True)
class Named:
    """Which invoices a sender speaks of: by id, or by a reference of its own; of any of them."""

    source: str
    invoice_ids: Sequence[str] = ()
    external_refs: Sequence[str] = ()


def invoice_to_issue(command: IssueInvoice, account: Account, source: str, now: datetime) -> Invoice:
    """The invoice that `source` tells of.

    Raises:
        Refused: `date_in_future`, `due_before_issued`, `invoice_id_taken`.
    """
    made = issued_invoice(source, command.external_ref)
    if command.invoice_id not in (None, made) and is_made_id(command.invoice_id):
        raise Refused("invoice_id_taken", "ids of this form are made here, of orders among others")
    _not_ahead("invoice_date", command.invoice_date, day(now + AHEAD_AT_MOST))
    due = command.due_date or due_on(command.invoice_date, account.payment_terms)
    if due < command.invoice_date:
        raise Refused("due_before_issued", "due_date lies before invoice_date")
    return Invoice(
        invoice_id=command.invoice_id or made,
        customer_id=command.customer_id,
        amount=command.amount,
        invoice_date=command.invoice_date,
        due_on=due,
        source=source,
        external_ref=command.external_ref,
        digest=_digest(command),
    )


def money_of(command: MoneyCommand, source: str, now: datetime) -> Money:
    """The money that `source` tells of, all of it on account as yet.

    Raises:
        Refused: `date_in_future`, `allocations_exceed_payment`.
    """
    kind, own_id, at = _kind_id_and_instant(command, now)
    _not_ahead("the date", at, now + AHEAD_AT_MOST)
    if isinstance(command, RecordPayment) and _wished_for(command) > command.amount:
        raise Refused("allocations_exceed_payment", "allocations add up to more than the payment")
    return Money(
        kind=kind,
        source=source,
        id=own_id,
        customer_id=command.customer_id,
        amount=command.amount,
        at=at,
        on_account=command.amount,
        digest=_digest(command),
        reason=command.reason if isinstance(command, WriteOff) else None,
    )


def money_of_return(order: OrderReturned) -> Money:
    """The credit note of a return, the same for each repeat of its event."""
    return Money(
        kind="credit_note",
        source=OWN,
        id=credit_note_of_return(order.order_id, order.version),
        customer_id=order.customer_id,
        amount=order.amount,
        at=order.returned_at,
        on_account=order.amount,
        digest=b"",
    )


def named_by(command: MoneyCommand, source: str) -> Named | None:
    """The invoices the command is about; None: whatever is open, oldest due first."""
    match command:
        case RecordPayment(allocations=None) | WriteOff(invoice_id=None):
            return None
        case RecordPayment():
            wished = command.allocations or []
            ids = [invoice_id for each in wished for invoice_id in _ids(each, source)]
            return Named(source, ids, [each.external_ref for each in wished if each.external_ref])
        case _:
            return Named(source, [command.invoice_id] if command.invoice_id else [])


def shares_of(command: MoneyCommand, owed: Owed, source: str) -> Shares:
    """Who gets how much; owed: with the invoices the command is about.

    Raises:
        Refused: `unknown_invoice`, `exceeds_open`.
    """
    if isinstance(command, RecordPayment):
        if command.allocations is None:
            return oldest_first(command.amount, owed.invoices)
        return as_wished((_meant(each, owed, source), each.amount) for each in command.allocations)
    if command.invoice_id is not None and not owed.invoices:
        raise Refused("unknown_invoice", f"customer {command.customer_id} has no such invoice")
    if isinstance(command, IssueCreditNote):
        return as_wished((invoice, command.amount) for invoice in owed.invoices)
    if command.amount > sum(invoice.open_amount for invoice in owed.invoices):
        raise Refused("exceeds_open", "there is less open than is to be written off")
    return oldest_first(command.amount, owed.invoices)


def refuse_other_invoice(new: Invoice, present: Invoice) -> None:
    """Go on only where the invoice that has the place is the same one.

    Raises:
        Refused: `external_ref_reused`, `invoice_id_taken`.
    """
    if (present.source, present.external_ref) != (new.source, new.external_ref):
        raise Refused("invoice_id_taken", f"there is an invoice {new.invoice_id} already")
    if present.digest != new.digest:
        raise Refused("external_ref_reused", "the sender has issued another invoice under this reference")


def refuse_other_money(new: Money, present: Money) -> None:
    """Go on only where the money that has the id is the same.

    Raises:
        Refused: `payment_id_reused`, `credit_note_id_reused`, `write_off_id_reused`.
    """
    if present.digest != new.digest:
        raise Refused(f"{new.kind}_id_reused", "the sender has used this id for something else")


def posted(account: Account, document_id: str, on_account: Decimal = ZERO) -> Answer[ReceivablePosted]:
    """The answer to a command that was carried out, now or before."""
    said = {"customer_id": account.customer_id, "id": document_id, "version": account.version}
    figures = f'"balance": {account.balance:.2f}, "on_account": {on_account:.2f}'
    return Answer(f"{json.dumps(said)[:-1]}, {figures}}}".encode())


def _kind_id_and_instant(command: MoneyCommand, now: datetime) -> tuple[MoneyKind, str, datetime]:
    match command:
        case RecordPayment():
            return "payment", command.payment_id, command.received_at
        case IssueCreditNote():
            return "credit_note", command.credit_note_id, command.issued_at
        case WriteOff():
            return "write_off", command.write_off_id, command.written_off_at or now


def _wished_for(payment: RecordPayment) -> Decimal:
    return sum((each.amount for each in payment.allocations or []), start=Decimal(0))


def _ids(wished: WishedAllocation, source: str) -> list[str]:
    """By id; or that of the invoice of the order that the sender placed under the reference."""
    if wished.external_ref is None:
        return [wished.invoice_id] if wished.invoice_id else []
    return [invoice_of_order(placed_id(source, wished.external_ref))]


def _meant(wished: WishedAllocation, owed: Owed, source: str) -> Invoice | None:
    """An order's invoice before one that was issued under the same reference."""
    ids = _ids(wished, source)
    by_id = [invoice for invoice in owed.invoices if invoice.invoice_id in ids]
    by_ref = [
        invoice
        for invoice in owed.invoices
        if wished.external_ref is not None
        and (invoice.source, invoice.external_ref) == (source, wished.external_ref)
    ]
    return next(iter([*by_id, *by_ref]), None)


def _not_ahead(name: str, said: Any, latest: date) -> None:
    if said > latest:
        raise Refused("date_in_future", f"{name} lies more than 24 hours ahead")


def _digest(command: Message) -> bytes:
    """Of the content alone: neither the order of members nor an offset from UTC makes a difference."""
    content = json.dumps(command.model_dump(), default=_as_text, sort_keys=True, separators=(",", ":"))
    return sha256(content.encode()).digest()


def _as_text(value: object) -> str:
    return timestamp(value) if isinstance(value, datetime) else str(value)
