from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import get_args

import pytest

from services.orders.lifecycle import Step, confirm, outcome, reject, standing, take
from shared.contracts.orders.answers import Status
from shared.contracts.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderProcessingStarted,
    OrderRejected,
    OrderShipped,
    OrderState,
    OrderTotals,
)
from shared.contracts.orders.requests import StepOfOrder
from shared.errors import Refused
from tests.support.order_builders import (
    NOW,
    a_cancellation,
    a_delivery,
    a_return,
    a_shipment,
    a_start,
    an_order,
)

SHIPPED, DELIVERED = datetime(2024, 1, 16, tzinfo=UTC), datetime(2024, 1, 18, tzinfo=UTC)

# confirm, reject, start_processing, ship, deliver, cancel, return
TABLE: dict[Status, str] = {
    "pending": "advances advances waits waits waits advances waits",
    "confirmed": "is_late no advances advances advances advances waits",
    "processing": "is_late no is_late advances advances advances waits",
    "shipped": "is_late no is_late is_late advances no advances",
    "delivered": "is_late no is_late is_late is_late no advances",
    "returned": "is_late no is_late is_late is_late no is_late",
    "rejected": "no no no no no no no",
    "cancelled": "no no no no no is_late no",
}
CASES = [
    (status, step, TABLE[status].split()[position].replace("no", "is_not_possible"))
    for status, (position, step) in product(get_args(Status), enumerate(get_args(Step)))
]


@pytest.mark.parametrize(("status", "step", "expected"), CASES)
def test_every_step_from_every_status_has_its_outcome(status: Status, step: Step, expected: str) -> None:
    assert outcome(status, step) == expected


def taken(order: OrderState, command: StepOfOrder):
    change = take(order, command, NOW)
    assert change is not None
    return change


@pytest.mark.parametrize(
    ("status", "command", "after", "event"),
    [
        ("confirmed", a_start, "processing", OrderProcessingStarted),
        ("confirmed", a_shipment, "shipped", OrderShipped),
        ("processing", a_shipment, "shipped", OrderShipped),
        ("confirmed", a_delivery, "delivered", OrderDelivered),
        ("shipped", a_delivery, "delivered", OrderDelivered),
        ("pending", a_cancellation, "cancelled", OrderCancelled),
        ("processing", a_cancellation, "cancelled", OrderCancelled),
    ],
)
def test_a_step_is_said_by_one_event_under_the_next_version(status, command, after, event) -> None:
    order = an_order(status=status, version=4)

    change = taken(order, command(order))

    (said,) = change.events
    assert isinstance(said, event)
    assert (said.status, said.previous_status, said.version) == (after, status, 5)
    assert (change.order.status, change.order.version, change.order.updated_at) == (after, 5, NOW)
    assert change.moves


@pytest.mark.parametrize("command", [a_start, a_shipment, a_delivery])
def test_a_step_on_a_pending_order_waits(command) -> None:
    order = an_order()

    assert take(order, command(order), NOW) is None


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
@pytest.mark.parametrize("command", [a_start, a_shipment, a_delivery])
def test_nothing_goes_on_after_the_end(status, command) -> None:
    order = an_order(status=status)

    with pytest.raises(Refused, match="not_possible"):
        take(order, command(order), NOW)


@pytest.mark.parametrize("status", ["rejected", "shipped", "delivered", "returned"])
def test_what_was_shipped_or_rejected_cannot_be_cancelled(status) -> None:
    order = an_order(status=status)

    with pytest.raises(Refused, match="not_possible"):
        take(order, a_cancellation(order), NOW)


def test_a_second_cancellation_changes_nothing() -> None:
    order = an_order(status="cancelled", status_reason="Too late.")

    assert not taken(order, a_cancellation(order, reason="Again.")).events


@pytest.mark.parametrize(
    ("command", "order"),
    [
        (a_start, an_order(status="processing")),
        (a_start, an_order(status="delivered")),
        (a_shipment, an_order(status="shipped", ship_date=SHIPPED)),
        (a_delivery, an_order(status="delivered", delivery_date=DELIVERED)),
    ],
)
def test_a_step_that_adds_no_fact_changes_nothing(command, order) -> None:
    change = taken(order, command(order))

    assert (change.order, list(change.events), change.moves) == (order, [], False)


