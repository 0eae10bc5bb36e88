"""What several of these tests do: place orders and move them on, pay, and look at what became of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from shared.contracts.credit import topics as credit_topics
from shared.contracts.credit.requests import RecordPayment
from shared.contracts.orders import topics as orders_topics
from shared.contracts.orders.requests import PlaceOrder, StepOfOrder, placed_id
from tests.e2e.support import a_customer, data, keyed, sent
from tests.support.builders import Body
from tests.support.eventually import eventually
from tests.support.kafka import Published
from tests.support.system import ApplicationUnderTest

S = TypeVar("S", bound=StepOfOrder)

ERP = "/erp"  # whoever sends records in these tests
ORDER_EVENTS = orders_topics.EVENTS.name
CREDIT_EVENTS = credit_topics.EVENTS.name


def yesterday() -> datetime:
    """At noon, so that no test depends on the time of day."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def a_line(**changes: object) -> Body:
    """One piece for 100.00, without a discount."""
    least = {
        "product_id": "prod_123",
        "product_name": "Smart Widget",
        "quantity": 1,
        "unit_price": Decimal("100.00"),
        "discount_rate": Decimal("0.00"),
    }
    return {**least, **changes}


def an_order(customer_id: str, amount: str = "100.00", **changes: object) -> PlaceOrder:
    """An order over `amount`, ordered yesterday."""
    least = {
        "external_ref": f"PO-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "order_date": yesterday(),
        "currency": "USD",
        "lines": [a_line(unit_price=Decimal(amount))],
    }
    return PlaceOrder.model_validate({**least, **changes})


def order_id_of(order: PlaceOrder) -> str:
    """The id it gets."""
    return placed_id(ERP, order.external_ref)


def a_step(kind: type[S], order: PlaceOrder, **members: object) -> S:
    """A command for an order, which it names by its reference."""
    named = {"customer_id": order.customer_id, "external_ref": order.external_ref}
    return kind.model_validate({**named, **members})


def a_payment(customer_id: str, amount: str, **changes: object) -> RecordPayment:
    """A payment, received yesterday."""
    least = {
        "payment_id": f"PAY-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "amount": Decimal(amount),
        "currency": "USD",
        "received_at": yesterday(),
    }
    return RecordPayment.model_validate({**least, **changes})


async def a_debtor(app: ApplicationUnderTest, credit_limit: float = 1000, **changes: object) -> str:
    """The id of a customer that may buy on credit."""
    customer = await a_customer(app, credit_limit=credit_limit, **changes)
    return str(customer["id"])


async def placed(app: ApplicationUnderTest, order: PlaceOrder, status: str = "confirmed") -> Body:
    """An order that was sent and has come to a status."""
    await sent(app, order)
    return await until(app, order, status)


async def until(app: ApplicationUnderTest, order: PlaceOrder, status: str) -> Body:
    """The order, once it has come to a status."""
    path = f"/api/customers/{order.customer_id}/orders/{order_id_of(order)}"

    def has_come(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.json()["data"]["status"] == status

    found: Body = data(await eventually(lambda: app.http.get(path), has_come))
    return found


async def until_detail(app: ApplicationUnderTest, customer_id: str, **figures: Any) -> Body:
    """The customer, once its figures are these."""

    def shows(answer: httpx.Response) -> bool:
        return figures.items() <= answer.json()["data"].items()

    return data(await eventually(lambda: app.http.get(f"/api/customers/{customer_id}"), shows))  # type: ignore[no-any-return]


async def orders_of(app: ApplicationUnderTest, customer_id: str, **parameters: str) -> Body:
    """A page of the customer's orders, whole."""
    answer = await app.http.get(f"/api/customers/{customer_id}/orders", params=parameters)
    assert answer.status_code == 200, answer.text
    page: Body = answer.json()
    return page


async def events_of(
    app: ApplicationUnderTest, topic: str, customer_id: str, *until_types: str
) -> list[Published]:
    """Events about a customer, once each of these types is among them."""

    def are_there(found: list[Published]) -> bool:
        return {record.header["ce_type"] for record in found} >= set(until_types)

    return await eventually(lambda: keyed(app, topic, customer_id), are_there)


async def rejection(app: ApplicationUnderTest, topic: str, customer_id: str, cause: Published) -> Body:
    """What is said of a command that was refused."""

    def of_it(found: list[Published]) -> list[Published]:
        return [
            record
            for record in found
            if record.header.get("ce_causationid") == cause.header["ce_id"]
            and record.header["ce_type"].endswith(".command_rejected.v1")
        ]

    found = await eventually(lambda: keyed(app, topic, customer_id), of_it)
    (rejected,) = of_it(found)
    body: Body = rejected.json
    return body
