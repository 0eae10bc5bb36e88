import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.orders.lifecycle import ACCEPTED
from services.orders.policy import DEFAULTS, Thresholds
from services.orders.segments import Behaviour, segment
from services.orders.tables import IS_ACCEPTED

LAST = date(2024, 1, 15)


def days(*gaps: int) -> list[date]:
    """Days of orders with these gaps between them, the newest on the last day."""
    return [LAST - timedelta(days=sum(gaps[:count])) for count in range(len(gaps) + 1)]


MONTHLY = days(*[30] * 11)


def a_behaviour(**changes: object) -> Behaviour:
    """Of a customer of years that orders each month, for little."""
    whole = {
        "tenure_days": 1_000,
        "orders": 40,
        "days_since_last": 10,
        "recent": MONTHLY,
        "year_revenue": Decimal("1200.00"),
    }
    return Behaviour(**{**whole, **changes})  # type: ignore[arg-type]


def nobody(tenure_days: int) -> Behaviour:
    """Of a customer that has never ordered."""
    none: dict[str, object] = {"orders": 0, "days_since_last": None, "recent": [], "year_revenue": Decimal(0)}
    return a_behaviour(tenure_days=tenure_days, **none)


HIGH = {"year_revenue": Decimal("25000.00")}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (a_behaviour(days_since_last=181, **HIGH), "dormant"),
        (a_behaviour(days_since_last=180, recent=days(90, 90, 90)), "regular"),
        (nobody(tenure_days=90), "dormant"),
        (nobody(tenure_days=89), "new"),
        (nobody(tenure_days=0), "new"),
        (a_behaviour(days_since_last=91, **HIGH), "at_risk"),
        (a_behaviour(days_since_last=90, **HIGH), "high_value"),
        (a_behaviour(days_since_last=60, recent=days(1, 1, 1)), "regular"),
        (a_behaviour(days_since_last=61, recent=days(1, 1, 1)), "at_risk"),
        (a_behaviour(days_since_last=61, orders=3, recent=days(20, 20)), "at_risk"),
        (a_behaviour(days_since_last=61, orders=2, recent=days(20)), "new"),
        (a_behaviour(orders=2, recent=days(20), **HIGH), "high_value"),
        (a_behaviour(tenure_days=5, **HIGH), "high_value"),
        (a_behaviour(year_revenue=Decimal("24999.99")), "regular"),
        (a_behaviour(orders=2, recent=days(20)), "new"),
        (a_behaviour(orders=3, recent=days(20, 20)), "regular"),
        (a_behaviour(tenure_days=89), "new"),
        (a_behaviour(tenure_days=90), "regular"),
    ],
)
def test_a_customer_is_of_the_first_segment_that_applies(behaviour: Behaviour, expected: str) -> None:
    assert segment(behaviour, DEFAULTS) == expected


@pytest.mark.parametrize("recent", [[], [LAST]])
def test_where_more_orders_are_counted_than_there_are_nobody_is_at_risk(recent: list[date]) -> None:
    assert segment(a_behaviour(days_since_last=91, orders=7, recent=recent), DEFAULTS) == "regular"


@pytest.mark.parametrize(
    ("recent", "longest"),
    [
        (days(30, 10, 50), 90),  # the middle one of three
        (days(30, 31), 91),  # 30.5 days, three times
        (days(0, 80, 30, 31), 91),
    ],
)
def test_the_median_gap_of_an_even_number_lies_between_the_two_middle_ones(
    recent: list[date], longest: int
) -> None:
    within, beyond = (a_behaviour(days_since_last=since, recent=recent) for since in (longest, longest + 1))

    assert [segment(each, DEFAULTS) for each in (within, beyond)] == ["regular", "at_risk"]


def test_the_order_in_which_days_are_given_makes_no_difference() -> None:
    behaviour = a_behaviour(days_since_last=91)

    assert segment(replace(behaviour, recent=MONTHLY[::-1]), DEFAULTS) == segment(behaviour, DEFAULTS)


@pytest.mark.parametrize(
    ("changed", "behaviour", "expected"),
    [
        ({"dormant_after_days": 9}, a_behaviour(), "dormant"),
        ({"established_after_days": 1_001}, a_behaviour(), "new"),
        ({"established_from_orders": 41}, a_behaviour(), "new"),
        ({"at_risk_after_days": 5, "at_risk_after_gaps": 1}, a_behaviour(days_since_last=31), "at_risk"),
        ({"high_value_from": Decimal("1200.00")}, a_behaviour(), "high_value"),
    ],
)
def test_every_threshold_decides_and_is_told_by_the_version(
    changed: dict[str, Decimal], behaviour: Behaviour, expected: str
) -> None:
    thresholds = replace(DEFAULTS, **changed)  # type: ignore[arg-type]

    assert segment(behaviour, thresholds) == expected != segment(behaviour, DEFAULTS)
    name, _, digest = thresholds.version.partition("+")
    assert (name, len(digest)) == ("segments-1.0.0", 8)


def test_the_same_thresholds_have_the_same_version() -> None:
    assert DEFAULTS.version == Thresholds(high_value_from=Decimal(25_000)).version == "segments-1.0.0"
    one, same, other = (Thresholds(high_value_from=Decimal(value)) for value in ("100", "100.00", "101"))
    assert one.version == same.version != other.version


def test_the_database_counts_the_statuses_that_are_accepted() -> None:
    named = {*re.findall("'([a-z]+)'", IS_ACCEPTED)}

    assert named == ACCEPTED
