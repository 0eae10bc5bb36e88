"""The periods that figures are asked for, and of which kept figures each is made up. Pure.

A period is a window that ends now and begins so much earlier; figures are kept by day, month and ever.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args

Period = Literal["30d", "90d", "1y", "all"]
Grain = Literal["day", "month", "ever"]

PERIODS: tuple[Period, ...] = get_args(Period)

_INTO_NEXT_MONTH = timedelta(days=32)
_DAYS: dict[Period, int] = {"30d": 30, "90d": 90}


@dataclass(frozen=True, slots=True)
class Span:
    """Figures of a grain that start on `since` or later, and before `until`."""

    grain: Grain
    since: date
    until: date


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


def whole_days(since: date, until: date) -> list[Span]:
    """All days from `since` on and before `until`: by months where they lie between the two whole."""
    months_since = since if since.day == 1 else (since.replace(day=1) + _INTO_NEXT_MONTH).replace(day=1)
    months_until = until.replace(day=1)
    if months_since >= months_until:
        return [Span("day", since, until)]
    return [
        Span("day", since, months_since),
        Span("month", months_since, months_until),
        Span("day", months_until, until),
    ]
