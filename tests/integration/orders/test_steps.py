import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from services.orders.store.waiting import bar
from shared.contracts.orders.requests import placed_id
from shared.ids import new_message_id
from shared.messaging import Headers
from tests.support.builders import a_customer_id, a_record, an_envelope, with_header
from tests.support.eventually import eventually
from tests.support.order_builders import (
    ERP,
    a_cancellation,
    a_customer_state,
    a_delivery,
    a_placement,
    a_reservation,
    a_return,
    a_shipment,
    a_start,
)
from tests.support.orders_under_test import Orders
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

SHIPPED, DELIVERED = datetime(2024, 1, 16, tzinfo=UTC), datetime(2024, 1, 18, tzinfo=UTC)


async def waiting(orders: Orders) -> list[dict[str, object]]:
    return await orders.rows("select * from waiting order by position")


async def test_an_order_goes_its_way_under_versions_without_a_gap(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")

    for command in (a_start(placed), a_shipment(placed), a_delivery(placed), a_return(placed)):
        await orders.does(command)

    said = [each for each in await orders.said() if each["type"].startswith("order.")]
    events = [each for each in said if each["type"] != "order.state.v1"]
    assert [(each["type"], each["version"]) for each in events] == [
        ("order.placed.v1", 1),
        ("order.confirmed.v1", 2),
        ("order.processing_started.v1", 3),
        ("order.shipped.v1", 4),
        ("order.delivered.v1", 5),
        ("order.returned.v1", 6),
    ]
    assert [int(each["headers"]["ce_sequence"]) for each in events] == [1, 2, 3, 4, 5, 6]
    states = [each for each in said if each["type"] == "order.state.v1"]
    assert [(each["version"], each["status"]) for each in states] == [
        (1, "pending"),
        (2, "confirmed"),
        (3, "processing"),
        (4, "shipped"),
        (5, "delivered"),
        (6, "returned"),
    ]
    order = await orders.order(placed)
    assert (order["ship_date"], order["delivery_date"], order["returned"]) == (SHIPPED, DELIVERED, "100.00")


async def test_a_step_is_one_transaction_of_five_statements(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")

    with sent_by(orders.engine) as sent:
        await orders.does(a_shipment(placed))

    assert (sent.commits, len(sent.statements)) == (1, 5), sent.statements


async def test_a_step_may_name_its_order_by_its_id_whoever_sends_it(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    order_id = placed_id(ERP, placed.external_ref)

    shipped = a_shipment(placed, external_ref=None, order_id=order_id)

    assert (await orders.does(shipped, source="/warehouse"))["status"] == "shipped"


async def test_a_step_that_adds_no_fact_says_nothing(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    first = await orders.does(a_shipment(placed))
    said = await orders.types_said()

    again = await orders.does(a_shipment(placed, ship_date=DELIVERED))
    late = await orders.does(a_start(placed))

    assert first == again == late
    assert await orders.types_said() == said
    assert (await orders.order(placed))["ship_date"] == SHIPPED


async def test_a_shipment_that_is_told_after_the_delivery_fills_in_its_date(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_delivery(placed))

    standing = await orders.does(a_shipment(placed))

    assert (standing["status"], standing["version"]) == ("delivered", 4)
    shipped, _ = (await orders.said())[-2:]
    assert (shipped["type"], shipped["status"], shipped["previous_status"]) == (
        "order.shipped.v1",
        "delivered",
        "delivered",
    )
    assert (await orders.order(placed))["ship_date"] == SHIPPED


@pytest.mark.parametrize("command", [a_start, a_shipment, a_delivery, a_return])
async def test_nothing_goes_on_with_a_cancelled_order(orders: Orders, command) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_cancellation(placed))

    assert await orders.refuses(command(placed)) == "not_possible"


async def test_a_second_cancellation_is_granted_and_one_after_the_shipment_is_not(orders: Orders) -> None:
    cancelled, shipped = await orders.has_order(), await orders.has_order("confirmed")
    await orders.does(a_shipment(shipped))
    first = await orders.does(a_cancellation(cancelled))

    assert await orders.does(a_cancellation(cancelled, reason="Again.")) == first
    assert await orders.refuses(a_cancellation(shipped)) == "not_possible"


async def test_a_step_of_the_day_after_tomorrow_is_refused(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    ahead = datetime.now(UTC) + timedelta(hours=25)

    assert await orders.refuses(a_shipment(placed, ship_date=ahead)) == "date_in_future"


# Waiting


@pytest.mark.parametrize("command", [a_start, a_shipment, a_delivery])
async def test_what_comes_while_credit_is_awaited_happens_once_it_is_there(orders: Orders, command) -> None:
    placed = await orders.has_order()
    await orders.sets_aside(command(placed))

    await orders.hears(a_reservation(placed))
    await orders.takes_what_it_sent_again()

    assert (await orders.order(placed))["status"] not in ("pending", "confirmed")
    assert await waiting(orders) == []


async def test_what_comes_before_its_order_happens_in_the_order_of_arrival(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    for command in (a_return(placed), a_delivery(placed), a_shipment(placed), a_start(placed)):
        await orders.sets_aside(command)

    await orders.does(placed)
    await orders.takes_what_it_sent_again()
    assert len(await waiting(orders)) == 4
    await orders.hears(a_reservation(placed))
    await orders.takes_what_it_sent_again()

    order = await orders.order(placed)
    assert (order["status"], order["ship_date"], order["delivery_date"]) == ("returned", SHIPPED, DELIVERED)
    assert await waiting(orders) == []


async def test_a_cancellation_that_comes_before_its_order_ends_it_at_once(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    await orders.sets_aside(a_cancellation(placed))

    await orders.does(placed)
    await orders.takes_what_it_sent_again()

    assert (await orders.order(placed))["status"] == "cancelled"


async def test_a_record_waits_as_it_came_and_since_it_came_first(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    shipment = a_shipment(placed)
    record = a_record(shipment, an_envelope(shipment, source=ERP, correlation_id="conversation"))
    await orders.takes(record)
    (first,) = await waiting(orders)
    assert (first["key"], first["value"]) == (record.key, record.value)
    assert _headers(first) == tuple(record.headers)

    await orders.does(placed)
    await orders.takes_what_it_sent_again()

    (again,) = await waiting(orders)
    assert (again["value"], again["since"]) == (record.value, first["since"])
    assert _headers(again)[: len(record.headers)] == tuple(record.headers)
    assert dict(_headers(again)).keys() - dict(record.headers).keys() == {"waiting_since"}


async def test_a_command_that_comes_again_while_it_waits_waits_once(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    shipment = a_shipment(placed)
    envelope = an_envelope(shipment, source=ERP)

    for _ in range(3):
        await orders.takes(a_record(shipment, envelope))

    assert len(await waiting(orders)) == 1
    await orders.does(placed)
    await orders.hears(a_reservation(placed))
    await orders.takes(a_record(shipment, envelope))
    await orders.takes_what_it_sent_again()
    assert (await orders.types_said()).count("order.shipped.v1") == 1


async def test_a_command_that_waits_does_not_expire(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    shipment = a_shipment(placed)
    record = a_record(shipment, an_envelope(shipment, source=ERP))
    await orders.takes(record)
    expired = with_header(record.headers, "ce_expirytime", b"2024-01-01T00:00:00Z")
    headers = json.dumps([[name, value.decode()] for name, value in expired])
    await orders.rows("update waiting set headers = :headers returning 1", headers=headers)

    await orders.does(placed)
    await orders.hears(a_reservation(placed))
    await orders.takes_what_it_sent_again()

    assert (await orders.order(placed))["status"] == "shipped"


async def test_no_command_is_left_behind_where_its_order_comes_at_the_same_time(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    placed = [a_placement(customer_id) for _ in range(12)]

    async def ships(order) -> None:
        shipment = a_shipment(order)
        await orders.takes(a_record(shipment, an_envelope(shipment, source=ERP)))

    await asyncio.gather(*(each for order in placed for each in (ships(order), orders.does(order))))
    await asyncio.gather(*(orders.hears(a_reservation(order)) for order in placed))
    await orders.takes_what_it_sent_again()

    assert await waiting(orders) == []
    assert {(await orders.order(order))["status"] for order in placed} == {"shipped"}


async def test_a_step_waits_for_whoever_is_placing_its_order_now(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    shipment = a_shipment(placed)
    async with orders.engine.begin() as db:
        await bar(db, placed_id(ERP, placed.external_ref))
        coming = [
            asyncio.create_task(orders.takes(a_record(each, an_envelope(each, source=ERP))))
            for each in (shipment, placed)
        ]
        await eventually(lambda: _waiting_for_a_name(orders), lambda blocked: len(blocked) == 2)
        assert await waiting(orders) == await orders.rows("select 1 from orders") == []
    await asyncio.gather(*coming)
    await orders.hears(a_reservation(placed))
    await orders.takes_what_it_sent_again()

    assert (await orders.order(placed))["status"] == "shipped"


# What does not come


async def test_a_step_of_an_unknown_customer_is_refused_as_soon_as_customers_says_so(orders: Orders) -> None:
    shipment = a_shipment(a_placement(a_customer_id()))

    assert await orders.refuses(shipment) == "unknown_customer"
    assert orders.customers.asked == [shipment.customer_id]
    assert await waiting(orders) == []


async def test_a_step_waits_where_only_customers_knows_the_customer(orders: Orders) -> None:
    customer = a_customer_state()
    orders.customers.known[customer.customer_id] = customer

    await orders.sets_aside(a_shipment(a_placement(customer.customer_id)))


async def test_a_step_whose_order_does_not_come_in_time_is_refused(orders: Orders) -> None:
    shipment = a_shipment(a_placement(await orders.has_customer()))
    envelope = an_envelope(shipment, source=ERP)
    await orders.takes(a_record(shipment, envelope))
    (row,) = await waiting(orders)
    since = row["since"]
    assert isinstance(since, datetime)

    await orders.passes_time(since + timedelta(seconds=899))
    assert len(await waiting(orders)) == 1
    await orders.passes_time(since + timedelta(seconds=900))

    assert await waiting(orders) == []
    (said,) = await orders.said()
    assert (said["type"], said["code"]) == ("order.command_rejected.v1", "unknown_order")
    assert (said["external_ref"], said["headers"]["ce_causationid"]) == (shipment.external_ref, envelope.id)


async def test_a_step_whose_order_does_not_come_so_far_in_time_is_not_yet_possible(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.sets_aside(a_return(placed))

    await orders.passes_time(datetime.now(UTC) + timedelta(seconds=901))

    assert (await orders.said())[-1]["code"] == "not_yet_possible"


async def test_an_order_of_another_customer_is_none(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    other = await orders.has_customer()
    shipment = a_shipment(placed, customer_id=other)

    await orders.sets_aside(shipment)
    await orders.passes_time(datetime.now(UTC) + timedelta(seconds=901))

    assert (await orders.order(placed))["status"] == "confirmed"
    assert (await orders.said())[-1]["code"] == "unknown_order"


async def test_more_overdue_commands_than_one_run_takes_are_all_refused(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    shipment = a_shipment(a_placement(customer_id))
    for _ in range(103):
        await orders.takes(a_record(shipment, an_envelope(shipment, source=ERP, id=new_message_id())))

    await orders.passes_time(datetime.now(UTC) + timedelta(seconds=901))

    assert await waiting(orders) == []
    assert (await orders.types_said()).count("order.command_rejected.v1") == 103


# Returns


async def test_a_return_comes_once_for_each_return_id(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))
    first = await orders.does(a_return(placed, amount="30.00", return_id="R-1"))

    again = await orders.does(a_return(placed, amount="30.00", return_id="R-1"))

    assert first == again
    assert (await orders.order(placed))["returned"] == "30.00"
    assert await orders.refuses(a_return(placed, amount="31.00", return_id="R-1")) == "return_id_reused"
    await orders.does(a_return(placed, amount="30.00", return_id="R-2"))
    assert (await orders.order(placed))["returned"] == "60.00"


async def test_a_repeat_of_the_last_return_is_known_by_its_id(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))
    first = await orders.does(a_return(placed, return_id="R-1"))

    assert await orders.does(a_return(placed, return_id="R-1")) == first


async def test_more_than_is_left_is_refused(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))
    await orders.does(a_return(placed, amount="70.00"))

    assert await orders.refuses(a_return(placed, amount="30.01")) == "exceeds_total"


async def test_a_return_is_told_with_what_came_back(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))

    await orders.does(a_return(placed, amount="30.00", return_id="R-1", returned_at=DELIVERED))

    returned, state, totals = (await orders.said())[-3:]
    assert (returned["amount"], returned["is_partial"], returned["return_id"]) == ("30.00", True, "R-1")
    assert (returned["returned_at"], returned["status"]) == ("2024-01-18T00:00:00Z", "shipped")
    assert (state["returned_amount"], totals["lifetime_value"]) == ("30.00", "70.00")


async def test_returns_at_once_never_give_back_more_than_the_total(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))

    answers = await asyncio.gather(*(orders.is_told(a_return(placed, amount="30.00")) for _ in range(6)))

    assert sorted(str(answer.facts.get("refusal")) for answer in answers) == [
        *["None"] * 3,
        *["exceeds_total"] * 3,
    ]
    assert (await orders.order(placed))["returned"] == "90.00"


async def _waiting_for_a_name(orders: Orders) -> list[dict[str, object]]:
    return await orders.rows(
        "select pid from pg_locks where locktype = 'advisory' and not granted and database ="
        " (select oid from pg_database where datname = current_database())"
    )


def _headers(row: dict[str, object]) -> Headers:
    return tuple((name, value.encode()) for name, value in json.loads(str(row["headers"])))


async def test_another_command_under_the_id_of_one_that_waits_is_a_dead_letter(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    shipment, delivery = a_shipment(placed), a_delivery(placed)
    message_id = new_message_id()
    await orders.takes(a_record(shipment, an_envelope(shipment, source=ERP, id=message_id)))

    await orders.consumer.handle(a_record(delivery, an_envelope(delivery, source=ERP, id=message_id)))

    (letter,) = orders.mailbox.letters
    assert dict(letter.headers)["dlq_error"].startswith(b"message_id_reused")
