"""Random histories of a customer's orders, and what analytics must be then: folded over all of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from services.orders.policy import DEFAULTS
from services.orders.segments import Behaviour, segment
from shared.contracts.orders.requests import NewLine, PlaceOrder
from shared.contracts.periods import PERIODS, Period, begin_of
from shared.messaging import Command, Event
from tests.support.order_builders import (
    a_cancellation,
    a_delivery,
    a_line,
    a_placement,
    a_reservation,
    a_return,
    a_shipment,
)

ACCEPTED = ("confirmed", "processing", "shipped", "delivered", "returned")
NOWS = (
    datetime(2024, 3, 15, 12, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
)
SINCE = datetime(2022, 1, 1, tzinfo=UTC)
_EDGES = [begin_of(period, now) or now for now in NOWS for period in PERIODS]
_NEAR = [timedelta(), timedelta(microseconds=-1), timedelta(hours=-11), timedelta(hours=5), timedelta(days=3)]
_FATES: dict[str, tuple[str, ...]] = {
    "pending": (),
    "confirmed": ("reserve",),
    "cancelled at once": ("cancel",),
    "cancelled": ("reserve", "cancel"),
    "delivered": ("reserve", "ship", "deliver"),
    "returned in part": ("reserve", "ship", "return 0.30"),
    "returned": ("reserve", "deliver", "return"),
    "returned part by part": ("reserve", "ship", "return 0.30", "return 0.10", "return"),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """An order, and what happens to it. parts: names of steps, in an order in which they are possible."""

    order_date: datetime
    lines: tuple[NewLine, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """arrivals: positions of orders and of their parts (-1 the placement) as they come, some repeatedly."""

    orders: tuple[Planned, ...]
    arrivals: tuple[tuple[int, int], ...]


def _lines() -> st.SearchStrategy[NewLine]:
    return st.builds(
        lambda product, name, quantity, price: a_line(
            product_id=f"prod_{product}", product_name=name, quantity=quantity, unit_price=price
        ),
        st.sampled_from("abcdefB"),
        st.sampled_from(["Widget", "Smart Widget", "Wídget"]),
        st.integers(1, 3),
        st.sampled_from(["50.00", "0.01", "12.3456", "99.99", "0.00"]),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A few orders, often on the same days and at the edges of periods, told in any order and repeatedly."""
    dates = st.builds(lambda edge, by: edge + by, st.sampled_from(_EDGES), st.sampled_from(_NEAR))
    planned = st.builds(
        Planned,
        dates,
        st.lists(_lines(), min_size=1, max_size=3).map(tuple),
        st.sampled_from(sorted(_FATES)).map(_FATES.__getitem__),
    )
    orders = draw(st.lists(planned, min_size=1, max_size=7))
    all_parts = [(at, part) for at, order in enumerate(orders) for part in range(-1, len(order.parts))]
    told = draw(st.permutations([*all_parts, *draw(st.lists(st.sampled_from(all_parts), max_size=4))]))
    in_order = draw(st.booleans())  # else most of what comes is refused or waits
    return History(tuple(orders), tuple(sorted(told) if in_order else [*told, *all_parts]))


def messages_of(history: History, customer_id: str) -> list[Command[Any] | Event]:
    """What orders is told of it."""
    placed = [
        a_placement(
            customer_id,
            external_ref=f"ERP-{uuid4().hex}",
            order_date=order.order_date,
            lines=list(order.lines),
        )
        for order in history.orders
    ]
    return [
        placed[at] if part < 0 else _part(placed[at], history.orders[at].parts[part], part)
        for at, part in history.arrivals
    ]


def _part(placed: PlaceOrder, name: str, position: int) -> Command[Any] | Event:
    match name.split():
        case ["reserve"]:
            return a_reservation(placed)
        case ["cancel"]:
            return a_cancellation(placed)
        case ["ship"]:
            return a_shipment(placed)
        case ["deliver"]:
            return a_delivery(placed)
        case ["return", *amount]:
            return a_return(placed, return_id=f"R-{position}", amount=amount[0] if amount else None)
    raise ValueError(name)


def analytics_of(rows: Iterable[dict[str, Any]], period: Period, now: datetime) -> dict[str, Any]:
    """What analytics must be, but for `as_of`, of rows of orders; numbers as decimals."""
    accepted = sorted(
        (row for row in rows if row["status"] in ACCEPTED),
        key=lambda row: (row["order_date"], row["order_id"]),
    )
    begin = begin_of(period, now)
    within = [row for row in accepted if begin is None or begin <= row["order_date"] < now]
    lifetime_value = _revenue(accepted)
    last = accepted[-1]["order_date"] if accepted else None
    since_last = None if last is None else max(0, (now.date() - last.date()).days)
    behaviour = Behaviour(
        tenure_days=(now.date() - SINCE.date()).days,
        orders=len(accepted),
        days_since_last=since_last,
        recent=[row["order_date"].date() for row in accepted[-12:]],
        year_revenue=_revenue([row for row in accepted if _is_in_year(row["order_date"], now)]),
    )
    return {
        "lifetime_value": lifetime_value,
        "total_orders": len(accepted),
        "avg_order_value": _average(lifetime_value, len(accepted)),
        "last_order_date": None if last is None else f"{last:%Y-%m-%dT%H:%M:%SZ}",
        "days_since_last_order": since_last,
        "total_revenue": _revenue(within),
        "order_history": _months(within),
        "top_products": _products(within)[:5],
        "customer_segment": segment(behaviour, DEFAULTS),
        "segment_version": "segments-1.0.0",
    }


def _is_in_year(at: datetime, now: datetime) -> bool:
    ends_at = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return ends_at - timedelta(days=365) <= at < ends_at


def _revenue(rows: Sequence[dict[str, Any]]) -> Decimal:
    return sum((row["total_amount"] - row["returned_amount"] for row in rows), Decimal("0.00"))


def _average(value: Decimal, orders: int) -> Decimal:
    return (value / orders).quantize(Decimal("0.01"), ROUND_HALF_UP) if orders else Decimal("0.00")


def _months(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    by_month: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_month.setdefault(f"{row['order_date']:%Y-%m}", []).append(row)
    return [
        {
            "month": month,
            "orders": len(of_month),
            "revenue": _revenue(of_month),
            "avg_order_value": _average(_revenue(of_month), len(of_month)),
        }
        for month, of_month in sorted(by_month.items(), reverse=True)
    ]


def _products(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    sold: dict[str, dict[str, Any]] = {}
    for line in (line for row in rows if row["status"] != "returned" for line in row["lines"]):
        product = sold.setdefault(line["product_id"], {"quantity_ordered": 0, "revenue": Decimal("0.00")})
        sold[line["product_id"]] = {
            "product_id": line["product_id"],
            "product_name": line["product_name"],
            "quantity_ordered": product["quantity_ordered"] + line["quantity"],
            "revenue": product["revenue"] + Decimal(line["line_total"]),
        }
    return sorted(
        sold.values(), key=lambda each: (-each["revenue"], -each["quantity_ordered"], each["product_id"])
    )


def exact(body: bytes) -> dict[str, Any]:
    """A JSON object whose numbers with a point are decimals."""
    decoded: dict[str, Any] = json.loads(body, parse_float=Decimal)
    return decoded
