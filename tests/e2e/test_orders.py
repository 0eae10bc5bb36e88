from datetime import timedelta
from decimal import Decimal

import pytest

from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    ReturnOrder,
    ShipOrder,
    StartProcessing,
)
from tests.e2e.support import a_customer, assert_problem, data, erase, sent
from tests.e2e.trading import (
    CREDIT_EVENTS,
    ORDER_EVENTS,
    a_debtor,
    a_line,
    a_payment,
    a_step,
    an_order,
    events_of,
    order_id_of,
    orders_of,
    placed,
    rejection,
    until,
    until_detail,
    yesterday,
)
from tests.support.builders import a_customer_id, an_address
from tests.support.eventually import eventually
from tests.support.system import ApplicationUnderTest


async def test_an_order_within_the_limit_is_confirmed_and_counts(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app, credit_limit=100)
    order = an_order(customer_id, "100.00", shipping_address=an_address(line2="Floor 3"))

    found = await placed(app, order)

    number = found.pop("order_number")
    assert number.startswith(f"SO-{order.order_date:%Y}-")
    assert found == {
        "id": order_id_of(order),
        "status": "confirmed",
        "order_date": f"{order.order_date:%Y-%m-%dT%H:%M:%SZ}",
        "ship_date": None,
        "delivery_date": None,
        "total_amount": 100.0,
        "items_count": 1,
        "shipping_address": an_address(line2="Floor 3"),
        "currency": "USD",
        "external_ref": order.external_ref,
        "status_reason": None,
        "lines": [
            {
                "product_id": "prod_123",
                "product_name": "Smart Widget",
                "quantity": 1,
                "unit_price": 100.0,
                "discount_rate": 0.0,
                "line_total": 100.0,
            }
        ],
    }
    await until_detail(app, customer_id, total_orders=1, lifetime_value=100.0, current_balance=0.0)
    page = await orders_of(app, customer_id)
    assert [each["id"] for each in page["data"]] == [order_id_of(order)]
    assert page["meta"].pop("as_of") is not None
    assert page["meta"] == {"total": 1, "page": 1, "limit": 20, "hasMore": False}


async def test_the_customers_own_discount_counts_where_a_line_names_none(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app, discount_rate=5)
    lines = [a_line(discount_rate=None, unit_price=Decimal("33.333"), quantity=3), a_line()]

    found = await placed(app, an_order(customer_id, lines=lines))

    assert [line["line_total"] for line in found["lines"]] == [95.0, 100.0]
    assert found["total_amount"] == 195.0


async def test_a_shipped_order_becomes_a_receivable_and_a_payment_settles_it(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app)
    order = an_order(customer_id, "250.00")
    await placed(app, order)

    await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))
    await until_detail(app, customer_id, current_balance=250.0)
    await sent(app, a_payment(customer_id, "250.00"))
    await until_detail(app, customer_id, current_balance=0.0)

    events = await events_of(app, CREDIT_EVENTS, customer_id, "invoice.settled.v1")
    said = [event.header["ce_type"] for event in events]
    assert said == [
        "credit.reserved.v1",
        "credit.released.v1",
        "invoice.issued.v1",
        "payment.recorded.v1",
        "invoice.settled.v1",
    ]
    versions = [event.json["version"] for event in events]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert {event.header["ce_correlationid"] for event in events[:1]} == {
        event.header["ce_correlationid"]
        for event in await events_of(app, ORDER_EVENTS, customer_id, "order.confirmed.v1")
        if event.header["ce_type"] in ("order.placed.v1", "order.confirmed.v1")
    }


async def test_an_order_beyond_the_limit_is_rejected_and_counts_for_nothing(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app, credit_limit=100)

    found = await placed(app, an_order(customer_id, "100.01"), "rejected")

    assert found["status_reason"] == "insufficient_credit"
    await placed(app, an_order(customer_id, "100.00"))
    await until_detail(app, customer_id, total_orders=1, lifetime_value=100.0)
    refused, _ = await events_of(app, CREDIT_EVENTS, customer_id, "credit.reserved.v1")
    numbers = {"credit_limit": "100.00", "available_before": "100.00", "available_after": "100.00"}
    assert numbers.items() <= refused.json.items()


