import asyncio
import json

import pytest

from shared.contracts.customers.events import CustomerErased, CustomerState
from shared.contracts.orders.requests import ExportOrders, FindOrders
from shared.messaging import Tombstone, write_headers
from tests.support.builders import a_customer_id, an_address, an_asking_envelope, an_envelope
from tests.support.kafka import Published
from tests.support.order_builders import (
    a_customer_state,
    a_delivery,
    a_placement,
    a_return,
    a_shipment,
)
from tests.support.orders_under_test import Orders

pytestmark = pytest.mark.integration

TELLING = "456 Telling Road"


async def hears_the_event(orders: Orders, customer_id: str, version: int) -> None:
    await orders.hears(CustomerErased(customer_id=customer_id, version=version))


async def hears_the_tombstone(orders: Orders, customer_id: str, version: int) -> None:
    gone = Tombstone(CustomerState, customer_id, version)
    envelope = an_envelope(a_customer_state())._replace(sequence=gone.version, partition_key=customer_id)
    record = Published(CustomerState.topic.name, customer_id.encode(), None, write_headers(envelope))
    await orders.takes(record)


BOTH = [hears_the_event, hears_the_tombstone]


async def everything(orders: Orders) -> str:
    tables = await orders.rows("select tablename from pg_tables where schemaname = 'public'")
    rows = [row for each in tables for row in await orders.rows(f"select * from {each['tablename']}")]
    return " ".join(
        value.decode() if isinstance(value, bytes) and _is_text(value) else str(value)
        for row in rows
        for value in row.values()
    )


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


async def test_a_customer_is_known_as_it_was_said_last(orders: Orders) -> None:
    customer = a_customer_state(version=3, discount_rate="5.00")

    await orders.hears(customer)
    await orders.hears(customer.model_copy(update={"version": 2, "payment_terms": "net_90"}))

    (row,) = await orders.rows(
        "select version, payment_terms, cast(discount_rate as text) as rate from customers"
    )
    assert row == {"version": 3, "payment_terms": "net_30", "rate": "5.00"}
    await orders.hears(customer.model_copy(update={"version": 4, "payment_terms": "net_90"}))
    (row,) = await orders.rows("select version, payment_terms from customers")
    assert row == {"version": 4, "payment_terms": "net_90"}


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("second", BOTH)
async def test_an_erasure_leaves_no_address_anywhere(orders: Orders, first, second) -> None:
    address = an_address(line1=TELLING)
    customer_id = await orders.has_customer(shipping_address=address)
    own = await orders.has_order("confirmed", customer_id=customer_id)
    await orders.has_order(customer_id=customer_id, shipping_address=an_address(line1=f"{TELLING} II"))
    other = await orders.has_order(shipping_address=an_address(line1="1 Other Way"))
    assert TELLING in await everything(orders)

    await first(orders, customer_id, 2)
    await second(orders, customer_id, 2)

    assert TELLING not in await everything(orders)
    assert (await orders.order(own))["digest"] is None
    assert (await orders.order(other))["shipping_address"] == an_address(line1="1 Other Way")


@pytest.mark.parametrize("erased", BOTH)
async def test_a_marker_keeps_out_what_was_said_before(orders: Orders, erased) -> None:
    customer = a_customer_state()
    await erased(orders, customer.customer_id, 5)

    await orders.hears(customer.model_copy(update={"version": 4}))

    (row,) = await orders.rows("select version, currency, erased_at from customers")
    assert (row["version"], row["currency"]) == (5, None)
    assert row["erased_at"] is not None


async def test_orders_of_an_erased_customer_go_on(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await hears_the_event(orders, placed.customer_id, 2)

    for command in (a_shipment(placed), a_delivery(placed)):
        await orders.does(command)

    assert (await orders.order(placed))["status"] == "delivered"


async def test_a_new_order_of_an_erased_customer_is_rejected_and_keeps_no_address(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    await hears_the_event(orders, customer_id, 2)

    placed = a_placement(customer_id, shipping_address=an_address(line1=TELLING))

    assert (await orders.does(placed))["status"] == "rejected"
    assert TELLING not in await everything(orders)
    assert orders.customers.asked == []


async def test_another_step_of_an_erased_customer_is_refused(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    await hears_the_event(orders, customer_id, 2)

    assert await orders.refuses(a_shipment(a_placement(customer_id))) == "unknown_customer"


async def test_an_order_placed_during_the_erasure_keeps_no_address(orders: Orders) -> None:
    customers = [await orders.has_customer(shipping_address=an_address(line1=TELLING)) for _ in range(6)]

    await asyncio.gather(
        *(orders.does(a_placement(each)) for each in customers),
        *(hears_the_event(orders, each, 2) for each in customers),
    )

    assert TELLING not in await everything(orders)


async def test_a_command_whose_answer_was_forgotten_has_no_second_effect(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))
    back = a_return(placed, amount="30.00")
    envelope = an_asking_envelope(back, source="/erp")
    await orders.does(back, id=envelope.id)
    await hears_the_event(orders, placed.customer_id, 2)
    (forgotten,) = await orders.rows("select answer from inbox where id = :id", id=envelope.id)
    assert forgotten["answer"] is None

    again = await orders.does(back, id=envelope.id)

    assert (again["status"], (await orders.order(placed))["returned"]) == ("shipped", "30.00")


async def test_after_an_erasure_there_is_no_customer_but_in_the_export(orders: Orders) -> None:
    placed = await orders.has_order()
    await hears_the_event(orders, placed.customer_id, 2)

    found = await orders.is_asked(FindOrders(customer_id=placed.customer_id))
    export = await orders.is_asked(ExportOrders(customer_id=placed.customer_id))

    assert found.facts["refusal"] == "customer_not_found"
    body = json.loads(export.body)
    assert body["erased_at"] is not None
    assert [order["shipping_address"] for order in body["orders"]] == [None]


async def test_the_erasure_of_nobody_known_leaves_a_marker(orders: Orders) -> None:
    customer_id = a_customer_id()

    await hears_the_tombstone(orders, customer_id, 7)

    (row,) = await orders.rows("select customer_id, version from customers")
    assert row == {"customer_id": customer_id, "version": 7}
