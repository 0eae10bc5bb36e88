from decimal import Decimal

import pytest

from services.orders.lifecycle import confirm, take
from services.orders.returns import after_return, take_back
from services.orders.sales import Sale, sales_of
from shared.contracts.orders.answers import Status
from shared.contracts.orders.events import Line
from tests.support.order_builders import (
    NOW,
    a_cancellation,
    a_delivery,
    a_return,
    a_shipment,
    an_order,
)


def a_sold_line(product_id: str, product_name: str, quantity: int, total: str) -> Line:
    return Line(
        product_id=product_id,
        product_name=product_name,
        quantity=quantity,
        unit_price=Decimal("1.00"),
        discount_rate=Decimal("0.00"),
        line_total=Decimal(total),
    )


def test_lines_of_one_product_are_one_sale_under_the_name_of_the_last() -> None:
    lines = [
        a_sold_line("prod_1", "Widget", 2, "100.00"),
        a_sold_line("prod_2", "Gadget", 1, "0.00"),
        a_sold_line("prod_1", "Smart Widget", 3, "0.05"),
    ]

    assert sales_of(lines) == [
        Sale("prod_1", "Smart Widget", 5, Decimal("100.05")),
        Sale("prod_2", "Gadget", 1, Decimal("0.00")),
    ]


def test_what_was_ordered_is_sold_from_the_confirmation_on_whatever_way_it_goes() -> None:
    assert confirm(an_order(), NOW).sold_by == 1
    for status, command in (("confirmed", a_shipment), ("processing", a_delivery), ("shipped", a_delivery)):
        order = an_order(status=status)
        change = take(order, command(order), NOW)
        assert change is not None
        assert change.sold_by == 0


@pytest.mark.parametrize(("status", "sold_by"), [("pending", 0), ("confirmed", -1), ("processing", -1)])
def test_a_cancelled_order_has_sold_nothing(status: Status, sold_by: int) -> None:
    order = an_order(status=status)

    change = take(order, a_cancellation(order), NOW)

    assert change is not None
    assert change.sold_by == sold_by


@pytest.mark.parametrize(("amount", "sold_by"), [("99.99", 0), ("100.00", -1), (None, -1)])
def test_only_what_is_wholly_returned_was_not_sold(amount: str | None, sold_by: int) -> None:
    order = an_order(status="delivered")

    returned = take_back(order, a_return(order, amount=amount), NOW)

    assert returned is not None
    change = after_return(order, returned, NOW)
    assert (change.sold_by, change.accepted_by) == (sold_by, 0)
