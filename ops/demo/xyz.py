"""Customer XYZ, the one the documentation of the API shows, with the figures it shows. Pure.

75 orders that come to 45,000.00 after its discount, 2,500.00 of it open and not yet due, all else paid twelve
days after its invoice: a score of 750. The newest order is five days old; its month has eight orders over
4,800.00, the month before six over 3,600.00. On 2024-01-20, of which the documentation speaks, the days are
those of the documentation; where the newest order's month is younger, its orders stand closer together.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import cycle
from random import Random

from ops.demo.catalogue import (
    MOUNTING_SET,
    PRODUCTS,
    SENSOR_KIT,
    SMART_WIDGET,
    assembly_worth,
    line,
    net,
    some,
)
from ops.demo.chronicle import Chronicle, Sale, Story, midnight
from shared.contracts.customers.requests import ImportCustomer
from shared.contracts.orders.requests import NewLine

CUSTOMER_ID = "cust_456"
TENURE_DAYS = 219  # 2023-06-15 to 2024-01-20
DISCOUNT = Decimal("5.0")
OPEN_IN_ALL = Decimal("2500.00")
PAID_AFTER_DAYS = 12
PART_PAID_DAYS_AGO = 3
LEFT_OPEN = Decimal("100.00")  # at least, of an invoice that is paid in part: none is settled before its day
NEWEST = 5  # days ago
LATER = 12  # the hour of the newest order, where others are of its day
THIS_MONTH = ((19, 17, 15, 13, 11, 9, 7), Decimal("4500.05"))  # days ago, as far as its month reaches back
LAST_MONTH = ((3, 8, 13, 18, 23, 28), Decimal("3600.00"))  # days of the month
EARLIER = (61, Decimal("36600.00"))  # so many orders, from the second day of tenure on
WIDGETS = (2, 2, 1, 3)  # Smart Widgets in an order: 150 in all

ADDRESS = {
    "line1": "456 Customer Blvd",
    "city": "Customer City",
    "state": "NY",
    "postal_code": "10001",
    "country": "US",
}
BUYER = {
    "name": "Alice Johnson",
    "title": "Procurement Manager",
    "email": "alice.johnson@customerxyz.com",
    "phone": "+1-555-0458",
    "is_primary": True,
}


def story(today: date) -> Story:
    """All of it, up to `today`."""
    chronicle = Chronicle(customer(today), today)
    days = [*earlier(today), *last_month(today), *this_month(today)]
    still_open: list[Sale] = []
    for days_ago, lines in zip(days, lines_of_all_but_the_newest(), strict=True):
        sale = chronicle.sells(days_ago, lines)
        _arrives(chronicle, sale, days_ago)
        paid = days_ago - 1 - PAID_AFTER_DAYS
        if paid > 0:
            chronicle.is_paid(sale, paid)
        else:
            still_open.append(sale)
    newest = chronicle.sells(NEWEST, newest_lines(), hour=LATER if days[-1] == NEWEST else 0)
    _arrives(chronicle, newest, NEWEST)
    _pay_in_part(chronicle, [*still_open, newest])
    return chronicle.story("the customer of the API's documentation")


def this_month(today: date) -> list[int]:
    """How many days ago the orders were before the newest one in its month, oldest first."""
    reach = NEWEST + _newest_day(today).day - 1
    return [min(days_ago, reach) for days_ago in THIS_MONTH[0]]


def last_month(today: date) -> list[int]:
    """How many days ago those of the month before were: long enough to be paid, so not at its very end."""
    end = _newest_day(today).replace(day=1) - timedelta(days=1)
    days = [(today - end.replace(day=day)).days for day in LAST_MONTH[0]]
    return [max(days_ago, PAID_AFTER_DAYS + 2) for days_ago in days]


def earlier(today: date) -> list[int]:
    """How many days ago those before that were: evenly from the begin of tenure on."""
    end = _newest_day(today).replace(day=1) - timedelta(days=1)
    last, first = (today - end.replace(day=1)).days + 2, TENURE_DAYS - 2
    gaps = EARLIER[0] - 1
    return [last + (first - last) * number // gaps for number in reversed(range(EARLIER[0]))]


def customer(today: date) -> ImportCustomer:
    """Who it is, as the documentation shows it."""
    return ImportCustomer.model_validate(
        {
            "customer_id": CUSTOMER_ID,
            "external_ref": "DEMO-456",
            "customer_since": midnight(today, TENURE_DAYS),
            "name": "Customer XYZ",
            "email": "orders@customerxyz.com",
            "phone": "+1-555-0456",
            "fax": "+1-555-0457",
            "website": "https://customerxyz.com",
            "tax_id": "98-7654321",
            "billing_address": {**ADDRESS, "line2": "Floor 3"},
            "shipping_address": ADDRESS,
            "contacts": [BUYER],
            "payment_terms": "net_15",
            "currency": "USD",
            "credit_limit": Decimal("10000.00"),
            "discount_rate": DISCOUNT,
            "preferred_shipping": "UPS_GROUND",
            "notes": "High-value customer with consistent orders",
        }
    )


def newest_lines() -> list[NewLine]:
    """299.95 in three lines."""
    return [line(SMART_WIDGET, 2), line(SENSOR_KIT, 1), line(MOUNTING_SET, 1)]


@cache
def lines_of_all_but_the_newest() -> Sequence[Sequence[NewLine]]:
    """The lines of each order, oldest first; the same on every day."""
    widgets, rng = cycle(WIDGETS), Random(456)  # noqa: S311  # a world, no secret
    months = (EARLIER, (len(LAST_MONTH[0]), LAST_MONTH[1]), (len(THIS_MONTH[0]), THIS_MONTH[1]))
    return [lines for count, total in months for lines in orders_worth(total, count, widgets, rng)]


def orders_worth(
    total: Decimal, count: int, widgets: Iterator[int], rng: Random
) -> Iterator[Sequence[NewLine]]:
    """The lines of `count` orders that come to `total` together; the last one is made to fit."""
    left = total
    for orders_left in range(count, 1, -1):
        aim = left / orders_left + rng.randint(-90, 90)
        lines = [line(SMART_WIDGET, next(widgets))]
        for product, share in zip(rng.sample(PRODUCTS, 2), (2, 1), strict=True):
            lines.append(some(product, (aim - net(lines, DISCOUNT)) / share, DISCOUNT))
        left -= net(lines, DISCOUNT)
        yield lines
    widget_line = line(SMART_WIDGET, next(widgets))
    yield [widget_line, assembly_worth(left - net([widget_line], DISCOUNT), DISCOUNT)]


def _newest_day(today: date) -> date:
    return today - timedelta(days=NEWEST)


def _arrives(chronicle: Chronicle, sale: Sale, days_ago: int) -> None:
    """Shipped a day after it was ordered, delivered two days after that."""
    chronicle.ships(sale, days_ago - 1)
    chronicle.delivers(sale, days_ago - 3)


def _pay_in_part(chronicle: Chronicle, still_open: Sequence[Sale]) -> None:
    """Instalments on what is open, oldest first, until so much is open in all as the documentation shows."""
    left = sum(sale.total for sale in still_open) - OPEN_IN_ALL
    for sale in still_open:
        instalment = min(left, sale.total - LEFT_OPEN)
        if instalment > 0:
            chronicle.is_paid(sale, PART_PAID_DAYS_AGO, instalment)
            left -= instalment
