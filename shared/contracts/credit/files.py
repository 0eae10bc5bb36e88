"""What a credit check is made from: the form in which it is kept, exported, and scored again. Pure."""

from typing import Annotated

from pydantic import Field, StrictBool

from shared.contracts.values import Amount, Balance, CreditLimit, Day
from shared.messaging import Value

Count = Annotated[int, Field(ge=0, strict=True)]


class PaymentOnFile(Value):
    """What was paid of an invoice on one day; a write-off counts as a payment."""

    paid_on: Day
    amount: Amount


class InvoiceOnFile(Value):
    """An invoice that is open, or has a payment of the last 24 months. amount: less what was credited."""

    amount: Amount
    due_on: Day
    payments: tuple[PaymentOnFile, ...]


class OrdersOnFile(Value):
    """A customer's orders in figures; the first three of the 365 days up to `as_of`, by order date.

    accepted: how many are confirmed, processing, shipped or delivered. purchases: their totals, less what was
    returned of them. cancelled_or_returned: how many; not those that were rejected, or cancelled while
    pending. last_order_on: of any accepted or returned order; null before the first.
    """

    accepted: Count
    cancelled_or_returned: Count
    purchases: Balance
    last_order_on: Day | None


class CreditFile(Value):
    """Everything that a score is made from, and nothing personal; members in their canonical order.

    model: version of the scorecard. as_of: the day it speaks of, UTC. receivable_balance: negative where
    there is money on account. reserved: held for open orders. terms_days: from an invoice to its due date, 0
    where there are none. Amounts are in the currency of the account; what is dated after `as_of` is left out.
    """

    model: str
    as_of: Day
    customer_since: Day
    is_active: StrictBool
    credit_limit: CreditLimit
    receivable_balance: Balance
    reserved: Amount
    terms_days: Count
    orders: OrdersOnFile
    invoices: tuple[InvoiceOnFile, ...]
