import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.orders.events import OrderPlaced, OrderState
from shared.contracts.orders.requests import placed_id
from shared.ids import new_message_id
from tests.support.builders import a_customer_id, a_record, an_address, an_envelope
from tests.support.order_builders import ERP, a_customer_state, a_line, a_placement
from tests.support.orders_under_test import Orders
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration


async def test_an_order_is_taken_in_under_the_first_number_of_its_year(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer(), external_ref="ERP-1001")

    standing = await orders.does(placed)

    order_id = placed_id(ERP, "ERP-1001")
    expected = {"order_id": order_id, "order_number": "SO-2024-001", "status": "pending", "version": 1}
    assert standing == expected
    assert await orders.types_said() == ["order.placed.v1", "order.state.v1"]
    event, state = await orders.rows("select key, value from outbox order by id")
    assert (event["key"], state["key"]) == (placed.customer_id.encode(), order_id.encode())
    said = OrderPlaced.from_json(event["value"])
    assert (said.order_id, said.previous_status, said.payment_terms) == (order_id, None, "net_30")
    assert OrderState.from_json(state["value"]).lines == said.lines


async def test_a_placement_is_one_transaction_of_six_statements(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())

    with sent_by(orders.engine) as sent:
        await orders.does(placed)

    assert (sent.commits, len(sent.statements)) == (1, 6), sent.statements


async def test_lines_take_the_rate_and_the_order_the_address_of_the_customer(orders: Orders) -> None:
    customer_id = await orders.has_customer(discount_rate="5.00", shipping_address=None)

    placed = await orders.has_order(customer_id=customer_id)

    order = await orders.order(placed)
    assert (order["total"], order["items_count"]) == ("95.00", 1)
    assert order["lines"][0]["discount_rate"] == "5.00"
    assert order["shipping_address"] == an_address()


async def test_the_events_carry_the_conversation_of_the_placement(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    envelope = an_envelope(placed, source=ERP)

    await orders.takes(a_record(placed, envelope))

    assert {each["headers"]["ce_correlationid"] for each in await orders.said()} == {envelope.id}


# Customers that are not known


async def test_an_order_of_an_unknown_customer_is_rejected_once_customers_says_so(orders: Orders) -> None:
    placed = a_placement(lines=[a_line(discount_rate=None)], shipping_address=an_address())

    standing = await orders.does(placed)

    assert standing["status"] == "rejected"
    assert orders.customers.asked == [placed.customer_id]
    rejected, state = await orders.said()
    assert (rejected["type"], state["type"]) == ("order.rejected.v1", "order.state.v1")
    assert (rejected["reason"], rejected["previous_status"]) == ("unknown_customer", None)
    assert (rejected["version"], rejected["payment_terms"]) == (1, None)
    order = await orders.order(placed)
    assert (order["total"], order["shipping_address"]) == ("100.00", None)


async def test_an_order_right_after_its_customer_is_no_order_of_an_unknown_one(orders: Orders) -> None:
    customer = a_customer_state(discount_rate="10.00")
    orders.customers.known[customer.customer_id] = customer

    standing = await orders.does(a_placement(customer.customer_id))

    assert standing["status"] == "pending"
    assert (await orders.rows("select cast(total_amount as text) as total from orders"))[0][
        "total"
    ] == "90.00"
    await orders.does(a_placement(customer.customer_id))
    assert orders.customers.asked == [customer.customer_id]


# Repeats


async def test_a_placement_that_comes_again_under_another_id_changes_nothing(orders: Orders) -> None:
    placed = await orders.has_order("confirmed", customer_id=await orders.has_customer(discount_rate="5.00"))
    said = await orders.types_said()
    await orders.hears(a_customer_state(customer_id=placed.customer_id, version=2, discount_rate="50.00"))

    standing = await orders.does(placed)

    assert (standing["status"], standing["version"]) == ("confirmed", 2)
    assert await orders.types_said() == said


async def test_a_total_that_added_up_once_is_not_compared_again(orders: Orders) -> None:
    customer_id = await orders.has_customer(discount_rate="5.00")
    placed = await orders.has_order(customer_id=customer_id, total_amount="95.00")
    await orders.hears(a_customer_state(customer_id=customer_id, version=2, discount_rate="50.00"))

    assert (await orders.does(placed))["status"] == "pending"


async def test_a_reference_with_other_content_is_refused(orders: Orders) -> None:
    placed = await orders.has_order()

    other = placed.model_copy(update={"lines": [a_line(quantity=3)]})

    assert await orders.refuses(other) == "external_ref_reused"


async def test_two_senders_may_use_one_reference(orders: Orders) -> None:
    placed = await orders.has_order()

    standing = await orders.does(placed, source="/shop")

    assert standing["order_id"] == placed_id("/shop", placed.external_ref)


async def test_of_two_placements_of_one_reference_at_once_one_is_taken_in(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    other = placed.model_copy(update={"currency": "EUR"})

    answers = await asyncio.gather(*(orders.is_told(each) for each in (placed, other, placed, other)))

    refused = [answer.facts.get("refusal") for answer in answers]
    assert sorted(refused, key=str) == [None, None, "external_ref_reused", "external_ref_reused"]
    assert refused[0] == refused[2] != refused[1]
    assert (await orders.types_said()).count("order.placed.v1") == 1
    (totals,) = await orders.rows("select orders_count from totals")
    assert totals["orders_count"] == 1


# Refusals


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"total_amount": "99.99"}, "total_mismatch"),
        ({"lines": [a_line(quantity=1_000_000, unit_price="9999999.9999")]}, "total_out_of_range"),
        ({"order_date": datetime.now(UTC) + timedelta(hours=25)}, "date_in_future"),
        ({"order_date": datetime(1989, 12, 31, tzinfo=UTC)}, "order_date_out_of_range"),
        ({"order_number": "SO-2023-001"}, "order_number_invalid"),
    ],
)
async def test_a_placement_that_is_refused_leaves_nothing(
    orders: Orders, changes: dict[str, object], code: str
) -> None:
    customer_id = await orders.has_customer()

    assert await orders.refuses(a_placement(customer_id, external_ref="ERP-1", **changes)) == code

    for table in ("orders", "totals", "outbox"):
        assert await orders.rows(f"select * from {table}") == []
    assert (await orders.does(a_placement(customer_id, external_ref="ERP-1")))["status"] == "pending"


