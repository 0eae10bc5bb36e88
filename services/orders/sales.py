"""What an order sells of each product. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.contracts.orders.events import Line


@dataclass(frozen=True, slots=True)
class Sale:
    """All lines of one product in an order.

    Attributes:
        product_name: As the last of them calls it.
        revenue: Net of line discounts, in the order's currency.
    """

    product_id: str
    product_name: str
    quantity: int
    revenue: Decimal


def sales_of(lines: Sequence[Line]) -> list[Sale]:
    """What the lines say together of each product, in the order in which products come first."""
    sales: dict[str, Sale] = {}
    for line in lines:
        before = sales.get(line.product_id)
        quantity, revenue = (0, Decimal("0.00")) if before is None else (before.quantity, before.revenue)
        sales[line.product_id] = Sale(
            line.product_id, line.product_name, quantity + line.quantity, revenue + line.line_total
        )
    return list(sales.values())
