import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.analytics import Figures, Month, Reach, Sold, answer, average, days_since, reach
from services.orders.policy import DEFAULTS
from shared.contracts.orders.answers import OrderAnalytics
from shared.contracts.periods import PERIODS, Period, Span

NOW = datetime(2024, 1, 20, 10, 30, tzinfo=UTC)


def some_figures(**changes: Any) -> Figures:
    """Those of the seed's customer."""
    whole: dict[str, Any] = {
        "customer_since": datetime(2023, 6, 15, tzinfo=UTC),
        "lifetime_value": Decimal("45000.00"),
        "total_orders": 75,
        "last_order_date": datetime(2024, 1, 15, tzinfo=UTC),
        "as_of": datetime(2024, 1, 19, 8, 0, 0, 999_999, tzinfo=UTC),
        "months": [Month("2024-01", 8, Decimal("4800.00")), Month("2023-12", 67, Decimal("40200.00"))],
        "products": [Sold("prod_123", "Smart Wídget", 150, Decimal("7500.00"))],
        "recent": [date(2024, 1, day) for day in range(4, 16)],
        "year_revenue": Decimal("45000.00"),
    }
    return Figures(**{**whole, **changes})


def days_of(spans: list[Span]) -> list[date]:
    """The days of spans, one by one; of months all days."""
    return [
        span.since + timedelta(days=count)
        for span in spans
        for count in range((span.until - span.since).days)
    ]


instants = st.datetimes(datetime(2019, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants | instants.map(lambda at: at.replace(hour=0, minute=0, second=0, microsecond=0)))
def test_a_window_is_made_of_whole_months_of_days_and_of_what_is_cut(now: datetime) -> None:
    for period in PERIODS[:-1]:
        read = reach(period, now)
        assert read.cut is not None
        days = days_of(list(read.orders))
        assert days == sorted(set(days))
        assert days[0] == read.cut.days_begin_at.date()
        assert days[-1] == now.date() == read.cut.day_begins_at.date()
        assert timedelta() <= read.cut.days_begin_at - read.cut.begins_at < timedelta(days=1)
        assert read.cut.day_begins_at <= now < read.cut.day_ends_at
        for span in read.orders:
            assert span.grain == "day" or (span.since.day, span.until.day) == (1, 1)
        assert sum((span.until - span.since).days for span in read.orders if span.grain == "day") <= 62
        assert read.orders == read.products


@given(instants)
def test_the_trailing_year_is_365_whole_days_today_included(now: datetime) -> None:
    days = days_of(list(reach("all", now).year))

    assert (len(days), days[-1]) == (365, now.date())


def test_a_period_without_bounds_is_read_by_month_and_products_ever() -> None:
    read = reach("all", NOW)

    assert [span.grain for span in (*read.orders, *read.products)] == ["month", "ever"]
    assert read.cut is None


@pytest.mark.parametrize(
    ("period", "now", "begins_at"),
    [
        ("1y", datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2023, 2, 28, 12, tzinfo=UTC)),
        ("1y", datetime(2025, 2, 28, 12, tzinfo=UTC), datetime(2024, 2, 28, 12, tzinfo=UTC)),
        ("30d", datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)),
        (
            "90d",
            datetime(2024, 1, 20, 1, tzinfo=timezone(timedelta(hours=2))),
            datetime(2023, 10, 21, 23, tzinfo=UTC),
        ),
    ],
)
def test_a_window_begins_at_the_same_time_so_much_earlier(
    period: Period, now: datetime, begins_at: datetime
) -> None:
    read: Reach = reach(period, now)

    assert read.cut is not None
    assert (read.cut.begins_at, read.cut.ends_at) == (begins_at, now)


def test_an_average_is_rounded_half_up() -> None:
    averages = [average(Decimal(value), 8) for value in ("100.04", "100.03", "0.04", "0.03")]

    assert averages == [Decimal(value) for value in ("12.51", "12.50", "0.01", "0.00")]
    assert average(Decimal("0.00"), 0) == Decimal("0.00")


def test_days_since_are_those_of_the_calendar_in_utc() -> None:
    late = datetime(2024, 1, 19, 23, 59, tzinfo=UTC)

    assert days_since(late, NOW) == 1
    assert days_since(late.astimezone(timezone(timedelta(hours=5))), NOW) == 1
    assert days_since(NOW + timedelta(days=1), NOW) == 0
    assert days_since(None, NOW) is None


def test_the_answer_has_money_with_two_decimals_and_times_without_fractions() -> None:
    body = answer(some_figures(), NOW, DEFAULTS).body

    OrderAnalytics.model_validate_json(body)
    assert body.decode() == (
        '{"lifetime_value":45000.00,"total_orders":75,"avg_order_value":600.00,'
        '"last_order_date":"2024-01-15T00:00:00Z","days_since_last_order":5,"total_revenue":45000.00,'
        '"order_history":[{"month":"2024-01","orders":8,"revenue":4800.00,"avg_order_value":600.00},'
        '{"month":"2023-12","orders":67,"revenue":40200.00,"avg_order_value":600.00}],'
        '"top_products":[{"product_id":"prod_123","product_name":"Smart Wídget","quantity_ordered":150,'
        '"revenue":7500.00}],"customer_segment":"high_value","segment_version":"segments-1.0.0",'
        '"as_of":"2024-01-19T08:00:00Z"}'
    )


def test_a_customer_without_orders_has_zeros_and_nothing() -> None:
    nothing: dict[str, Any] = {"months": [], "products": [], "recent": [], "as_of": None}
    nothing |= {"lifetime_value": Decimal(0), "year_revenue": Decimal(0)}
    figures = some_figures(**nothing, total_orders=0, last_order_date=None)

    assert json.loads(answer(figures, NOW, DEFAULTS).body) == {
        "lifetime_value": 0.0,
        "total_orders": 0,
        "avg_order_value": 0.0,
        "last_order_date": None,
        "days_since_last_order": None,
        "total_revenue": 0.0,
        "order_history": [],
        "top_products": [],
        "customer_segment": "dormant",
        "segment_version": "segments-1.0.0",
        "as_of": None,
    }
