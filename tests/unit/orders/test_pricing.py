from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.pricing import counted_number, line_total, numbered_year, price
from shared.contracts.orders.requests import NewLine
from shared.errors import Refused
from tests.support.order_builders import a_line

lines = st.builds(
    NewLine,
    product_id=st.just("prod_1"),
    product_name=st.just("Widget"),
    quantity=st.integers(1, 1000),
    unit_price=st.decimals(0, 10_000, places=4),
    discount_rate=st.none() | st.decimals(0, 100, places=2),
)


@pytest.mark.parametrize(
    ("quantity", "unit_price", "discount_rate", "total"),
    [
        (1, "0.125", "0", "0.13"),
        (1, "0.1249", "0", "0.12"),
        (3, "0.0050", "0", "0.02"),
        (2, "50.00", "5.0", "95.00"),
        (1, "0.01", "50", "0.01"),
        (7, "19.9999", "33.33", "93.34"),
        (10, "9.99", "100", "0.00"),
        (1_000_000, "9999999.9999", "0", "9999999999900.00"),
        (999_999, "9999999.9999", "0.01", "9998990000900.01"),
    ],
)
def test_a_line_costs_quantity_times_price_less_the_discount_rounded_half_up(
    quantity: int, unit_price: str, discount_rate: str, total: str
) -> None:
    assert line_total(quantity, Decimal(unit_price), Decimal(discount_rate)) == Decimal(total)


def test_a_line_without_a_discount_takes_the_customers() -> None:
    (line,) = price([a_line(quantity=2, unit_price="50.00")], Decimal("5.00")).lines

    assert (line.discount_rate, line.line_total) == (Decimal("5.00"), Decimal("95.00"))


def test_a_discount_of_nothing_is_one_of_the_lines_own() -> None:
    (line,) = price([a_line(quantity=1, unit_price="50.00", discount_rate="0.00")], Decimal("5.00")).lines

    assert line.line_total == Decimal("50.00")


@given(st.lists(lines, min_size=1, max_size=20), st.decimals(0, 100, places=2))
def test_the_total_is_the_sum_of_the_lines(wished: list[NewLine], rate: Decimal) -> None:
    priced = price(wished, rate)

    assert priced.total_amount == sum(line.line_total for line in priced.lines)
    assert [line.product_id for line in priced.lines] == [line.product_id for line in wished]


@given(lines)
def test_a_discount_never_makes_a_line_dearer_nor_negative(line: NewLine) -> None:
    full = line_total(line.quantity, line.unit_price, Decimal(0))
    reduced = line_total(line.quantity, line.unit_price, line.discount_rate or Decimal(0))

    assert 0 <= reduced <= full


def test_a_total_of_the_most_there_may_be_is_taken() -> None:
    wished = [a_line(quantity=100_000, unit_price="9999999.9999"), a_line(quantity=1, unit_price="9.99")]

    assert price(wished, Decimal(0)).total_amount == Decimal("999999999999.99")


def test_a_total_above_the_range_is_refused() -> None:
    wished = [a_line(quantity=100_000, unit_price="9999999.9999"), a_line(quantity=1, unit_price="10.00")]

    with pytest.raises(Refused, match="total_out_of_range"):
        price(wished, Decimal(0))


@pytest.mark.parametrize("year", [1990, 2024, 2100])
def test_an_order_is_numbered_in_the_year_of_its_date(year: int) -> None:
    assert numbered_year(datetime(year, 12, 31, 23, 59, tzinfo=UTC)) == year


@pytest.mark.parametrize("year", [1989, 2101])
def test_a_year_without_numbers_is_refused(year: int) -> None:
    with pytest.raises(Refused, match="order_date_out_of_range"):
        numbered_year(datetime(year, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(("number", "counted"), [("SO-2024-007", 7), ("SO-2024-123456789", 123_456_789)])
def test_a_number_from_outside_counts_to_what_it_says(number: str, counted: int) -> None:
    assert counted_number(number, 2024) == counted


def test_a_number_of_another_year_is_refused() -> None:
    with pytest.raises(Refused, match="order_number_invalid"):
        counted_number("SO-2023-007", 2024)
