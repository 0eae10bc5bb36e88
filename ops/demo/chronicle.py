"""What happens to one customer, as commands in their order, and what has to be heard before the next. Pure.

Days are counted back from the day of the world; everything happens at midnight UTC, as in an ERP that knows
days only, unless an hour is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ops.demo.catalogue import net
from shared.contracts.credit.events import (
    CreditNoteIssued,
    CreditReleased,
    InvoiceIssued,
    PaymentRecorded,
    ReceivableWrittenOff,
)
from shared.contracts.credit.requests import (
    IssueCreditNote,
    IssueInvoice,
    RecordPayment,
    WishedAllocation,
    WriteOff,
    invoice_of_order,
)
from shared.contracts.customers.events import CustomerCreated, CustomerDeactivated
from shared.contracts.customers.requests import ImportCustomer, UpdateCustomer
from shared.contracts.orders.events import OrderConfirmed, OrderDelivered, OrderRejected
from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    NewLine,
    PlaceOrder,
    ReturnOrder,
    ShipOrder,
    placed_id,
)
from shared.messaging import Command, Event

SOURCE = "/demo-erp"


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the event that says it has had its effect: only then the next one is sent."""

    command: Command[Any]
    until: type[Event]


@dataclass(frozen=True, slots=True)
class Sale:
    """An order that was placed. total: after the discount."""

    external_ref: str
    total: Decimal


@dataclass(frozen=True, slots=True)
class Story:
    """One customer and all that happens to it. known_for: what it shows; empty for most."""

    customer: ImportCustomer
    steps: tuple[Step, ...]
    known_for: str = ""


def midnight(today: date, days_ago: int) -> datetime:
    """The beginning of a day, UTC."""
    return datetime.combine(today - timedelta(days=days_ago), time(), UTC)


class Chronicle:
    """Writes down what happens to a customer, beginning with its import."""

    def __init__(self, customer: ImportCustomer, today: date) -> None:
        self.customer = customer
        self.today = today
        self.steps = [Step(customer, CustomerCreated)]
        self._id = customer.customer_id or ""
        self._sales = 0
        self._payments = 0

    def story(self, known_for: str = "") -> Story:
        """What was written down."""
        return Story(self.customer, tuple(self.steps), known_for)

    def sells(self, days_ago: int, lines: Sequence[NewLine], is_refused: bool = False, hour: int = 0) -> Sale:
        """An order is placed; is_refused: for want of credit."""
        self._sales += 1
        sale = Sale(f"{self.customer.external_ref}-{self._sales:03}", net(lines, self.customer.discount_rate))
        placed = PlaceOrder(
            external_ref=sale.external_ref,
            customer_id=self._id,
            order_date=midnight(self.today, days_ago) + timedelta(hours=hour),
            currency=self.customer.currency,
            lines=list(lines),
            total_amount=sale.total,
        )
        self.steps.append(Step(placed, OrderRejected if is_refused else OrderConfirmed))
        return sale

    def ships(self, sale: Sale, days_ago: int) -> None:
        """An order is shipped, and thereby invoiced."""
        ref, at = sale.external_ref, midnight(self.today, days_ago)
        shipped = ShipOrder(customer_id=self._id, external_ref=ref, ship_date=at)
        self.steps.append(Step(shipped, InvoiceIssued))

    def delivers(self, sale: Sale, days_ago: int) -> None:
        """An order arrives."""
        ref, at = sale.external_ref, midnight(self.today, days_ago)
        delivered = DeliverOrder(customer_id=self._id, external_ref=ref, delivery_date=at)
        self.steps.append(Step(delivered, OrderDelivered))

    def cancels(self, sale: Sale) -> None:
        """An order is cancelled before it is shipped."""
        cancelled = CancelOrder(
            customer_id=self._id, external_ref=sale.external_ref, reason="ordered by mistake"
        )
        self.steps.append(Step(cancelled, CreditReleased))

    def takes_back(self, sale: Sale, days_ago: int, amount: Decimal | None = None) -> None:
        """Goods come back; amount: None for all that is left."""
        ref, at = sale.external_ref, midnight(self.today, days_ago)
        returned = ReturnOrder(
            customer_id=self._id, external_ref=ref, amount=amount, returned_at=at, return_id=f"{ref}-R"
        )
        self.steps.append(Step(returned, CreditNoteIssued))

    def is_paid(self, sale: Sale, days_ago: int, amount: Decimal | None = None) -> None:
        """Money comes for an order; amount: None for all of it."""
        self._receives(sale.external_ref, amount or sale.total, days_ago)

    def owes(self, amount: Decimal, days_ago: int, due_days_ago: int) -> None:
        """An open item is taken over from the system before."""
        self._sales += 1
        opening = IssueInvoice(
            customer_id=self._id,
            external_ref=f"{self.customer.external_ref}-OPEN{self._sales}",
            amount=amount,
            currency=self.customer.currency,
            invoice_date=midnight(self.today, days_ago).date(),
            due_date=midnight(self.today, due_days_ago).date(),
        )
        self.steps.append(Step(opening, InvoiceIssued))

    def is_credited(self, sale: Sale, days_ago: int, amount: Decimal) -> None:
        """A part of an order's invoice is credited, with the goods staying where they are."""
        note = IssueCreditNote(
            credit_note_id=f"{sale.external_ref}-CN",
            customer_id=self._id,
            amount=amount,
            currency=self.customer.currency,
            issued_at=midnight(self.today, days_ago),
            invoice_id=invoice_of_order(placed_id(SOURCE, sale.external_ref)),
        )
        self.steps.append(Step(note, CreditNoteIssued))

    def is_written_off(self, sale: Sale, days_ago: int) -> None:
        """An order's invoice will not be paid any more."""
        gone = WriteOff(
            write_off_id=f"{sale.external_ref}-WO",
            customer_id=self._id,
            amount=sale.total,
            currency=self.customer.currency,
            reason="debtor could not be reached",
            invoice_id=invoice_of_order(placed_id(SOURCE, sale.external_ref)),
            written_off_at=midnight(self.today, days_ago),
        )
        self.steps.append(Step(gone, ReceivableWrittenOff))

    def ends(self) -> None:
        """The customer may not order any more."""
        self.steps.append(Step(UpdateCustomer(customer_id=self._id, is_active=False), CustomerDeactivated))

    def _receives(self, ref: str, amount: Decimal, days_ago: int) -> None:
        self._payments += 1
        payment = RecordPayment(
            payment_id=f"{ref}-P{self._payments}",
            customer_id=self._id,
            amount=amount,
            currency=self.customer.currency,
            received_at=midnight(self.today, days_ago),
            allocations=[WishedAllocation(external_ref=ref, amount=amount)],
        )
        self.steps.append(Step(payment, PaymentRecorded))
