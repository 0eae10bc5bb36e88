import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.orders.requests import placed_id
from tests.support.builders import a_record, an_envelope
from tests.support.order_builders import (
    ERP,
    a_cancellation,
    a_placement,
    a_refused_reservation,
    a_reservation,
    a_return,
    a_shipment,
    an_order_id,
)
from tests.support.orders_under_test import Orders, orders_on
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

ORDERED = datetime(2024, 1, 15, tzinfo=UTC)


async def test_an_order_with_credit_is_confirmed_and_counts_among_the_customers(orders: Orders) -> None:
    placed = await orders.has_order()

    await orders.hears(a_reservation(placed), correlation_id="conversation")

    assert (await orders.order(placed))["status"] == "confirmed"
    confirmed, state, totals = (await orders.said())[2:]
    assert (confirmed["type"], confirmed["version"]) == ("order.confirmed.v1", 2)
    assert (confirmed["previous_status"], state["status"], state["version"]) == ("pending", "confirmed", 2)
    assert totals == {
        "type": "order_account.state.v1",
        "headers": totals["headers"],
        "customer_id": placed.customer_id,
        "version": 1,
        "lifetime_value": "100.00",
        "total_orders": 1,
        "last_order_date": "2024-01-15T00:00:00Z",
    }
    assert {each["headers"]["ce_correlationid"] for each in (confirmed, state, totals)} == {"conversation"}


async def test_a_confirmation_is_one_transaction_of_four_statements(orders: Orders) -> None:
    placed = await orders.has_order()

    with sent_by(orders.engine) as sent:
        await orders.hears(a_reservation(placed))

    assert (sent.commits, len(sent.statements)) == (1, 4), sent.statements


async def test_an_order_without_credit_is_rejected_for_its_reason(orders: Orders) -> None:
    placed = await orders.has_order()

    await orders.hears(a_refused_reservation(placed, reason="account_past_due"))

    order = await orders.order(placed)
    assert (order["status"], order["status_reason"]) == ("rejected", "account_past_due")
    assert (await orders.types_said())[2:] == ["order.rejected.v1", "order.state.v1"]
    assert await orders.totals(placed.customer_id) == ("0.00", 0, None)


