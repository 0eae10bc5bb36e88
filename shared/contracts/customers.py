"""What customers owns: its topics, the requests it answers, the events and the state it publishes. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StrictBool

from shared.contracts.values import (
    CONTACTS_MAX,
    Address,
    Contact,
    CreditLimit,
    Currency,
    CustomerId,
    DiscountRate,
    Email,
    Name,
    NewContact,
    Notes,
    NumberInAnswer,
    PaymentTerms,
    Phone,
    ShippingMethod,
    TaxId,
    Website,
)
from shared.messaging import Command, Event, Query, Rejection, State, Topic, Value

EVENTS = Topic(
    "customers.customer.events.v1", kind="events", key="customer_id", groups=(), retention=timedelta(days=14)
)
STATE = Topic(
    "customers.customer.state.v1",
    kind="state",
    key="customer_id",
    groups=(),
    retention=timedelta(days=7),
    personal=True,
)
QUERIES = Topic(
    "customers.customer.queries.v1",
    kind="queries",
    key="customer_id",
    groups=("customers-queries",),
    retention=timedelta(minutes=10),
    personal=True,
)


class CustomerCommandRejected(Rejection):
    """A customer command that nobody awaited an answer for was refused; nothing changed.

    customer_id, contact_id, external_ref: the ids the command named; absent where it named none.
    """

    topic = EVENTS
    type = "customer.command_rejected.v1"
    key = "customer_id"

    customer_id: str | None = None
    contact_id: str | None = None
    external_ref: str | None = None


COMMANDS = Topic(
    "customers.customer.commands.v1",
    kind="commands",
    key="customer_id",
    groups=("customers",),
    retention=timedelta(days=7),
    personal=True,
    rejection=CustomerCommandRejected,
)


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


class GetCustomer(Query[Customer]):
    """Ask for one customer in full. Refused `customer_not_found`."""

    topic = QUERIES
    type = "customer.get.v1"
    key = "customer_id"

    customer_id: CustomerId


class CreateCustomer(Command[Customer]):
    """Take in a new customer under an id the sender has chosen.

    shipping_address: None where it is the billing address. contacts: at most 50; at most one may ask to be
    primary, where none does the first is. credit_limit: in `currency`; 0.00 is no credit. discount_rate:
    percent.
    """

    topic = COMMANDS
    type = "customer.create.v1"
    key = "customer_id"

    customer_id: CustomerId
    name: Name
    email: Email
    phone: Phone | None = None
    fax: Phone | None = None
    website: Website | None = None
    tax_id: TaxId | None = None
    billing_address: Address
    shipping_address: Address | None = None
    contacts: Annotated[list[NewContact], Field(max_length=CONTACTS_MAX)] = Field(default_factory=list)
    payment_terms: PaymentTerms = "net_30"
    currency: Currency = "USD"
    credit_limit: CreditLimit = Decimal("0.00")
    discount_rate: DiscountRate = Decimal("0.00")
    preferred_shipping: ShippingMethod | None = None
    is_active: StrictBool = True
    notes: Notes | None = None


class CustomerCreated(Event):
    """A customer was taken in; who it is stands on the state topic under the same version.

    discount_rate: percent. credit_limit: in `currency`.
    """

    topic = EVENTS
    type = "customer.created.v1"
    key = "customer_id"

    customer_id: str
    version: int
    customer_since: datetime
    payment_terms: PaymentTerms
    currency: str
    credit_limit: CreditLimit
    discount_rate: DiscountRate
    is_active: bool


class CustomerState(State):
    """A customer as it is now, without notes and without the figures that orders and credit own.

    version: +1 with every change. shipping_address: null where it is the billing address.
    external_ref, external_source: the reference of the system it was imported from, null for all others.
    """

    topic = STATE
    type = "customer.state.v1"
    key = "customer_id"

    customer_id: str
    name: str
    email: str
    phone: str | None
    fax: str | None
    website: str | None
    tax_id: str | None
    billing_address: Address
    shipping_address: Address | None
    contacts: list[Contact]
    payment_terms: PaymentTerms
    currency: str
    credit_limit: CreditLimit
    discount_rate: DiscountRate
    preferred_shipping: str | None
    customer_since: datetime
    is_active: bool
    created_at: datetime
    updated_at: datetime
    external_ref: str | None
    external_source: str | None
