"""What a command makes of a customer, and the events that say so. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.customers import CreateCustomer, CustomerCreated, CustomerState
from shared.contracts.values import Contact
from shared.messaging import Event


@dataclass(frozen=True, slots=True)
class Change:
    """A customer after a command: what it is now, what only customers keeps of it, and what has happened.

    Attributes:
        customer: The whole state, under its new version.
        notes: Not part of the published state.
        events: In the order of their versions; the last has the version of `customer`.
    """

    customer: CustomerState
    notes: str | None
    events: list[Event]


def take_in(command: CreateCustomer, contacts: list[Contact], now: datetime) -> Change:
    """A new customer, since now."""
    customer = CustomerState(
        customer_id=command.customer_id,
        version=1,
        name=command.name,
        email=command.email,
        phone=command.phone,
        fax=command.fax,
        website=command.website,
        tax_id=command.tax_id,
        billing_address=command.billing_address,
        shipping_address=command.shipping_address,
        contacts=contacts,
        payment_terms=command.payment_terms,
        currency=command.currency,
        credit_limit=command.credit_limit,
        discount_rate=command.discount_rate,
        preferred_shipping=command.preferred_shipping,
        customer_since=now,
        is_active=command.is_active,
        created_at=now,
        updated_at=now,
        external_ref=None,
        external_source=None,
    )
    return Change(customer, command.notes, [_created(customer)])


def _created(customer: CustomerState) -> CustomerCreated:
    return CustomerCreated(
        customer_id=customer.customer_id,
        version=customer.version,
        customer_since=customer.customer_since,
        payment_terms=customer.payment_terms,
        currency=customer.currency,
        credit_limit=customer.credit_limit,
        discount_rate=customer.discount_rate,
        is_active=customer.is_active,
    )
