"""What requests to credit are answered with: finished JSON, shaped for HTTP. Pure."""

from datetime import date, datetime
from typing import Any, Literal

from shared.contracts.pages import PageMeta
from shared.contracts.values import NumberInAnswer
from shared.messaging import Value

Rating = Literal["poor", "fair", "good", "very_good", "excellent"]
Risk = Literal["low", "medium", "high"]


class CreditReason(Value):
    """Why a score is not better. code: stable. message: a fixed sentence for people."""

    code: str
    message: str


class CreditFactor(Value):
    """A part of a score. weight: percent. value: 0..100, higher is better."""

    name: str
    weight: int
    value: int


class CreditReport(Value):
    """A credit check of a customer, as it was stored.

    credit_score: 300..850. recommended_credit_limit: advice, never applied by itself.
    current_credit_limit: as it was at that time. last_checked: when this check was made, UTC.
    status: `completed`; more may come. reason_codes: the most costly first, at most four.
    thin_file: whether there are fewer than three settled invoices to judge by.
    as_of: the day (UTC) the check speaks of. Money: numbers with two decimals, in the customer's currency.
    """

    customer_id: str
    credit_score: int
    credit_rating: Rating
    recommended_credit_limit: NumberInAnswer
    current_credit_limit: NumberInAnswer
    risk_assessment: Risk
    last_checked: datetime
    check_id: str
    status: str
    model_version: str
    reason_codes: list[CreditReason]
    factors: list[CreditFactor]
    thin_file: bool
    as_of: date


class CreditCheckPage(Value):
    """A page of a customer's credit checks, newest first."""

    data: list[CreditReport]
    meta: PageMeta


class CreditAnalytics(Value):
    """What a customer owes and may owe, and how it pays.

    credit_utilization: percent of the limit that the balance takes, one decimal, never below 0; of a limit of
    0 it is 0.0, or 100.0 where there is a balance.
    avg_payment_days: mean of the days from invoice to last payment, of invoices settled in the period; null
    where there is none. risk_score: as a credit check of today would assess it, by `model_version`.
    as_of: since when the figures have stood as shown; null before the first.
    """

    current_balance: NumberInAnswer
    credit_limit: NumberInAnswer
    credit_utilization: NumberInAnswer
    avg_payment_days: int | None
    risk_score: Risk
    model_version: str
    as_of: datetime | None


class ReceivablePosted(Value):
    """A command was carried out, now or before: under which id, and the account's version and balance since.

    on_account: what of it no open invoice has taken.
    """

    customer_id: str
    id: str
    version: int
    balance: NumberInAnswer
    on_account: NumberInAnswer


class InvoiceRecord(Value):
    """An invoice as it is kept. open_amount: what is left to be paid. settled_on: null while open."""

    invoice_id: str
    order_id: str | None
    external_ref: str | None
    amount: NumberInAnswer
    open_amount: NumberInAnswer
    invoice_date: date
    due_date: date
    settled_on: date | None


class LedgerEntry(Value):
    """A posting. receivable, reserved: by how much each changed. version: of the account since then."""

    version: int
    kind: str
    document_id: str
    receivable: NumberInAnswer
    reserved: NumberInAnswer
    recorded_at: datetime


class CreditExport(Value):
    """Everything credit holds about one customer; of lists the newest 1,000, newest first.

    checks: the newest with the whole input each was made from, at most 100 and 256 KiB of inputs.
    """

    customer_id: str
    version: int
    erased_at: datetime | None
    currency: str | None
    credit_limit: NumberInAnswer
    balance: NumberInAnswer
    reserved: NumberInAnswer
    invoices: list[InvoiceRecord]
    ledger: list[LedgerEntry]
    checks: list[dict[str, Any]]
