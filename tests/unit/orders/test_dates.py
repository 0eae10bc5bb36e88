from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.orders.dates import not_ahead
from shared.errors import Refused
from tests.support.order_builders import NOW


def test_a_date_is_taken_in_utc() -> None:
    at = datetime(2024, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    assert not_ahead("ship_date", at, NOW) == datetime(2023, 12, 31, 23, 30, tzinfo=UTC)
    assert not_ahead("ship_date", at, NOW).tzinfo is UTC


def test_a_date_may_lie_a_day_ahead_and_no_more() -> None:
    assert not_ahead("ship_date", NOW + timedelta(hours=24), NOW) == NOW + timedelta(hours=24)
    with pytest.raises(Refused, match="date_in_future: ship_date"):
        not_ahead("ship_date", NOW + timedelta(hours=24, microseconds=1), NOW)
