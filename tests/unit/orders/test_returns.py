from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from services.orders.returns import Asked, after_return, asked, expect_repeat, take_back
from shared.errors import Refused
from tests.support.order_builders import NOW, a_return, an_order

BACK = datetime(2024, 2, 1, tzinfo=UTC)
SHIPPED = an_order(status="shipped", version=3)


def test_a_return_without_an_amount_takes_all_that_is_left() -> None:
    order = an_order(status="delivered", returned_amount="30.00")

    event = take_back(order, a_return(order), NOW)

    assert event is not None
    assert (event.amount, event.is_partial, event.status, event.returned_at) == (
        Decimal("70.00"),
        False,
        "returned",
        NOW,
    )
    change = after_return(order, event, NOW)
    assert (change.order.status, change.order.returned_amount) == ("returned", Decimal("100.00"))
    assert (change.accepted_by, change.value_by) == (0, Decimal("-70.00"))


def test_a_partial_return_leaves_the_status() -> None:
    event = take_back(SHIPPED, a_return(SHIPPED, amount="30.00", returned_at=BACK, return_id="R-1"), NOW)

    assert event is not None
    assert (event.status, event.previous_status, event.is_partial) == ("shipped", "shipped", True)
    assert (event.returned_at, event.return_id, event.version) == (BACK, "R-1", 4)
    assert not after_return(SHIPPED, event, NOW).moves


def test_the_last_part_makes_the_order_returned() -> None:
    order = an_order(status="shipped", returned_amount="70.00")

    event = take_back(order, a_return(order, amount="30.00"), NOW)

    assert event is not None
    assert (event.status, event.is_partial) == ("returned", False)


@pytest.mark.parametrize(
    ("order", "amount"),
    [
        (SHIPPED, "100.01"),
        (an_order(status="shipped", returned_amount="70.00"), "30.01"),
        (an_order(status="returned", returned_amount="100.00"), "0.01"),
        (an_order(status="shipped", total_amount="0.00"), None),
    ],
)
def test_more_than_is_left_is_refused(order, amount) -> None:
    with pytest.raises(Refused, match="exceeds_total"):
        take_back(order, a_return(order, amount=amount), NOW)


def test_all_of_what_has_come_back_already_changes_nothing() -> None:
    order = an_order(status="returned", returned_amount="100.00")

    assert take_back(order, a_return(order), NOW) is None


def test_a_return_of_the_day_after_tomorrow_is_refused() -> None:
    with pytest.raises(Refused, match="date_in_future"):
        take_back(SHIPPED, a_return(SHIPPED, returned_at=NOW + timedelta(hours=25)), NOW)


def test_a_repeat_asks_for_the_same() -> None:
    elsewhere = BACK.astimezone(timezone(timedelta(hours=5)))

    expect_repeat(
        Asked(Decimal("30.00"), BACK),
        a_return(SHIPPED, amount="30.00", returned_at=elsewhere, return_id="R-1"),
    )
    assert asked(a_return(SHIPPED)) == Asked(None, None)


@pytest.mark.parametrize("before", [Asked(Decimal("30.00"), BACK), Asked(None, None), Asked(None, BACK)])
def test_another_content_under_a_return_id_is_refused(before: Asked) -> None:
    with pytest.raises(Refused, match="return_id_reused"):
        expect_repeat(before, a_return(SHIPPED, amount="30.00", return_id="R-1"))