@pytest.mark.parametrize(
    ("of_customer", "of_order", "reason"),
    [
        ({"is_active": False}, {}, "customer_inactive"),
        ({"currency": "EUR"}, {}, "currency_mismatch"),
        ({"credit_limit": 0}, {}, "insufficient_credit"),
    ],
)
async def test_an_order_that_gets_no_credit_says_why(
    app: ApplicationUnderTest, of_customer: dict[str, object], of_order: dict[str, object], reason: str
) -> None:
    customer = await a_customer(app, **{"credit_limit": 1000, **of_customer})

    found = await placed(app, an_order(customer["id"], **of_order), "rejected")

    assert found["status_reason"] == reason


async def test_an_order_of_nobody_is_a_rejected_one(app: ApplicationUnderTest) -> None:
    customer_id = a_customer_id()

    await sent(app, an_order(customer_id))

    (rejected,) = await events_of(app, ORDER_EVENTS, customer_id, "order.rejected.v1")
    assert (rejected.json["reason"], rejected.json["version"]) == ("unknown_customer", 1)
    for route in ("orders", f"orders/{rejected.json['order_id']}", "credit-checks"):
        answer = await app.http.get(f"/api/customers/{customer_id}/{route}")
        assert_problem(answer, 404, "customer_not_found")


async def test_prepaid_orders_need_no_limit(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app, credit_limit=0, payment_terms="prepaid")

    await placed(app, an_order(customer_id, "5000.00"))

    (reserved,) = await events_of(app, CREDIT_EVENTS, customer_id, "credit.reserved.v1")
    assert (reserved.json["amount"], reserved.json["reserved"]) == ("0.00", "0.00")


async def test_commands_that_come_before_their_order_wait_for_it(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app)
    order = an_order(customer_id)
    shipped, delivered = yesterday(), yesterday() + timedelta(hours=2)

    await sent(app, a_step(DeliverOrder, order, delivery_date=delivered))
    await sent(app, a_step(ShipOrder, order, ship_date=shipped))
    other = await placed(app, an_order(customer_id))
    await sent(app, order)

    found = await until(app, order, "delivered")
    assert other["status"] == "confirmed"
    found = await eventually(
        lambda: orders_of(app, customer_id, status="delivered"),
        lambda page: page["data"] and page["data"][0]["ship_date"],
    )
    (of_list,) = found["data"]
    assert of_list["ship_date"] == f"{shipped:%Y-%m-%dT%H:%M:%SZ}"
    assert of_list["delivery_date"] == f"{delivered:%Y-%m-%dT%H:%M:%SZ}"
    await until_detail(app, customer_id, current_balance=100.0)


async def test_a_cancelled_order_gives_its_credit_back(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app, credit_limit=100)
    order = an_order(customer_id)
    await placed(app, order)

    await sent(app, a_step(CancelOrder, order, reason="ordered twice"))

    found = await until(app, order, "cancelled")
    assert found["status_reason"] == "ordered twice"
    await events_of(app, CREDIT_EVENTS, customer_id, "credit.released.v1")
    await placed(app, an_order(customer_id))
    await until_detail(app, customer_id, total_orders=1, lifetime_value=100.0)
    late = await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))
    refused = await rejection(app, ORDER_EVENTS, customer_id, late)
    assert (refused["code"], refused["command"]) == ("not_possible", "order.ship.v1")


