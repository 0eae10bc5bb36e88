"""One example of every member of every contract, by name; whole examples are made of them. Pure."""

from collections.abc import Mapping
from typing import Any

Json = Any  # as `json` reads it
Schema = Mapping[str, Any]

# Where one name means several things, the class says which
VALUES: Mapping[str, Json] = {
    "customer_id": "cust_456",
    "contact_id": "cont_101",
    "Customer.id": "cust_456",
    "CustomerSummary.id": "cust_456",
    "Contact.id": "cont_101",
    "CustomerContact.id": "cont_101",
    "KeptAnswer.id": "0192f0c1-5a6b-7c8d-9e0f-000000000002",
    "version": 7,
    "expected_versions": [6, 7],
    "name": "Customer XYZ",
    "email": "orders@customerxyz.com",
    "phone": "+1-555-0456",
    "fax": "+1-555-0457",
    "website": "https://customerxyz.com",
    "tax_id": "98-7654321",
    "line1": "456 Customer Blvd",
    "line2": "Floor 3",
    "city": "Customer City",
    "state": "NY",
    "postal_code": "10001",
    "country": "US",
    "title": "Procurement Manager",
    "is_primary": True,
    "payment_terms": "net_15",
    "currency": "USD",
    "credit_limit": "10000.00",
    "current_balance": "2500.00",
    "discount_rate": "5.00",
    "preferred_shipping": "UPS_GROUND",
    "customer_since": "2023-06-15T00:00:00Z",
    "lifetime_value": "45000.00",
    "total_orders": 75,
    "is_active": True,
    "notes": "High-value customer with consistent orders",
    "created_at": "2023-06-15T00:00:00Z",
    "updated_at": "2024-01-15T10:30:00Z",
    "external_ref": "DEB-10456",
    "external_source": "/erp",
    "search": "xyz",
    "page": 1,
    "limit": 20,
    "total": 150,
    "hasMore": True,
    "total_is_capped": True,
    "old": "10000.00",
    "new": "15000.00",
    "changed": ["name", "credit_limit"],
    "changed_by": "anonymous",
    "command": "contact.add.v1",
    "code": "customer_not_found",
    "detail": "no customer cust_456",
    "reason": "requested by the customer",
    "erased_at": None,
    "source": "/customers-api/gateway",
    "handled_at": "2024-01-15T10:30:00Z",
    "answer": {"id": "cust_456"},
}
_PERSON = {"name": "Alice Johnson", "email": "alice.johnson@customerxyz.com", "phone": "+1-555-0458"}


def example_of(contract: str, schemas: Mapping[str, Schema]) -> dict[str, Json]:
    """An example of a contract class in which every member is set; numbers are floats.

    Raises:
        KeyError: a member has no example value here.
    """
    members: Mapping[str, Schema] = schemas[contract]["properties"]
    return {name: _example(contract, name, member, schemas) for name, member in members.items()}


def _example(contract: str, name: str, schema: Schema, schemas: Mapping[str, Schema]) -> Json:
    kind = next(iter(schema.get("anyOf", [schema])))
    if "$ref" in kind:
        return example_of(_named(kind), schemas)
    if "$ref" in kind.get("items", {}):
        return [example_of(_named(kind["items"]), schemas)]
    value = _value(contract, name)
    return float(value) if kind.get("type") == "number" else value


def _named(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _value(contract: str, name: str) -> Json:
    own = f"{contract}.{name}"
    if own in VALUES:
        return VALUES[own]
    if "Contact" in contract and name in _PERSON:
        return _PERSON[name]
    if name not in VALUES:
        raise KeyError(f"{own} has no example")
    return VALUES[name]