async def test_a_placement_that_nobody_awaits_leaves_its_refusal_as_an_event(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer(), total_amount="1.00")

    await orders.takes(a_record(placed, an_envelope(placed, source=ERP)))

    (said,) = await orders.said()
    assert (said["type"], said["code"]) == ("order.command_rejected.v1", "total_mismatch")
    assert (said["command"], said["external_ref"]) == ("order.place.v1", placed.external_ref)


# Numbers


async def test_numbers_grow_beyond_three_digits(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    await orders.does(a_placement(customer_id, order_number="SO-2024-999"))

    assert (await orders.does(a_placement(customer_id)))["order_number"] == "SO-2024-1000"


async def test_each_year_has_numbers_of_its_own(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    for year in (1990, 2020):
        standing = await orders.does(a_placement(customer_id, order_date=datetime(year, 5, 1, tzinfo=UTC)))
        assert standing["order_number"] == f"SO-{year}-001"


async def test_a_number_from_outside_lifts_those_that_are_drawn_and_never_lowers_them(orders: Orders) -> None:
    customer_id = await orders.has_customer()

    for number in ("SO-2024-500", "SO-2024-017", "SO-2024-000"):
        assert (await orders.does(a_placement(customer_id, order_number=number)))["order_number"] == number

    assert (await orders.does(a_placement(customer_id)))["order_number"] == "SO-2024-501"


async def test_a_number_that_somebody_has_is_refused(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    await orders.does(a_placement(customer_id))

    taken = a_placement(customer_id, order_number="SO-2024-001")

    assert await orders.refuses(taken) == "order_number_taken"


async def test_a_drawn_number_that_somebody_has_is_drawn_again(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    for number in ("SO-2024-001", "SO-2024-002"):
        await orders.does(a_placement(customer_id, order_number=number))
    await orders.rows("select setval('order_numbers_2024', 1, false)")

    assert (await orders.does(a_placement(customer_id)))["order_number"] == "SO-2024-003"


async def test_numbers_drawn_and_lifted_at_once_never_collide(orders: Orders) -> None:
    customers = [await orders.has_customer() for _ in range(4)]
    lifted = [f"SO-2024-{number:03}" for number in (3, 9, 20, 21, 40, 41, 90, 91)]
    wanted = [
        a_placement(customers[position % 4], **({"order_number": number} if number else {}))
        for position, number in enumerate([*lifted, *[None] * 16])
    ]

    answers = await asyncio.gather(*(orders.is_told(each) for each in wanted))

    taken = [json.loads(answer.body)["code"] for answer in answers if "refusal" in answer.facts]
    assert set(taken) <= {"order_number_taken"}
    numbers = [json.loads(each.body)["order_number"] for each in answers if "refusal" not in each.facts]
    assert len(numbers) == len(set(numbers)) == 24 - len(taken)
    assert all("refusal" not in answer.facts for answer in answers[8:])


async def test_an_order_that_was_rejected_keeps_its_reference(orders: Orders) -> None:
    placed = a_placement(a_customer_id())
    await orders.does(placed)

    again = await orders.does(placed, id=new_message_id())

    assert again["status"] == "rejected"
    assert await orders.types_said() == ["order.rejected.v1", "order.state.v1"]
