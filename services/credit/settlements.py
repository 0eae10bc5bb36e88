"""Settled invoices in figures: how many, and how many days they took, by day, by month and ever. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.credit.postings import Invoice, day
from shared.contracts.periods import Grain, Period, Span, begin_of, whole_days

_EVER = date.min
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Settlements:
    """Invoices that were settled with a payment. starts_on: the first day. days: to pay, of all together."""

    grain: Grain
    starts_on: date
    invoices: int
    days: int


def settlements_of(invoices: Iterable[Invoice]) -> list[Settlements]:
    """What invoices add to each row; those that are open, or closed without any payment, add nothing."""
    taken: dict[tuple[Grain, date], list[int]] = defaultdict(list)
    for invoice in invoices:
        on, days = invoice.settled_on, invoice.days_to_pay
        if on is not None and days is not None:
            taken["day", on].append(days)
            taken["month", on.replace(day=1)].append(days)
            taken["ever", _EVER].append(days)
    return [Settlements(grain, on, len(days), sum(days)) for (grain, on), days in sorted(taken.items())]


def spans(period: Period, now: datetime) -> list[Span]:
    """Which rows make up a period that ends today: its whole months, and single days at the edges."""
    begin = begin_of(period, now)
    if begin is None:
        return [Span("ever", date.min, date.max)]
    return whole_days(day(begin), day(now) + _ONE_DAY)


def mean_days(invoices: int, days: int) -> int | None:
    """Days an invoice took on average, rounded half up; None where there is none."""
    return (2 * days + invoices) // (2 * invoices) if invoices else None
