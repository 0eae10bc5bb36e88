"""What is sold in the demo world, and what lines of it come to. Pure."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from shared.contracts.orders.requests import NewLine

CENT = Decimal("0.01")
HUNDRED = Decimal(100)


class Product(NamedTuple):
    """Something that is sold; price: of one, before any discount, in the customer's currency."""

    id: str
    name: str
    price: Decimal


SMART_WIDGET = Product("prod_123", "Smart Widget", Decimal("52.63"))
SENSOR_KIT = Product("prod_201", "Sensor Kit", Decimal("142.11"))
MOUNTING_SET = Product("prod_208", "Mounting Set", Decimal("68.37"))
PRODUCTS = (
    SENSOR_KIT,
    Product("prod_202", "Pressure Gauge", Decimal("38.90")),
    Product("prod_203", "Flow Meter", Decimal("119.00")),
    Product("prod_204", "Control Valve", Decimal("86.50")),
    Product("prod_205", "Relay Board", Decimal("47.25")),
    Product("prod_206", "Cable Drum 100 m", Decimal("74.80")),
    Product("prod_207", "Terminal Block", Decimal("12.40")),
    MOUNTING_SET,
    Product("prod_209", "Power Supply 24 V", Decimal("58.95")),
    Product("prod_210", "Panel Display", Decimal("164.00")),
)
CUSTOM_ASSEMBLY = ("prod_900", "Custom Assembly")


def line(product: Product, quantity: int) -> NewLine:
    """So many of a product at its price, less the customer's own discount."""
    return NewLine(
        product_id=product.id, product_name=product.name, quantity=quantity, unit_price=product.price
    )


def some(product: Product, worth: Decimal, discount_rate: Decimal) -> NewLine:
    """As many of a product, one at least, as come to about `worth` after the discount (percent)."""
    price = product.price * (HUNDRED - discount_rate) / HUNDRED
    return line(product, max(1, round(worth / price)))


def assembly_worth(amount: Decimal, discount_rate: Decimal) -> NewLine:
    """One assembly at the price that comes to exactly `amount` after the discount (percent, below 100)."""
    price = (amount * HUNDRED / (HUNDRED - discount_rate)).quantize(CENT, ROUND_HALF_UP)
    product_id, name = CUSTOM_ASSEMBLY
    return NewLine(product_id=product_id, product_name=name, quantity=1, unit_price=price)


def net(lines: Iterable[NewLine], discount_rate: Decimal) -> Decimal:
    """What the lines come to after the discount (percent), each rounded half up."""
    return sum((line_total(each, discount_rate) for each in lines), Decimal("0.00"))


def line_total(line: NewLine, discount_rate: Decimal) -> Decimal:
    """What one line comes to after the discount (percent), rounded half up."""
    gross = line.quantity * line.unit_price
    return (gross * (HUNDRED - discount_rate) / HUNDRED).quantize(CENT, ROUND_HALF_UP)
