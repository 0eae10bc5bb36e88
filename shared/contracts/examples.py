"""One example of every member of every contract, by name; whole examples are made of them. Pure."""

from collections.abc import Mapping
from typing import Any

Json = Any  # as `json` reads it
Schema = Mapping[str, Any]


def _each(contracts: str, **values: Json) -> dict[str, Json]:
    return {f"{name}.{member}": value for name in contracts.split() for member, value in values.items()}


# Where one name means several things, the class says which
_OF_CUSTOMERS: Mapping[str, Json] = {
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
_STEPS = "StartProcessing ShipOrder DeliverOrder CancelOrder ReturnOrder"
_ORDER_EVENTS = (
    "OrderPlaced OrderConfirmed OrderRejected OrderProcessingStarted OrderShipped OrderDelivered"
    " OrderCancelled OrderReturned"
)
_LINES = "NewLine Line OrderLine"
_OF_ORDERS: Mapping[str, Json] = {
    "order_id": "so_123",
    "order_number": "SO-2024-001",
    "order_date": "2024-01-15T00:00:00Z",
    "ship_date": "2024-01-16T00:00:00Z",
    "delivery_date": "2024-01-18T00:00:00Z",
    "placed_at": "2024-01-15T10:30:00Z",
    "last_order_date": "2024-01-15T00:00:00Z",
    "ordered_from": "2024-01-01T00:00:00Z",
    "ordered_to": "2024-01-31T23:59:59.999999Z",
    "statuses": ["shipped", "delivered"],
    "status_reason": None,
    "total_amount": "299.95",
    "items_count": 3,
    "orders_count": 77,
    "returned_amount": "0.00",
    "returned_at": "2024-01-25T09:00:00Z",
    "return_id": "RMA-2024-17",
    "is_partial": False,
    "product_id": "prod_123",
    "product_name": "Smart Widget",
    "quantity": 5,
    "unit_price": "59.99",
    "line_total": "299.95",
    **_each(_LINES, discount_rate="0.00"),
    **_each(f"PlaceOrder {_STEPS} {_ORDER_EVENTS} Order OrderInFull OrderState", external_ref="ERP-1001"),
    **_each(f"{_ORDER_EVENTS} OrderState", source="/erp"),
    **_each("Order OrderInFull", id="so_123"),
    **_each("Order OrderInFull OrderState OrderStanding", status="delivered"),
    **_each("OrderInFull", items_count=1),
    **_each("OrderStanding OrderState", version=5),
    **_each("OrderPlaced", version=1, status="pending", previous_status=None),
    **_each("OrderConfirmed", version=2, status="confirmed", previous_status="pending"),
    **_each("OrderRejected", version=2, status="rejected", previous_status="pending"),
    **_each("OrderProcessingStarted", version=3, status="processing", previous_status="confirmed"),
    **_each("OrderShipped", version=4, status="shipped", previous_status="processing"),
    **_each("OrderDelivered", version=5, status="delivered", previous_status="shipped"),
    **_each("OrderCancelled", version=3, status="cancelled", previous_status="confirmed"),
    **_each("OrderReturned", version=6, status="returned", previous_status="delivered"),
    **_each("OrderRejected", reason="insufficient_credit"),
    **_each("CancelOrder OrderCancelled", reason="ordered twice"),
    "period": "90d",
    "now": "2024-01-20T09:30:00Z",
    "month": "2024-01",
    "orders": 8,
    "revenue": "4800.00",
    "avg_order_value": "600.00",
    "days_since_last_order": 5,
    "total_revenue": "45000.00",
    "quantity_ordered": 150,
    "customer_segment": "high_value",
    "segment_version": "segments-1.0.0",
    **_each("ProductSold", revenue="7500.00"),
    **_each("OrderAnalytics CreditAnalytics", as_of="2024-01-15T10:30:00Z"),
    **_each("OrderPageMeta", as_of="2024-01-15T10:30:00Z", total=75),
    **_each(
        "OrderCommandRejected",
        external_ref="ERP-1002",
        command="order.ship.v1",
        code="unknown_order",
        detail="no such order came within 15 minutes",
    ),
}
_RESERVATIONS = "CreditReserved ReservationRefused CreditReleased"
_OF_CREDIT: Mapping[str, Json] = {
    "amount": "299.95",
    "balance": "2500.00",
    "reserved": "299.95",
    "available": "7200.05",
    "past_due": "0.00",
    "invoice_id": "inv_123",
    "invoice_date": "2024-01-16",
    "due_date": "2024-01-31",
    "open_amount": "299.95",
    "days_past_due": 1,
    "settled_on": "2024-01-28",
    "days_to_pay": 12,
    "payment_id": "PAY-2024-0117",
    "received_at": "2024-01-28T00:00:00Z",
    "credit_note_id": "CN-2024-0007",
    "issued_at": "2024-02-02T00:00:00Z",
    "write_off_id": "WO-2024-0003",
    "written_off_at": "2024-12-31T00:00:00Z",
    "on_account": "0.00",
    "credit_utilization": "25.0",
    "avg_payment_days": 12,
    "risk_score": "low",
    "check_id": "chk_789",
    "model_version": "tcs-1.0.0",
    "credit_score": 750,
    "credit_rating": "excellent",
    "risk_assessment": "low",
    "recommended_credit_limit": "15000.00",
    "current_credit_limit": "10000.00",
    "last_checked": "2024-01-15T23:00:00Z",
    "thin_file": False,
    "weight": 35,
    "value": 81,
    "message": "The customer relationship is short.",
    "kind": "invoice",
    "document_id": "inv_123",
    "receivable": "299.95",
    "recorded_at": "2024-01-16T08:00:00Z",
    "checks": [{"check_id": "chk_789", "model_version": "tcs-1.0.0", "credit_score": 750}],
    **_each(_RESERVATIONS, as_of="2024-01-15T10:30:00Z"),
    **_each("CreditReserved", available_before="7500.00", available_after="7200.05"),
    **_each("CreditReleased", reserved="0.00", available_before="7200.05", available_after="7500.00"),
    **_each(
        "ReservationRefused",
        amount="8000.00",
        reserved="0.00",
        available_before="7500.00",
        available_after="7500.00",
        reason="insufficient_credit",
    ),
    **_each("CreditReleased", reason="shipped"),
    **_each("WriteOff", reason="insolvency closed without a dividend"),
    **_each("IssueInvoice", external_ref="OPEN-2023-118", amount="2500.00"),
    **_each("WishedAllocation", external_ref="ERP-1001"),
    **_each("InvoiceRecord", external_ref=None),
    **_each("LedgerEntry", reserved="0.00"),
    **_each("ReceivablePosted", id="PAY-2024-0117"),
    **_each("CreditReport", status="completed", as_of="2024-01-15"),
    **_each("CreditReason", code="R06_SHORT_RELATIONSHIP"),
    **_each("CreditFactor", name="payment_history"),
    **_each(
        "ReceivableCommandRejected",
        command="receivable.record_payment.v1",
        code="payment_id_reused",
        detail="PAY-2024-0117 was recorded with other content",
    ),
}
_OF_ANALYTICS: Mapping[str, Json] = {
    "NamedCustomer.id": "cust_456",
    **_each("Window", **{"code": "all", "from": None, "to": None}),
    **_each("Models", customer_segment="segments-1.0.0", risk_score="tcs-1.0.0"),
    **_each(
        "CustomerAnalytics",
        order_history=[
            {"month": "2024-01", "orders": 8, "revenue": 4800.0, "avg_order_value": 600.0},
            {"month": "2023-12", "orders": 6, "revenue": 3600.0, "avg_order_value": 600.0},
        ],
        as_of="2024-01-15T10:30:00Z",
    ),
}
VALUES: Mapping[str, Json] = {**_OF_CUSTOMERS, **_OF_ORDERS, **_OF_CREDIT, **_OF_ANALYTICS}

LEFT_OUT = frozenset(
    [
        *(f"{step}.order_id" for step in _STEPS.split()),
        "WishedAllocation.invoice_id",
        "OrderCommandRejected.order_id",
        "OrderCommandRejected.return_id",
        "ReceivableCommandRejected.invoice_id",
        "ReceivableCommandRejected.external_ref",
        "ReceivableCommandRejected.credit_note_id",
        "ReceivableCommandRejected.write_off_id",
    ]
)
"""Members that others stand for in the example: of these a message has one."""

_PERSON = {"name": "Alice Johnson", "email": "alice.johnson@customerxyz.com", "phone": "+1-555-0458"}


def example_of(contract: str, schemas: Mapping[str, Schema]) -> dict[str, Json]:
    """An example of a contract class in which every member is set that may be; numbers are floats.

    Raises:
        KeyError: a member has no example value here.
    """
    members: Mapping[str, Schema] = schemas[contract]["properties"]
    return {
        name: _example(contract, name, member, schemas)
        for name, member in members.items()
        if f"{contract}.{name}" not in LEFT_OUT
    }


def _example(contract: str, name: str, schema: Schema, schemas: Mapping[str, Schema]) -> Json:
    kind = next(iter(schema.get("anyOf", [schema])))
    has_its_own = f"{contract}.{name}" in VALUES
    if "$ref" in kind and not has_its_own:
        return example_of(_named(kind), schemas)
    if "$ref" in kind.get("items", {}) and not has_its_own:
        return [example_of(_named(kind["items"]), schemas)]
    value = _value(contract, name)
    return float(value) if kind.get("type") == "number" and value is not None else value


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
