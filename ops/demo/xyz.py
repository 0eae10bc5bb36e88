"""Customer XYZ, the one the documentation of the API shows, with the figures it shows. Pure.

75 orders that come to 45,000.00 after its discount, 2,500.00 of it open and not yet due, all else paid twelve
days after its invoice: a score of 750. Distances in time are those of the documentation, which speaks of
2024-01-20.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
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
# when, in days before today, and for how much in all: the months before, December, January but for the newest
EARLIER = (tuple(52 + 165 * number // 60 for number in reversed(range(61))), Decimal("36600.00"))
LAST_MONTH = ((48, 43, 38, 33, 28, 23), Decimal("3600.00"))
THIS_MONTH = ((19, 17, 15, 13, 11, 9, 7), Decimal("4500.05"))
NEWEST = 5
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
    chronicle, widgets, rng = Chronicle(customer(today), today), cycle(WIDGETS), Random(456)  # noqa: S311
    still_open: list[Sale] = []
    for days, total in (EARLIER, LAST_MONTH, THIS_MONTH):
        for days_ago, lines in zip(days, orders_worth(total, len(days), widgets, rng), strict=True):
            sale = _sold(chronicle, days_ago, lines)
            paid = days_ago - 1 - PAID_AFTER_DAYS
            if paid > 0:
                chronicle.is_paid(sale, paid)
            else:
                still_open.append(sale)
    still_open.append(_sold(chronicle, NEWEST, newest_lines()))
    instalment = sum(sale.total for sale in still_open) - OPEN_IN_ALL
    chronicle.is_paid(still_open[0], 3, instalment)
    return chronicle.story("the customer of the API's documentation")


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


def _sold(chronicle: Chronicle, days_ago: int, lines: Sequence[NewLine]) -> Sale:
    """Ordered, shipped a day later, delivered two days after that."""
    sale = chronicle.sells(days_ago, lines)
    chronicle.ships(sale, days_ago - 1)
    chronicle.delivers(sale, days_ago - 3)
    return sale
