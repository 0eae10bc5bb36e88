"""What customers says: events, and its whole state on a compacted topic. Pure."""

from datetime import datetime

from shared.contracts.customers.topics import EVENTS, STATE
from shared.contracts.values import Address, Contact, CreditLimit, DiscountRate, PaymentTerms
from shared.messaging import Event, State


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


class CustomerUpdated(Event):
    """Something about a customer changed; what it is now stands on the state topic.

    changed: names of the members that changed, all of them; values as in `customer.created.v1`.
    """

    topic = EVENTS
    type = "customer.updated.v1"
    key = "customer_id"

    customer_id: str
    version: int
    customer_since: datetime
    payment_terms: PaymentTerms
    currency: str
    credit_limit: CreditLimit
    discount_rate: DiscountRate
    is_active: bool
    changed: list[str]


class CustomerCreditLimitChanged(Event):
    """A customer's credit limit was changed.

    old, new: in the customer's currency. changed_by: the caller at the gateway, or the sender's source.
    """

    topic = EVENTS
    type = "customer.credit_limit_changed.v1"
    key = "customer_id"

    customer_id: str
    version: int
    old: CreditLimit
    new: CreditLimit
    changed_by: str


class CustomerDeactivated(Event):
    """A customer may not order any more."""

    topic = EVENTS
    type = "customer.deactivated.v1"
    key = "customer_id"

    customer_id: str
    version: int


class CustomerReactivated(Event):
    """A customer may order again."""

    topic = EVENTS
    type = "customer.reactivated.v1"
    key = "customer_id"

    customer_id: str
    version: int


class CustomerErased(Event):
    """A customer was erased: whoever keeps a copy of who it was deletes it."""

    topic = EVENTS
    type = "customer.erased.v1"
    key = "customer_id"

    customer_id: str
    version: int


class ContactAdded(Event):
    """A contact was added."""

    topic = EVENTS
    type = "contact.added.v1"
    key = "customer_id"

    customer_id: str
    contact_id: str
    version: int


class ContactUpdated(Event):
    """A contact was changed, or became or ceased to be the primary one."""

    topic = EVENTS
    type = "contact.updated.v1"
    key = "customer_id"

    customer_id: str
    contact_id: str
    version: int


class ContactRemoved(Event):
    """A contact was removed."""

    topic = EVENTS
    type = "contact.removed.v1"
    key = "customer_id"

    customer_id: str
    contact_id: str
    version: int


class CustomerState(State):
    """A customer as it is now, without notes and without the figures that orders and credit own.

    version: +1 with every change. shipping_address: null where it is the billing address.
    external_ref: its name in the system it was imported from, null for all others.
    external_source: the `ce_source` of the system it was imported from, null for all others.
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
