from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from services.orders.placement import Customer, Present, draft, numbered, repeated, taken_in
from services.orders.placement import digest as digest_of
from shared.contracts.orders.events import OrderPlaced, OrderRejected
from shared.contracts.orders.requests import PlaceOrder, placed_id
from shared.errors import Refused
from tests.support.builders import an_address
from tests.support.order_builders import ERP, NOW, a_customer, a_line, a_placement, an_order

NUMBER = "SO-2024-007"


def taken(command: PlaceOrder, customer: Customer | None):
    wanted = draft(command, ERP, numbered(command, NOW), customer)
    return wanted, taken_in(wanted, NUMBER, NOW)


def test_a_new_order_waits_for_credit_at_version_one() -> None:
    command = a_placement()

    _, change = taken(command, a_customer(payment_terms="net_15"))

    order = change.order
    assert (order.status, order.version, order.order_number) == ("pending", 1, NUMBER)
    assert order.order_id == placed_id(ERP, command.external_ref)
    assert (order.payment_terms, order.placed_at) == ("net_15", NOW)
    (event,) = change.events
    assert isinstance(event, OrderPlaced)
    assert (event.previous_status, event.lines) == (None, order.lines)
    assert (change.accepted_by, change.value_by) == (0, 0)


@pytest.mark.parametrize(
    "customer", [None, a_customer(is_erased=True, payment_terms=None, discount_rate=None)]
)
def test_an_order_of_nobody_known_is_rejected_and_priced_without_a_rate(customer: Customer | None) -> None:
    _, change = taken(a_placement(), customer)

    (event,) = change.events
    assert isinstance(event, OrderRejected)
    assert (event.reason, event.previous_status, event.payment_terms) == ("unknown_customer", None, None)
    assert (change.order.status_reason, change.order.total_amount) == ("unknown_customer", Decimal("100.00"))


def test_it_is_shipped_to_where_the_command_says_else_where_its_customer_is() -> None:
    sent = an_address(line1="1 Dock Rd")

    assert taken(a_placement(shipping_address=sent), a_customer())[0].shipping_address == sent
    assert taken(a_placement(), a_customer())[0].shipping_address == a_customer().shipping_address


@pytest.mark.parametrize(
    "customer",
    [None, a_customer(is_erased=True, payment_terms=None, discount_rate=None, shipping_address=None)],
)
def test_no_address_of_somebody_unknown_or_erased_is_kept(customer: Customer | None) -> None:
    assert taken(a_placement(shipping_address=an_address()), customer)[0].shipping_address is None


def test_a_total_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(Refused, match="total_mismatch"):
        taken(a_placement(total_amount="100.01"), a_customer())


def test_a_total_is_compared_at_the_customers_rate() -> None:
    _, change = taken(a_placement(total_amount="95.00"), a_customer(discount_rate=Decimal("5.00")))

    assert change.order.total_amount == Decimal("95.00")


def test_a_total_is_not_compared_where_the_customers_rate_is_not_known() -> None:
    assert taken(a_placement(total_amount="95.00"), None)[1].order.status == "rejected"
    with pytest.raises(Refused, match="total_mismatch"):
        taken(a_placement(total_amount="95.00", lines=[a_line(discount_rate="0.00")]), None)


def test_a_date_may_be_a_day_ahead_and_no_more() -> None:
    assert numbered(a_placement(order_date=NOW + timedelta(hours=24)), NOW).year == 2024
    with pytest.raises(Refused, match="date_in_future"):
        numbered(a_placement(order_date=NOW + timedelta(hours=24, seconds=1)), NOW)


def test_the_year_of_an_order_is_that_in_utc() -> None:
    new_year_in_berlin = datetime(2024, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    numbering = numbered(a_placement(order_date=new_year_in_berlin), NOW)

    assert (numbering.year, numbering.order_date) == (2023, datetime(2023, 12, 31, 23, 30, tzinfo=UTC))


def test_the_same_content_is_a_repeat_however_it_is_written() -> None:
    command = a_placement(lines=[a_line(unit_price="50.00")])
    elsewhere = command.order_date.astimezone(timezone(timedelta(hours=5)))
    again = command.model_copy(update={"order_date": elsewhere, "lines": [a_line(unit_price="50.0000")]})
    order = an_order(customer_id=command.customer_id)

    assert repeated(Present(order, digest_of(command)), again) == order


@pytest.mark.parametrize(
    "other",
    [
        {"currency": "EUR"},
        {"lines": [a_line(quantity=3)]},
        {"lines": [a_line(discount_rate="0.00")]},
        {"shipping_address": an_address()},
        {"order_number": "SO-2024-009"},
        {"customer_id": "cust_2"},
    ],
)
def test_other_content_under_a_reference_is_refused(other: dict[str, object]) -> None:
    said = {"customer_id": "cust_1", "external_ref": "ERP-1"}
    command = a_placement(**said)

    with pytest.raises(Refused, match="external_ref_reused"):
        repeated(Present(an_order(), digest_of(command)), a_placement(**{**said, **other}))


def test_after_an_erasure_the_same_customer_is_all_there_is_to_compare() -> None:
    order = an_order(customer_id="cust_1")

    assert repeated(Present(order, None), a_placement("cust_1", currency="EUR")) == order
    with pytest.raises(Refused, match="external_ref_reused"):
        repeated(Present(order, None), a_placement("cust_2"))