async def test_a_fact_that_is_said_again_under_another_id_changes_nothing(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    said = await orders.types_said()

    await orders.hears(a_reservation(placed))
    await orders.hears(a_refused_reservation(placed))

    assert await orders.types_said() == said
    assert (await orders.order(placed))["status"] == "confirmed"


@pytest.mark.parametrize("answer", [a_reservation, a_refused_reservation])
async def test_an_answer_about_an_order_that_is_not_there_is_passed_over(orders: Orders, answer) -> None:
    await orders.hears(answer(a_placement(), order_id=an_order_id()))

    assert await orders.types_said() == []


async def test_a_pending_order_that_is_cancelled_stays_so_when_credit_answers(orders: Orders) -> None:
    placed = await orders.has_order()
    await orders.does(a_cancellation(placed, reason="Ordered twice."))

    await orders.hears(a_reservation(placed))

    order = await orders.order(placed)
    assert (order["status"], order["status_reason"], order["version"]) == ("cancelled", "Ordered twice.", 2)
    assert await orders.totals(placed.customer_id) == ("0.00", 0, None)


async def test_a_cancellation_and_credit_at_once_leave_figures_that_fit(orders: Orders) -> None:
    placed = [await orders.has_order() for _ in range(6)]

    await asyncio.gather(
        *(orders.does(a_cancellation(each)) for each in placed),
        *(orders.hears(a_reservation(each)) for each in placed),
    )

    for each in placed:
        assert (await orders.order(each))["status"] == "cancelled"
        assert await orders.totals(each.customer_id) == ("0.00", 0, None)
    versions = [
        (each["order_id"], each["version"]) for each in await orders.said() if "previous_status" in each
    ]
    for order_id in {order_id for order_id, _ in versions}:
        own = [version for of_order, version in versions if of_order == order_id]
        assert own == list(range(1, len(own) + 1))


async def test_orders_of_one_customer_confirmed_at_once_are_all_counted(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    dates = [ORDERED + timedelta(days=day) for day in (3, 9, 1, 7, 5, 2, 8, 6)]
    placed = [await orders.has_order(customer_id=customer_id, order_date=date) for date in dates]

    await asyncio.gather(*(orders.hears(a_reservation(each)) for each in placed))
    assert await orders.totals(customer_id) == ("800.00", 8, ORDERED + timedelta(days=9))

    newest = [placed[1], placed[6], placed[3]]
    await asyncio.gather(*(orders.does(a_cancellation(each)) for each in newest))

    assert await orders.totals(customer_id) == ("500.00", 5, ORDERED + timedelta(days=6))
    published = [each["version"] for each in await orders.said() if each["type"] == "order_account.state.v1"]
    assert published == list(range(1, 12))


async def test_a_return_lowers_the_value_and_the_order_stays_counted(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_shipment(placed))

    await orders.does(a_return(placed, amount="30.00", return_id="R-1"))
    assert await orders.totals(placed.customer_id) == ("70.00", 1, ORDERED)

    await orders.does(a_return(placed))
    assert await orders.totals(placed.customer_id) == ("0.00", 1, ORDERED)


async def test_a_step_that_leaves_the_figures_says_none_and_moves_their_instant(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    (before,) = await orders.rows("select version, as_of from totals")

    await orders.does(a_shipment(placed))

    (after,) = await orders.rows("select version, as_of from totals")
    assert after["version"] == before["version"]
    assert after["as_of"] > before["as_of"]
    assert (await orders.types_said())[-2:] == ["order.shipped.v1", "order.state.v1"]


async def test_an_order_that_credit_does_not_answer_in_time_is_rejected(orders: Orders) -> None:
    placed = a_placement(await orders.has_customer())
    envelope = an_envelope(placed, source=ERP)
    await orders.takes(a_record(placed, envelope))
    taken_in = (await orders.order(placed))["placed_at"]

    await orders.passes_time(taken_in + timedelta(seconds=299))
    assert (await orders.order(placed))["status"] == "pending"
    await orders.passes_time(taken_in + timedelta(seconds=300))

    order = await orders.order(placed)
    assert (order["status"], order["status_reason"], order["version"]) == ("rejected", "credit_timeout", 2)
    rejected, _ = (await orders.said())[2:]
    assert (rejected["type"], rejected["reason"]) == ("order.rejected.v1", "credit_timeout")
    assert rejected["headers"]["ce_correlationid"] == envelope.id

    await orders.hears(a_reservation(placed))
    assert (await orders.order(placed))["status"] == "rejected"


async def test_more_unanswered_orders_than_one_run_takes_are_all_rejected(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    first = await orders.has_order(customer_id=customer_id)
    await orders.rows(
        "insert into orders select 'so_' || n, customer_id, version, source, 'ERP-' || n, digest,"
        " 'SO-2023-' || n, status, status_reason, order_date, ship_date, delivery_date, currency,"
        " total_amount, returned_amount, payment_terms, shipping_address, lines, items_count, placed_at,"
        " updated_at, correlation_id from orders, generate_series(1, 120) as n returning 1"
    )

    await orders.passes_time((await orders.order(first))["placed_at"] + timedelta(hours=1))

    left = await orders.rows("select status, count(*) from orders group by status")
    assert left == [{"status": "rejected", "count": 121}]


async def test_an_order_that_somebody_is_at_is_left_for_the_next_run(orders: Orders) -> None:
    placed = await orders.has_order()
    later = datetime.now(UTC) + timedelta(hours=1)
    async with orders.engine.begin() as db:
        await db.exec_driver_sql("select 1 from orders for update")
        await orders_on(orders.engine).passes_time(later)

    assert (await orders.order(placed))["status"] == "pending"
    await orders.passes_time(later)
    assert (await orders.order(placed))["status"] == "rejected"


async def test_what_waits_for_a_rejected_order_is_refused(orders: Orders) -> None:
    placed = await orders.has_order()
    await orders.sets_aside(a_shipment(placed))

    await orders.hears(a_refused_reservation(placed))
    await orders.takes_what_it_sent_again()

    rejection = (await orders.said())[-1]
    assert (rejection["type"], rejection["code"]) == ("order.command_rejected.v1", "not_possible")
    assert rejection["external_ref"] == placed.external_ref


async def test_everything_said_of_an_order_names_it(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")

    of_orders = [each for each in await orders.said() if "order_id" in each]
    assert {each["order_id"] for each in of_orders} == {placed_id(ERP, placed.external_ref)}