async def test_goods_come_back_in_parts_and_whole(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app)
    order = an_order(customer_id, "300.00")
    await placed(app, order)
    await sent(app, a_step(StartProcessing, order))
    await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))
    await until(app, order, "shipped")

    for _ in range(2):  # under another ce_id it is the same return
        await sent(app, a_step(ReturnOrder, order, amount=Decimal("100.00"), return_id="R-1"))
    await until_detail(app, customer_id, current_balance=200.0, lifetime_value=200.0, total_orders=1)
    assert (await until(app, order, "shipped"))["total_amount"] == 300.0
    await sent(app, a_step(ReturnOrder, order))

    await until(app, order, "returned")
    await until_detail(app, customer_id, current_balance=0.0, lifetime_value=0.0, total_orders=1)
    too_much = await sent(app, a_step(ReturnOrder, order, amount=Decimal("0.01")))
    assert (await rejection(app, ORDER_EVENTS, customer_id, too_much))["code"] in (
        "exceeds_total",
        "not_possible",
    )


async def test_the_same_order_again_is_one_order_and_another_under_its_reference_is_refused(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app)
    order = an_order(customer_id)
    await placed(app, order)

    await sent(app, order)
    other = await sent(app, an_order(customer_id, "5.00", external_ref=order.external_ref))

    assert (await rejection(app, ORDER_EVENTS, customer_id, other))["code"] == "external_ref_reused"
    assert (await orders_of(app, customer_id))["meta"]["total"] == 1


async def test_everything_under_a_customer_can_be_asked_for_right_after_it_was_taken_in(
    app: ApplicationUnderTest,
) -> None:
    for _ in range(5):
        customer_id = await a_debtor(app)
        path = f"/api/customers/{customer_id}"

        page = await orders_of(app, customer_id)
        assert page == {
            "data": [],
            "meta": {"total": 0, "page": 1, "limit": 20, "hasMore": False, "as_of": None},
        }
        assert (await app.http.post(f"{path}/credit-check")).status_code == 200
        assert data(await app.http.get(f"{path}/credit-checks")) != []
        assert_problem(await app.http.get(f"{path}/orders/so_none"), 404, "order_not_found")
        assert_problem(await app.http.get(f"{path}/credit-checks/chk_none"), 404, "check_not_found")


async def test_orders_are_found_by_status_and_day(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app)
    days = [yesterday() - timedelta(days=number) for number in range(4)]
    orders = [an_order(customer_id, "1.00", order_date=day) for day in days]
    for order in orders:
        await placed(app, order)
    await sent(app, a_step(CancelOrder, orders[0]))
    await until(app, orders[0], "cancelled")
    ids = [order_id_of(order) for order in orders]

    async def found(**parameters: str) -> list[str]:
        return [each["id"] for each in (await orders_of(app, customer_id, **parameters))["data"]]

    assert await found() == ids
    assert await found(status="canceled") == ids[:1]
    assert await found(status="confirmed,cancelled") == ids
    assert await found(status="confirmed", limit="2", page="2") == ids[3:]
    assert await found(date_from=f"{days[2]:%Y-%m-%d}", date_to=f"{days[1]:%Y-%m-%d}") == ids[1:3]
    assert await found(date_to=f"{days[2]:%Y-%m-%dT%H:%M:%SZ}") == ids[2:]
    assert await found(date_from=f"{days[2]:%Y-%m-%dT%H:%M}:01Z") == ids[:2]


async def test_of_an_erased_customer_nothing_can_be_asked_and_nothing_ordered(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app)
    order = an_order(customer_id)
    await placed(app, order)

    await erase(app, customer_id)

    for route in ("orders", f"orders/{order_id_of(order)}", "credit-checks"):
        answer = await eventually(
            lambda route=route: app.http.get(f"/api/customers/{customer_id}/{route}"),  # type: ignore[misc]
            lambda answer: answer.status_code == 404,
        )
        assert_problem(answer, 404, "customer_not_found")
    await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))
    await events_of(app, CREDIT_EVENTS, customer_id, "invoice.issued.v1")
    late = await sent(app, an_order(customer_id))
    said = await events_of(app, ORDER_EVENTS, customer_id, "order.rejected.v1")
    (rejected,) = [event for event in said if event.header["ce_type"] == "order.rejected.v1"]
    assert rejected.json["reason"] == "unknown_customer"
    assert rejected.header["ce_causationid"] == late.header["ce_id"]
