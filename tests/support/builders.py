"""Data for tests: each builder gives something valid, and the test names only what matters to it.

Changes replace members; `...` takes a member away.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from shared.contracts.customers.requests import (
    AddContact,
    CreateCustomer,
    EraseCustomer,
    ExportCustomer,
    FindCustomers,
    GetCustomer,
    ImportCustomer,
    RemoveContact,
    UpdateContact,
    UpdateCustomer,
)
from shared.ids import new_message_id, prefixed_id
from shared.messaging import GATEWAY_REPLIES, Envelope, Headers, Message, timestamp, write_headers
from tests.support.kafka import Published

Body = dict[str, Any]  # JSON: texts, numbers, lists, objects


def a_customer_id() -> str:
    """One that no other test has."""
    return prefixed_id("cust", uuid4())


def a_contact_id() -> str:
    """One that no other test has."""
    return prefixed_id("cont", uuid4())


def an_address(**changes: object) -> Body:
    """A whole address in the US."""
    whole = {
        "line1": "123 New Customer St",
        "city": "Business City",
        "state": "CA",
        "postal_code": "90210",
        "country": "US",
    }
    return _changed(whole, changes)


def a_contact_body(**changes: object) -> Body:
    """A contact as it is sent with a new customer."""
    whole = {
        "name": "Bob Wilson",
        "title": "Operations Manager",
        "email": "bob.wilson@newcustomer.example",
        "phone": "+1-555-1000",
    }
    return _changed(whole, changes)


def a_customer_body(**changes: object) -> Body:
    """The body of POST /api/customers with the least that is required."""
    least = {
        "name": "New Customer Corp",
        "email": "orders@newcustomer.example",
        "billing_address": an_address(),
    }
    return _changed(least, changes)


def a_create(**changes: object) -> CreateCustomer:
    """A command that every member is set in."""
    whole = {
        "customer_id": a_customer_id(),
        "name": "New Customer Corp",
        "email": "orders@newcustomer.example",
        "phone": "+1-555-0999",
        "fax": "+1-555-0998",
        "website": "https://newcustomer.example",
        "tax_id": "12-9876543",
        "billing_address": an_address(),
        "shipping_address": an_address(line1="456 Warehouse Ave"),
        "contacts": [a_contact_body(is_primary=True)],
        "payment_terms": "net_30",
        "currency": "USD",
        "credit_limit": Decimal("5000.00"),
        "discount_rate": Decimal("2.5"),
        "preferred_shipping": "FEDEX_GROUND",
        "is_active": True,
        "notes": "Pays on Fridays.",
    }
    return CreateCustomer.model_validate(_changed(whole, changes))


def an_import(**changes: object) -> ImportCustomer:
    """A command that every member but the customer's id is set in."""
    whole = {
        **a_create().model_dump(exclude={"customer_id"}),
        "external_ref": f"ERP-{uuid4().hex[:12]}",
        "customer_since": datetime(2019, 3, 1, tzinfo=UTC),
    }
    return ImportCustomer.model_validate(_changed(whole, changes))


def an_update(customer_id: str, **changes: object) -> UpdateCustomer:
    """A command that changes what is named."""
    return UpdateCustomer.model_validate({"customer_id": customer_id, **changes})


def an_erasure(customer_id: str, **changes: object) -> EraseCustomer:
    """A command that erases the customer."""
    return EraseCustomer.model_validate({"customer_id": customer_id, **changes})


def a_new_contact(customer_id: str, **changes: object) -> AddContact:
    """A command that adds one more person."""
    named = {"customer_id": customer_id, "contact_id": a_contact_id()}
    return AddContact.model_validate(_changed({**named, **a_contact_body()}, changes))


def a_changed_contact(customer_id: str, contact_id: str, **changes: object) -> UpdateContact:
    """A command that changes what is named."""
    return UpdateContact.model_validate({"customer_id": customer_id, "contact_id": contact_id, **changes})


def a_removed_contact(customer_id: str, contact_id: str, **changes: object) -> RemoveContact:
    """A command that removes the contact."""
    return RemoveContact.model_validate({"customer_id": customer_id, "contact_id": contact_id, **changes})


def a_find(**changes: object) -> FindCustomers:
    """A query for the first page of all customers, unless it says otherwise."""
    return FindCustomers.model_validate(changes)


def an_export(customer_id: str) -> ExportCustomer:
    """A query for all that is held about the customer."""
    return ExportCustomer(customer_id=customer_id)


def a_get(customer_id: str | None = None) -> GetCustomer:
    """A query for a customer, for one that is not there where none is named."""
    return GetCustomer(customer_id=customer_id or a_customer_id())


def an_envelope(message: Message, **changes: object) -> Envelope:
    """As another team's system writes it: with what is required, and a time."""
    given: dict[str, Any] = {
        "id": new_message_id(),
        "source": "/erp",
        "type": message.type,
        "time": timestamp(datetime.now(UTC)),
        **changes,
    }
    return Envelope(**given)


def an_asking_envelope(message: Message, **changes: object) -> Envelope:
    """As the gateway writes it: an answer is awaited, for five seconds."""
    asked = {
        "source": "/customers-api/gateway",
        "subject": message.subject,
        "partition_key": message.partition_key,
        "correlation_id": new_message_id(),
        "expires_at": datetime.now(UTC) + timedelta(seconds=5),
        "reply_to": GATEWAY_REPLIES.name,
        "reply_partition": 3,
        "ask_id": uuid4().hex,
        "caller": "anonymous",
    }
    return an_envelope(message, **{**asked, **changes})


def a_record(message: Message, envelope: Envelope | None = None, offset: int = 0) -> Published:
    """The record of a message; nobody asks for an answer unless the envelope says so."""
    return Published(
        topic=message.topic.name,
        key=message.record_key,
        value=message.to_json(),
        headers=write_headers(envelope or an_envelope(message)),
        offset=offset,
    )


def without(headers: Headers, name: str) -> Headers:
    """The headers but the one of that name."""
    return [each for each in headers if each[0] != name]


def with_header(headers: Headers, name: str, value: bytes) -> Headers:
    """The headers with one set to a value, at the end."""
    return [*without(headers, name), (name, value)]


def _changed(whole: Mapping[str, object], changes: Mapping[str, object]) -> Body:
    members: Iterable[tuple[str, object]] = {**whole, **changes}.items()
    return {name: value for name, value in members if value is not ...}
