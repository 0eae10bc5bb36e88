"""What orders is told, for tests: each builder gives something valid, and the test names what matters.

Changes replace members; amounts are texts, or decimals.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel

from services.orders.placement import Customer
from shared.contracts.credit.events import CreditReserved, ReservationRefused
from shared.contracts.customers.events import CustomerState
from shared.contracts.orders.events import OrderState
from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    NewLine,
    PlaceOrder,
    ReturnOrder,
    ShipOrder,
    StartProcessing,
    placed_id,
)
from shared.ids import prefixed_id
from tests.support.builders import Body, a_create, a_customer_id

M = TypeVar("M", bound=BaseModel)

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)
ERP = "/erp"


def an_order_id() -> str:
    """One that no other test has."""
    return prefixed_id("so", uuid4())


def a_line(**changes: object) -> NewLine:
    """Two widgets for 50.00 each, at the customer's rate."""
    whole = {
        "product_id": "prod_123",
        "product_name": "Smart Widget",
        "quantity": 2,
        "unit_price": "50.00",
    }
    return _built(NewLine, whole, changes)


def a_placement(customer_id: str | None = None, **changes: object) -> PlaceOrder:
    """An order of one line, of a customer that is not there where none is named."""
    whole = {
        "external_ref": f"ERP-{uuid4().hex[:12]}",
        "customer_id": customer_id or a_customer_id(),
        "order_date": datetime(2024, 1, 15, tzinfo=UTC),
        "currency": "USD",
        "lines": [a_line()],
    }
    return _built(PlaceOrder, whole, changes)


def named(order: PlaceOrder | OrderState) -> Body:
    """What names an order in the commands that follow its placement."""
    if isinstance(order, OrderState):
        return {"customer_id": order.customer_id, "order_id": order.order_id}
    return {"customer_id": order.customer_id, "external_ref": order.external_ref}


def a_start(order: PlaceOrder | OrderState, **changes: object) -> StartProcessing:
    """It is being made ready."""
    return _built(StartProcessing, named(order), changes)


def a_shipment(order: PlaceOrder | OrderState, **changes: object) -> ShipOrder:
    """It was shipped a day after it was ordered."""
    return _built(ShipOrder, {**named(order), "ship_date": order.order_date + timedelta(days=1)}, changes)


def a_delivery(order: PlaceOrder | OrderState, **changes: object) -> DeliverOrder:
    """It was delivered three days after it was ordered."""
    delivered = order.order_date + timedelta(days=3)
    return _built(DeliverOrder, {**named(order), "delivery_date": delivered}, changes)


def a_cancellation(order: PlaceOrder | OrderState, **changes: object) -> CancelOrder:
    """It is not wanted any more, without a reason."""
    return _built(CancelOrder, named(order), changes)


def a_return(order: PlaceOrder | OrderState, **changes: object) -> ReturnOrder:
    """All of it came back."""
    return _built(ReturnOrder, named(order), changes)


def a_customer_state(**changes: object) -> CustomerState:
    """An active customer without a discount, on terms of 30 days."""
    whole = {
        **a_create(contacts=[], discount_rate=Decimal("0.00")).model_dump(exclude={"notes"}),
        "version": 1,
        "customer_since": datetime(2022, 1, 1, tzinfo=UTC),
        "created_at": datetime(2022, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2022, 1, 1, tzinfo=UTC),
        "external_ref": None,
        "external_source": None,
    }
    return _built(CustomerState, whole, changes)


def a_customer(**changes: Any) -> Customer:
    """What an order takes over of such a customer."""
    whole: dict[str, Any] = {
        "is_erased": False,
        "payment_terms": "net_30",
        "discount_rate": Decimal("0.00"),
        "shipping_address": {"line1": "456 Warehouse Ave", "city": "Distribution City", "country": "US"},
    }
    return Customer(**{**whole, **changes})


def a_reservation(order: PlaceOrder, **changes: object) -> CreditReserved:
    """Credit for the order is held."""
    return _built(CreditReserved, _credit_for(order), changes)


def a_refused_reservation(order: PlaceOrder, **changes: object) -> ReservationRefused:
    """The order gets no credit."""
    return _built(ReservationRefused, {**_credit_for(order), "reason": "insufficient_credit"}, changes)


def an_order(**changes: object) -> OrderState:
    """A pending order of 100.00."""
    whole: Body = {
        "order_id": "so_1",
        "customer_id": "cust_1",
        "version": 1,
        "external_ref": "ERP-1",
        "source": ERP,
        "order_number": "SO-2024-001",
        "status": "pending",
        "status_reason": None,
        "order_date": datetime(2024, 1, 15, tzinfo=UTC),
        "ship_date": None,
        "delivery_date": None,
        "currency": "USD",
        "total_amount": "100.00",
        "returned_amount": "0.00",
        "payment_terms": "net_30",
        "lines": [{**dict(a_line()), "discount_rate": "0.00", "line_total": "100.00"}],
        "placed_at": datetime(2024, 1, 15, 9, tzinfo=UTC),
        "updated_at": datetime(2024, 1, 15, 9, tzinfo=UTC),
    }
    return _built(OrderState, whole, changes)


def _credit_for(order: PlaceOrder) -> Body:
    figures = ("credit_limit", "balance", "reserved", "available_before", "available_after")
    return {
        "customer_id": order.customer_id,
        "order_id": placed_id(ERP, order.external_ref),
        "version": 1,
        "amount": "100.00",
        "currency": order.currency,
        **dict.fromkeys(figures, "0.00"),
        "as_of": NOW,
    }


def _built(kind: type[M], whole: Body, changes: Body) -> M:
    return kind.model_validate(_decimal({**whole, **changes}))


def _decimal(value: Any, name: str = "") -> Any:
    """Amounts and rates that are texts as decimals, wherever they stand."""
    if isinstance(value, dict):
        return {each: _decimal(member, each) for each, member in value.items() if member is not ...}
    if isinstance(value, list):
        return [_decimal(dict(each) if isinstance(each, NewLine) else each) for each in value]
    is_amount = isinstance(value, str) and (name in _AMOUNTS or name.startswith("available"))
    return Decimal(value) if is_amount else value


_AMOUNTS = {
    *("unit_price", "discount_rate", "line_total", "total_amount", "returned_amount", "amount"),
    *("credit_limit", "balance", "reserved"),
}
