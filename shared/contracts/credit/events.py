"""What credit says: events, and an account's state on a compacted topic. Pure."""

from datetime import date, datetime

from shared.contracts.credit.answers import Rating, Risk
from shared.contracts.credit.topics import EVENTS, STATE
from shared.contracts.values import Amount, Balance, PositiveAmount
from shared.messaging import Event, State, Value


class ReservationEvent(Event):
    """What every event about an order's credit tells: the numbers of the decision.

    version: of the account, +1 with each event. amount: of the order, `0.00` where it is prepaid.
    balance: receivables. reserved: held for open orders, after the decision.
    available_before, available_after: `credit_limit` less balance and reserved, may be negative.
    as_of: when it was decided.
    """

    customer_id: str
    order_id: str
    version: int
    amount: Amount
    currency: str
    credit_limit: Amount
    balance: Balance
    reserved: Amount
    available_before: Balance
    available_after: Balance
    as_of: datetime


class CreditReserved(ReservationEvent):
    """An order's amount is held until it is shipped or ended. Leads to `order.confirmed.v1`."""

    topic = EVENTS
    type = "credit.reserved.v1"
    key = "customer_id"


class ReservationRefused(ReservationEvent):
    """An order gets no credit. Leads to `order.rejected.v1` with the same reason.

    reason: `insufficient_credit`, `unknown_customer`, `customer_inactive`, `currency_mismatch` or
    `account_past_due`; more may come. amount: what was asked for.
    """

    topic = EVENTS
    type = "credit.reservation_refused.v1"
    key = "customer_id"

    reason: str


class CreditReleased(ReservationEvent):
    """What was held for an order is held no more. reason: `shipped`, `cancelled` or `rejected`."""

    topic = EVENTS
    type = "credit.released.v1"
    key = "customer_id"

    reason: str


class InvoiceEvent(Event):
    """What every event of an invoice tells.

    version: of the account. order_id: null of an invoice without an order. amount: in full, in `currency`.
    invoice_date, due_date: calendar days in UTC.
    """

    customer_id: str
    invoice_id: str
    order_id: str | None
    version: int
    amount: PositiveAmount
    currency: str
    invoice_date: date
    due_date: date


class InvoiceIssued(InvoiceEvent):
    """An invoice was issued: of a shipped order by credit itself, or by command."""

    topic = EVENTS
    type = "invoice.issued.v1"
    key = "customer_id"


class InvoiceSettled(InvoiceEvent):
    """Nothing of an invoice is open any more.

    settled_on: the day on which that came about. days_to_pay: from `invoice_date` on; null where nothing
    of it was paid.
    """

    topic = EVENTS
    type = "invoice.settled.v1"
    key = "customer_id"

    settled_on: date
    days_to_pay: int | None


class InvoiceOverdue(InvoiceEvent):
    """An invoice was not paid by its due date; said once. days_past_due: by then."""

    topic = EVENTS
    type = "invoice.overdue.v1"
    key = "customer_id"

    open_amount: PositiveAmount
    days_past_due: int


class Allocation(Value):
    """How much of an amount an invoice takes."""

    invoice_id: str
    amount: PositiveAmount


class PaymentRecorded(Event):
    """A payment was received. received_at: when it came in. on_account: what no open invoice has taken.

    version: of the account. allocations: in the order in which they were made.
    """

    topic = EVENTS
    type = "payment.recorded.v1"
    key = "customer_id"

    customer_id: str
    payment_id: str
    version: int
    amount: PositiveAmount
    currency: str
    received_at: datetime
    allocations: list[Allocation]
    on_account: Amount


class CreditNoteIssued(Event):
    """An amount was credited: of a return, or by command. issued_at: when it was credited.

    Other members as in `payment.recorded.v1`.
    """

    topic = EVENTS
    type = "credit_note.issued.v1"
    key = "customer_id"

    customer_id: str
    credit_note_id: str
    version: int
    amount: PositiveAmount
    currency: str
    issued_at: datetime
    allocations: list[Allocation]
    on_account: Amount


class ReceivableWrittenOff(Event):
    """An amount is not expected any more. written_off_at: when it was given up. on_account: `0.00`.

    Other members as in `payment.recorded.v1`.
    """

    topic = EVENTS
    type = "receivable.written_off.v1"
    key = "customer_id"

    customer_id: str
    write_off_id: str
    version: int
    amount: PositiveAmount
    currency: str
    written_off_at: datetime
    allocations: list[Allocation]
    on_account: Amount


class CreditCheckCompleted(Event):
    """A customer's credit was checked. version: of the account.

    credit_score: 300..850. recommended_credit_limit: advice, never applied by itself.
    """

    topic = EVENTS
    type = "credit.check_completed.v1"
    key = "customer_id"

    customer_id: str
    check_id: str
    version: int
    model_version: str
    credit_score: int
    credit_rating: Rating
    risk_assessment: Risk
    recommended_credit_limit: Amount


class CreditAccount(State):
    """A customer's account as it is now.

    version: +1 with every event and every change of the limit. balance: receivables, negative where there is
    money on account. reserved: held for open orders. available: `credit_limit` less both, may be negative.
    past_due: open amounts whose due date has passed.
    """

    topic = STATE
    type = "credit_account.state.v1"
    key = "customer_id"

    customer_id: str
    currency: str
    credit_limit: Amount
    balance: Balance
    reserved: Amount
    available: Balance
    past_due: Balance
