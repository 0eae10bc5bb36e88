"""A customer's orders in figures: which kept figures make up a period, and what is answered of them. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from services.orders.policy import Thresholds
from services.orders.segments import Behaviour, segment
from shared.contracts.orders.answers import OrderAnalytics
from shared.contracts.periods import Period, Span, begin_of, whole_days
from shared.contracts.values import CENT, instant_in_answer
from shared.messaging import Answer

YEAR_DAYS = 365
_ZERO = Decimal("0.00")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cut:
    """The days that a period begins and ends within, of which single orders are read. Instants, UTC.

    Attributes:
        begins_at: Of the period.
        days_begin_at: Of the first day that is in it whole.
        day_begins_at, day_ends_at: Of the day that the period ends in.
        ends_at: Of the period.
    """

    begins_at: datetime
    days_begin_at: datetime
    day_begins_at: datetime
    ends_at: datetime
    day_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """What is read of a customer for a period.

    Attributes:
        orders, products: Figures that make up the period, with those of the day that it ends in; where orders
            are dated ahead, that day's single orders are read instead.
        year: Figures of orders of the trailing 365 days.
        cut: None of a period without bounds.
    """

    orders: Sequence[Span]
    products: Sequence[Span]
    year: Sequence[Span]
    cut: Cut | None


@dataclass(frozen=True, slots=True)
class Month:
    """Accepted orders of a month, as far as it is in the period. month: YYYY-MM."""

    month: str
    orders: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Sold:
    """A product as it was sold in the period."""

    product_id: str
    product_name: str
    quantity: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Figures:
    """What was read, all of it as of one instant.

    Attributes:
        last_order_date, as_of: None before the first order.
        months: Newest first, none without orders.
        products: Those most sold, in their order.
        recent: As in `Behaviour`.
        year_revenue: Of the trailing 365 days.
    """

    customer_since: datetime
    lifetime_value: Decimal
    total_orders: int
    last_order_date: datetime | None
    as_of: datetime | None
    months: Sequence[Month]
    products: Sequence[Sold]
    recent: Sequence[date]
    year_revenue: Decimal


def reach(period: Period, now: datetime) -> Reach:
    """What makes up a period that ends just before `now`."""
    today = _day(now)
    tomorrow = today + _ONE_DAY
    year = whole_days(tomorrow - timedelta(days=YEAR_DAYS), tomorrow)
    begin = begin_of(period, now)
    if begin is None:
        unbounded = (date.min, date.max)
        return Reach([Span("month", *unbounded)], [Span("ever", *unbounded)], year, cut=None)
    is_whole = begin == _midnight(_day(begin))
    first = _day(begin) if is_whole else _day(begin) + _ONE_DAY
    days = [*whole_days(first, today), Span("day", today, tomorrow)]
    cut = Cut(
        begins_at=begin,
        days_begin_at=_midnight(first),
        day_begins_at=_midnight(today),
        ends_at=now.astimezone(UTC),
        day_ends_at=_midnight(tomorrow),
    )
    return Reach(days, days, year, cut)


def average(value: Decimal, orders: int) -> Decimal:
    """What an order is worth, rounded half up to two decimals; 0.00 where there is none."""
    return (value / orders).quantize(CENT, ROUND_HALF_UP) if orders else _ZERO


def days_since(at: datetime | None, now: datetime) -> int | None:
    """Calendar days in UTC, 0 where `at` lies ahead; None for None."""
    return None if at is None else max(0, (_day(now) - _day(at)).days)


def answer(figures: Figures, now: datetime, thresholds: Thresholds) -> Answer[OrderAnalytics]:
    """What is answered as of `now`."""
    since_last = days_since(figures.last_order_date, now)
    behaviour = Behaviour(
        tenure_days=days_since(figures.customer_since, now) or 0,
        orders=figures.total_orders,
        days_since_last=since_last,
        recent=figures.recent,
        year_revenue=figures.year_revenue,
    )
    members = {
        "lifetime_value": _money(figures.lifetime_value),
        "total_orders": str(figures.total_orders),
        "avg_order_value": _money(average(figures.lifetime_value, figures.total_orders)),
        "last_order_date": instant_in_answer(figures.last_order_date),
        "days_since_last_order": json.dumps(since_last),
        "total_revenue": _money(sum((month.revenue for month in figures.months), _ZERO)),
        "order_history": _list([_month(month) for month in figures.months]),
        "top_products": _list([_product(sold) for sold in figures.products]),
        "customer_segment": _text(segment(behaviour, thresholds)),
        "segment_version": _text(thresholds.version),
        "as_of": instant_in_answer(figures.as_of),
    }
    return Answer(_object(members).encode())


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# JSON as text: numbers keep the decimals of money


def _month(month: Month) -> str:
    members = {
        "month": _text(month.month),
        "orders": str(month.orders),
        "revenue": _money(month.revenue),
        "avg_order_value": _money(average(month.revenue, month.orders)),
    }
    return _object(members)


def _product(sold: Sold) -> str:
    members = {
        "product_id": _text(sold.product_id),
        "product_name": _text(sold.product_name),
        "quantity_ordered": str(sold.quantity),
        "revenue": _money(sold.revenue),
    }
    return _object(members)


def _object(members: dict[str, str]) -> str:
    return f"{{{','.join(f'{_text(name)}:{value}' for name, value in members.items())}}}"


def _list(elements: Sequence[str]) -> str:
    return f"[{','.join(elements)}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
