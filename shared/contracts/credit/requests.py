"""What credit can be asked, and what it can be told to do. Pure."""

import re
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.contracts.credit.answers import (
    CreditAnalytics,
    CreditCheckPage,
    CreditExport,
    CreditReport,
    ReceivablePosted,
)
from shared.contracts.credit.topics import COMMANDS, QUERIES, RECEIVABLE_COMMANDS
from shared.contracts.pages import Paged
from shared.contracts.periods import Period
from shared.contracts.values import (
    CheckId,
    Currency,
    CustomerId,
    Day,
    ForeignId,
    Instant,
    InvoiceId,
    PositiveAmount,
    Reason,
)
from shared.ids import CROCKFORD, derived_id
from shared.messaging import Command, Query, Value

ALLOCATIONS_MAX = 500


class CheckCredit(Command[CreditReport]):
    """Check a customer's credit and keep the result; whoever asked may have gone by then.

    check_id: chosen by the sender. Refused `customer_not_found`, `check_exists`.
    """

    topic = COMMANDS
    type = "credit.check.v1"
    key = "customer_id"
    expires = False

    customer_id: CustomerId
    check_id: CheckId


class GetCreditCheck(Query[CreditReport]):
    """Ask for one credit check; asked behind the checks of its customer, so that it is never too early.

    Refused `customer_not_found`, `check_not_found`.
    """

    topic = COMMANDS
    type = "credit_check.get.v1"
    key = "customer_id"

    customer_id: CustomerId
    check_id: CheckId


class FindCreditChecks(Paged, Query[CreditCheckPage]):
    """Ask for one page of a customer's credit checks, newest first. Refused `customer_not_found`."""

    topic = QUERIES
    type = "credit_check.find.v1"
    key = "customer_id"

    customer_id: CustomerId


class GetCreditAnalytics(Query[CreditAnalytics]):
    """Ask what a customer owes, and how it pays.

    period: of the settled invoices, by UTC day from its first day on. now: where it ends, and the day of the
    risk. Refused `customer_not_found`.
    """

    topic = QUERIES
    type = "credit_analytics.get.v1"
    key = "customer_id"

    customer_id: CustomerId
    period: Period
    now: Instant


class ExportCredit(Query[CreditExport]):
    """Ask for everything that credit holds about one customer. Refused `customer_not_found`."""

    topic = QUERIES
    type = "customer.export.v1"
    key = "customer_id"

    customer_id: CustomerId


class WishedAllocation(Value):
    """How much of a payment is for which invoice.

    invoice_id, external_ref: one of the two; the reference is that of its order or, without one, its own.
    """

    invoice_id: InvoiceId | None = None
    external_ref: ForeignId | None = None
    amount: PositiveAmount

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if (self.invoice_id is None) == (self.external_ref is None):
            raise PydanticCustomError("invoice_named_once", "give invoice_id or external_ref, one of the two")
        return self


class RecordPayment(Command[ReceivablePosted]):
    """Record a payment, once for each `payment_id` of a sender.

    received_at: may lie in the past, at most 24 h ahead. allocations: None for oldest due first; what they
    leave, and what no open invoice takes, is on account. Refused `unknown_customer`, `currency_mismatch`,
    `payment_id_reused` (with other content), `allocations_exceed_payment`, `date_in_future`.
    """

    topic = RECEIVABLE_COMMANDS
    type = "receivable.record_payment.v1"
    key = "customer_id"

    payment_id: ForeignId
    customer_id: CustomerId
    amount: PositiveAmount
    currency: Currency
    received_at: Instant
    allocations: Annotated[list[WishedAllocation], Field(max_length=ALLOCATIONS_MAX)] | None = None


class IssueInvoice(Command[ReceivablePosted]):
    """Issue an invoice without an order: an opening balance, a charge.

    external_ref: the sender's own, once for each of them. due_date: None for what the customer's payment
    terms make of `invoice_date`. invoice_id: None for one made of sender and reference.
    invoice_date: at most 24 h ahead.
    Refused `unknown_customer`, `currency_mismatch`, `external_ref_reused` (with other content),
    `invoice_id_taken`, `due_before_issued`, `date_in_future`.
    """

    topic = RECEIVABLE_COMMANDS
    type = "receivable.issue_invoice.v1"
    key = "customer_id"

    customer_id: CustomerId
    external_ref: ForeignId
    amount: PositiveAmount
    currency: Currency
    invoice_date: Day
    due_date: Day | None = None
    invoice_id: InvoiceId | None = None


def invoice_of_order(order_id: str) -> str:
    """The id of the invoice of an order."""
    return derived_id("inv", "order", order_id)


def credit_note_of_return(order_id: str, version: int) -> str:
    """The id of the credit note of a return of an order; version: of the event that says it."""
    return derived_id("cn", "return", order_id, str(version))


def is_made_id(invoice_id: str | None) -> bool:
    """Whether an id has the form of those made here: such a one may come to be that of an order's invoice."""
    return invoice_id is not None and re.fullmatch(f"inv_[{CROCKFORD}]{{26}}", invoice_id) is not None


def issued_invoice(source: str, external_ref: str) -> str:
    """The id of the invoice that a sender issues under its own reference without naming one."""
    return derived_id("inv", "issued", source, external_ref)


class IssueCreditNote(Command[ReceivablePosted]):
    """Credit an amount, once for each `credit_note_id` of a sender.

    invoice_id: None for money on account; beyond what is open of the invoice it is on account too.
    issued_at: at most 24 h ahead. Refused `unknown_customer`, `currency_mismatch`, `unknown_invoice`,
    `credit_note_id_reused` (with other content), `date_in_future`.
    """

    topic = RECEIVABLE_COMMANDS
    type = "receivable.issue_credit_note.v1"
    key = "customer_id"

    credit_note_id: ForeignId
    customer_id: CustomerId
    amount: PositiveAmount
    currency: Currency
    issued_at: Instant
    invoice_id: InvoiceId | None = None


class WriteOff(Command[ReceivablePosted]):
    """Write an amount off, once for each `write_off_id` of a sender.

    invoice_id: None for oldest due first. written_off_at: None for when it is handled; at most 24 h ahead.
    reason: for the record; must name no person. Refused `unknown_customer`, `currency_mismatch`,
    `unknown_invoice`, `exceeds_open`, `write_off_id_reused` (with other content), `date_in_future`.
    """

    topic = RECEIVABLE_COMMANDS
    type = "receivable.write_off.v1"
    key = "customer_id"

    write_off_id: ForeignId
    customer_id: CustomerId
    amount: PositiveAmount
    currency: Currency
    reason: Reason
    invoice_id: InvoiceId | None = None
    written_off_at: Instant | None = None
