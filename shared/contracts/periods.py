"""The periods that figures are asked for: a window that ends now and begins so much earlier. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

Period = Literal["30d", "90d", "1y", "all"]

PERIODS: tuple[Period, ...] = get_args(Period)

_DAYS: dict[Period, int] = {"30d": 30, "90d": 90}


def begin_of(period: Period, now: datetime) -> datetime | None:
    """The first instant of a period that ends just before `now`, in UTC; None for `all`, which has no bounds.

    Days have 24 hours; a year ago is the same date and time, and 28 February where there is no 29th.
    """
    end = now.astimezone(UTC)
    if period == "all":
        return None
    if period != "1y":
        return end - timedelta(days=_DAYS[period])
    if (end.month, end.day) == (2, 29):
        return end.replace(year=end.year - 1, day=28)
    return end.replace(year=end.year - 1)
