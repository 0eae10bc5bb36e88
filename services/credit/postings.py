"""What is kept of an account's orders, receivables and money, and what a message changes of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from services.credit.accounts import ZERO, Account
from shared.contracts.orders.answers import Status
from shared.contracts.orders.events import OrderEvent
from shared.messaging import Event

ReservationStatus = Literal["held", "released", "refused"]
MoneyKind = Literal["payment", "credit_note", "write_off"]
EntryKind = Literal["reserve", "release", "invoice", "payment", "credit_note", "write_off"]
OWN = ""  # the source of documents that credit makes itself; no sender's is empty


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was decided of an order. amount: held, or asked for. reason: why refused or released."""

    order_id: str
    customer_id: str
    amount: Decimal
    status: ReservationStatus
    reason: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """A receivable.

    Attributes:
        order_id: None of an invoice that was issued by command.
        source, external_ref, digest: By which its repeats are known; None of an order's.
        credited, written_off, paid: What money of each kind has taken of the amount.
        settled_on: None while something is open.
        last_paid_on: The latest day of a payment, None without one.
        overdue_said: Whether `invoice.overdue.v1` was said.
    """

    invoice_id: str
    customer_id: str
    amount: Decimal
    invoice_date: date
    due_on: date
    order_id: str | None = None
    source: str | None = None
    external_ref: str | None = None
    digest: bytes | None = None
    credited: Decimal = ZERO
    written_off: Decimal = ZERO
    paid: Decimal = ZERO
    settled_on: date | None = None
    last_paid_on: date | None = None
    overdue_said: bool = False

    @property
    def open_amount(self) -> Decimal:
        """What is left to be paid, never negative."""
        return self.amount - self.credited - self.written_off - self.paid

    @property
    def days_to_pay(self) -> int | None:
        """From its date to the last payment; 0 of money that was there before it, None without a payment."""
        return None if self.last_paid_on is None else max(0, (self.last_paid_on - self.invoice_date).days)

    def past_due(self, today: date) -> Decimal:
        """What is open of it past its due date."""
        return self.open_amount if self.due_on < today else ZERO


@dataclass(frozen=True, slots=True)
class Money:
    """What lowers receivables.

    Attributes:
        source: Who sent it; `OWN` of a return.
        at: When it was received, credited or written off.
        on_account: What no invoice has taken yet.
        digest: Of what was said of it.
        reason: Of a write-off, else None.
    """

    kind: MoneyKind
    source: str
    id: str
    customer_id: str
    amount: Decimal
    at: datetime
    on_account: Decimal
    digest: bytes
    reason: str | None = None

    @property
    def on_day(self) -> date:
        """The day in UTC."""
        return day(self.at)


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of which money an invoice takes."""

    invoice_id: str
    money: Money
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger. receivable, reserved: by how much each changes; version: since then."""

    version: int
    kind: EntryKind
    document_id: str
    source: str
    receivable: Decimal
    reserved: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """An account after a message, and what else is to be kept and said of it.

    Attributes:
        account: Under its last version.
        events: In the order of their versions.
        reservation: As it is now; None where it stays.
        invoices, money: New ones and changed ones, as they are now.
    """

    account: Account
    events: Sequence[Event] = ()
    entries: Sequence[Entry] = ()
    reservation: Reservation | None = None
    invoices: Sequence[Invoice] = ()
    money: Sequence[Money] = ()
    taken: Sequence[Taken] = ()

    def then(self, later: "Change") -> "Change":
        """Both, where the later one was decided on what the first one left."""
        return replace(
            later,
            events=[*self.events, *later.events],
            entries=[*self.entries, *later.entries],
            reservation=later.reservation or self.reservation,
            invoices=[*self.invoices, *later.invoices],
            money=[*self.money, *later.money],
            taken=[*self.taken, *later.taken],
        )


@dataclass(frozen=True, slots=True)
class OrderFact:
    """What an event tells of an order, as far as a score needs it.

    was_accepted: whether it ever was confirmed. returned_amount: by how much more was credited.
    """

    order_id: str
    customer_id: str
    order_date: datetime
    status: Status
    was_accepted: bool
    total_amount: Decimal
    returned_amount: Decimal
    version: int


def fact_of(order: OrderEvent, returned_amount: Decimal = ZERO) -> OrderFact:
    """What the event tells; a cancelled order was accepted where it was more than pending before."""
    is_accepted = order.status not in ("pending", "rejected", "cancelled")
    was_accepted = order.status == "cancelled" and order.previous_status != "pending"
    return OrderFact(
        order_id=order.order_id,
        customer_id=order.customer_id,
        order_date=order.order_date,
        status=order.status,
        was_accepted=is_accepted or was_accepted,
        total_amount=order.total_amount,
        returned_amount=returned_amount,
        version=order.version,
    )


def newest(facts: Iterable[OrderFact]) -> list[OrderFact]:
    """What is known after all of these, in whatever order they come: each order once, by id."""
    known: dict[str, OrderFact] = {}
    for fact in facts:
        before = known.get(fact.order_id, fact)
        known[fact.order_id] = max(fact, before, key=lambda each: each.version)
    return [known[order_id] for order_id in sorted(known)]


def day(at: datetime) -> date:
    """The calendar day of an instant in UTC."""
    return at.astimezone(UTC).date()