@pytest.mark.parametrize("status", ["delivered", "returned"])
def test_a_late_shipment_fills_in_its_date_and_takes_nothing_back(status) -> None:
    order = an_order(status=status, delivery_date=DELIVERED, version=4)

    change = taken(order, a_shipment(order, ship_date=SHIPPED))

    (said,) = change.events
    assert isinstance(said, OrderShipped)
    assert (said.status, said.previous_status, said.ship_date, said.version) == (status, status, SHIPPED, 5)
    assert (change.order.ship_date, change.order.delivery_date) == (SHIPPED, DELIVERED)
    assert not change.moves


def test_a_delivery_after_the_return_fills_in_its_date() -> None:
    order = an_order(status="returned", ship_date=SHIPPED)

    change = taken(order, a_delivery(order, delivery_date=DELIVERED))

    assert (change.order.status, change.order.delivery_date) == ("returned", DELIVERED)


def test_a_delivery_without_a_shipment_leaves_its_date_open() -> None:
    order = an_order(status="confirmed")

    assert taken(order, a_delivery(order)).order.ship_date is None


@pytest.mark.parametrize(
    "command",
    [
        a_shipment(an_order(), ship_date=NOW + timedelta(hours=25)),
        a_delivery(an_order(), delivery_date=NOW + timedelta(hours=25)),
    ],
)
def test_a_step_of_the_day_after_tomorrow_is_refused(command) -> None:
    with pytest.raises(Refused, match="date_in_future"):
        take(an_order(status="confirmed"), command, NOW)


def test_a_cancellation_keeps_its_reason() -> None:
    order = an_order()

    change = taken(order, a_cancellation(order, reason="Ordered twice."))

    (said,) = change.events
    assert isinstance(said, OrderCancelled)
    assert (said.reason, change.order.status_reason) == ("Ordered twice.", "Ordered twice.")


def test_a_return_is_taken_otherwise() -> None:
    with pytest.raises(TypeError):
        take(an_order(status="shipped"), a_return(an_order()), NOW)


def test_credit_confirms_a_pending_order() -> None:
    change = confirm(an_order(total_amount="250.00"), NOW)

    (said,) = change.events
    assert isinstance(said, OrderConfirmed)
    assert (change.accepted_by, change.value_by) == (1, Decimal("250.00"))


def test_credit_rejects_a_pending_order_for_its_reason() -> None:
    change = reject(an_order(), "insufficient_credit", NOW)

    (said,) = change.events
    assert isinstance(said, OrderRejected)
    assert (said.reason, change.order.status_reason) == ("insufficient_credit", "insufficient_credit")
    assert (change.accepted_by, change.value_by) == (0, 0)


@pytest.mark.parametrize("status", [each for each in get_args(Status) if each != "pending"])
def test_an_answer_of_credit_that_comes_too_late_changes_nothing(status) -> None:
    order = an_order(status=status)

    assert not confirm(order, NOW).events
    assert not reject(order, "credit_timeout", NOW).events


@pytest.mark.parametrize(
    ("status", "accepted_by", "value_by"), [("pending", 0, "0.00"), ("confirmed", -1, "-100.00")]
)
def test_a_cancelled_order_counts_no_more(status, accepted_by, value_by) -> None:
    order = an_order(status=status)

    change = taken(order, a_cancellation(order))

    assert (change.accepted_by, change.value_by) == (accepted_by, Decimal(value_by))


def test_the_events_are_said_before_the_states() -> None:
    change = confirm(an_order(), NOW)
    totals = OrderTotals(
        customer_id="cust_1",
        version=1,
        lifetime_value=Decimal("100.00"),
        total_orders=1,
        last_order_date=None,
    )

    assert change.said() == [*change.events, change.order]
    assert change.said(totals) == [*change.events, change.order, totals]


def test_a_command_is_answered_with_how_the_order_stands() -> None:
    answer = standing(an_order(status="shipped", version=4))

    assert answer.body == (b'{"order_id":"so_1","order_number":"SO-2024-001","status":"shipped","version":4}')
