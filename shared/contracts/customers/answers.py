"""What requests to customers are answered with: finished JSON, shaped for HTTP. Pure."""

from datetime import datetime
from typing import Any

from shared.contracts.pages import PageMeta
from shared.contracts.values import Address, Contact, NumberInAnswer, PaymentTerms
from shared.messaging import Value


class Customer(Value):
    """A customer in full, as HTTP shows it.

    Money: numbers with two decimals, in `currency`. discount_rate: percent, 0..100, one or two decimals.
    Times: UTC without fractional seconds. contacts: oldest first.
    current_balance, lifetime_value, total_orders: copied from credit and orders, seconds old at most.
    """

    id: str
    name: str
    email: str
    phone: str | None
    fax: str | None
    website: str | None
    tax_id: str | None
    billing_address: Address
    shipping_address: Address
    contacts: list[Contact]
    payment_terms: PaymentTerms
    currency: str
    credit_limit: NumberInAnswer
    current_balance: NumberInAnswer
    discount_rate: NumberInAnswer
    preferred_shipping: str | None
    customer_since: datetime
    lifetime_value: NumberInAnswer
    total_orders: int
    is_active: bool
    notes: str | None
    created_at: datetime
    updated_at: datetime
    external_ref: str | None


class CustomerSummary(Value):
    """A customer as an item of a list: without contacts, tax id and notes.

    Members as in `Customer`.
    """

    id: str
    name: str
    email: str
    phone: str | None
    website: str | None
    billing_address: Address
    shipping_address: Address
    payment_terms: PaymentTerms
    currency: str
    credit_limit: NumberInAnswer
    current_balance: NumberInAnswer
    customer_since: datetime
    is_active: bool
    created_at: datetime
    updated_at: datetime
    external_ref: str | None


class CustomerPage(Value):
    """A page of customers, newest `created_at` first, then highest id first."""

    data: list[CustomerSummary]
    meta: PageMeta


class CustomerContact(Value):
    """A contact by itself. Times: UTC without fractional seconds."""

    id: str
    name: str
    title: str | None
    email: str | None
    phone: str | None
    is_primary: bool
    customer_id: str
    created_at: datetime
    updated_at: datetime


class Imported(Value):
    """An import was carried out, now or before: under which id, and the customer's version since then."""

    customer_id: str
    version: int


class KeptAnswer(Value):
    """An answer that is kept for a repeat of the message `id` of `source`."""

    source: str
    id: str
    handled_at: datetime
    answer: dict[str, Any]


class CustomerExport(Value):
    """Everything customers holds about one customer.

    erased_at: when it was erased; then only its id and version are left. customer, external_source: null
    after that. contacts: oldest first. kept_answers: the newest 100 that tell of
    it, newest first; none is kept for more than eight days.
    """

    customer_id: str
    version: int
    erased_at: datetime | None
    customer: Customer | None
    external_source: str | None
    contacts: list[CustomerContact]
    kept_answers: list[KeptAnswer]
