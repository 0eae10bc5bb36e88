"""What lines cost, and which numbers an order may have. Pure, exact, in decimals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from shared.contracts.orders.events import Line
from shared.contracts.orders.requests import NewLine
from shared.contracts.values import AMOUNT_MAX, CENT
from shared.errors import Refused

FIRST_YEAR, LAST_YEAR = 1990, 2100  # a migration has made a sequence of order numbers for each


@dataclass(frozen=True, slots=True)
class Priced:
    """Lines as they are sold. total_amount: what their totals, each rounded by itself, add up to."""

    lines: Sequence[Line]
    total_amount: Decimal


def line_total(quantity: int, unit_price: Decimal, discount_rate: Decimal) -> Decimal:
    """Quantity x price, less `discount_rate` percent, rounded half up to two decimals."""
    exact = quantity * unit_price * (100 - discount_rate) / 100
    return exact.quantize(CENT, ROUND_HALF_UP)


def price(wished: Sequence[NewLine], customer_rate: Decimal) -> Priced:
    """The lines in their order, at the customer's rate (percent) where they name none of their own.

    Raises:
        Refused: `total_out_of_range`, above 999,999,999,999.99.
    """
    rates = [customer_rate if line.discount_rate is None else line.discount_rate for line in wished]
    totals = [
        line_total(line.quantity, line.unit_price, rate) for line, rate in zip(wished, rates, strict=True)
    ]
    total_amount = sum(totals, Decimal("0.00"))
    if total_amount > AMOUNT_MAX:
        raise Refused("total_out_of_range", f"the lines add up to {total_amount}")
    lines = [
        Line(**{**dict(line), "discount_rate": rate}, line_total=total)
        for line, rate, total in zip(wished, rates, totals, strict=True)
    ]
    return Priced(lines, total_amount)


def numbered_year(order_date: datetime) -> int:
    """The year, in UTC, whose order number an order has; `order_date` is in UTC.

    Raises:
        Refused: `order_date_out_of_range`, outside 1990..2100.
    """
    if not FIRST_YEAR <= order_date.year <= LAST_YEAR:
        raise Refused("order_date_out_of_range", f"orders are numbered from {FIRST_YEAR} to {LAST_YEAR}")
    return order_date.year


def counted_number(order_number: str, year: int) -> int:
    """What a number given from outside counts to: 7 for SO-2024-007.

    Raises:
        Refused: `order_number_invalid`, it is one of another year.
    """
    _, of_year, counted = order_number.split("-")
    if int(of_year) != year:
        raise Refused("order_number_invalid", f"{order_number} is no number of the year {year}")
    return int(counted)
