import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.orders.answers import OrderInFull, OrderPage, OrdersExport
from shared.contracts.orders.requests import ExportOrders, FindOrders, GetOrder, placed_id
from tests.support.builders import a_customer_id, an_address
from tests.support.order_builders import (
    ERP,
    a_customer_state,
    a_line,
    a_placement,
    a_refused_reservation,
    a_return,
    a_shipment,
    an_order_id,
)
from tests.support.orders_under_test import Orders
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

ORDERED = datetime(2024, 1, 15, tzinfo=UTC)
Found = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def find(orders: Orders) -> Found:
    async def found(customer_id: str, **conditions: object) -> dict[str, Any]:
        query = FindOrders.model_validate({"customer_id": customer_id, **conditions})
        answer = await orders.is_asked(query)
        assert "refusal" not in answer.facts
        OrderPage.model_validate_json(answer.body)
        page: dict[str, Any] = json.loads(answer.body)
        return page

    return found


async def many(orders: Orders, customer_id: str, count: int) -> None:
    """The one order of the customer so many times more, each a minute older, every third one rejected."""
    await orders.rows(
        "insert into orders select 'so_' || lpad(cast(n as text), 6, '0'), customer_id, version, source,"
        " 'ERP-' || n, digest, 'SO-2023-' || n, case n % 3 when 0 then 'rejected' else status end,"
        " status_reason, order_date - n * interval '1 minute', ship_date, delivery_date, currency,"
        " total_amount, returned_amount, payment_terms, shipping_address, lines, items_count, placed_at,"
        " updated_at, correlation_id from orders, generate_series(1, :count) as n"
        " where customer_id = :customer_id returning 1",
        count=count,
        customer_id=customer_id,
    )
    await orders.rows(
        "update totals set orders_count = orders_count + :count where customer_id = :customer_id returning 1",
        count=count,
        customer_id=customer_id,
    )


async def test_an_order_is_shown_with_its_members_in_their_order(orders: Orders, find: Found) -> None:
    sent = an_address(line2="Dock 3")
    placed = await orders.has_order("confirmed", shipping_address=sent, lines=[a_line(), a_line(quantity=1)])
    await orders.does(a_shipment(placed, ship_date=datetime(2024, 1, 16, 8, 30, 59, 999_999, tzinfo=UTC)))

    page = await find(placed.customer_id)

    order_id = placed_id(ERP, placed.external_ref)
    (as_of,) = await orders.rows("select as_of from totals")
    assert list(page) == ["data", "meta"]
    assert [list(order.items()) for order in page["data"]] == [
        [
            ("id", order_id),
            ("order_number", "SO-2024-001"),
            ("status", "shipped"),
            ("order_date", "2024-01-15T00:00:00Z"),
            ("ship_date", "2024-01-16T08:30:59Z"),
            ("delivery_date", None),
            ("total_amount", 150.0),
            ("items_count", 2),
            ("shipping_address", sent),
            ("currency", "USD"),
            ("external_ref", placed.external_ref),
            ("status_reason", None),
        ]
    ]
    assert list(page["meta"].items()) == [
        ("total", 1),
        ("page", 1),
        ("limit", 20),
        ("hasMore", False),
        ("as_of", as_of["as_of"].strftime("%Y-%m-%dT%H:%M:%SZ")),
    ]


async def test_money_has_two_decimals_and_optional_members_of_addresses_are_left_out(orders: Orders) -> None:
    sent = {"line1": "1 Rue", "city": "Paris", "country": "FR"}
    placed = await orders.has_order(shipping_address=sent)

    body = (await orders.is_asked(FindOrders(customer_id=placed.customer_id))).body

    assert b'"total_amount":100.00,' in body
    assert json.loads(body)["data"][0]["shipping_address"] == sent


async def test_a_page_is_one_statement(orders: Orders, find: Found) -> None:
    placed = await orders.has_order()

    with sent_by(orders.engine) as sent:
        await find(placed.customer_id, statuses=["pending"])

    assert len(sent.statements) == 1, sent.statements


async def test_a_customer_without_orders_has_an_empty_page(orders: Orders, find: Found) -> None:
    page = await find(await orders.has_customer())

    assert page == {
        "data": [],
        "meta": {"total": 0, "page": 1, "limit": 20, "hasMore": False, "as_of": None},
    }


async def test_orders_stand_newest_first_and_page_by_page_without_a_gap(orders: Orders, find: Found) -> None:
    customer_id = await orders.has_customer()
    for day in (2, 5, 1, 4, 3, 3):
        await orders.does(a_placement(customer_id, order_date=ORDERED + timedelta(days=day)))

    pages = [await find(customer_id, page=number, limit=4) for number in (1, 2, 3)]

    shown = [(order["order_date"], order["id"]) for page in pages for order in page["data"]]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 6
    assert [page["meta"]["hasMore"] for page in pages] == [True, False, False]
    assert {page["meta"]["total"] for page in pages} == {6}


async def test_orders_are_chosen_by_status_and_by_date_both_ends_included(
    orders: Orders, find: Found
) -> None:
    customer_id = await orders.has_customer()
    placed = [
        await orders.has_order(customer_id=customer_id, order_date=ORDERED + timedelta(days=day))
        for day in range(4)
    ]
    await orders.hears(a_refused_reservation(placed[1]))

    async def dates(**conditions: object) -> list[str]:
        page = await find(customer_id, **conditions)
        assert page["meta"]["total"] == len(page["data"])
        return [order["order_date"][8:10] for order in page["data"]]

    assert await dates(statuses=["pending"]) == ["18", "17", "15"]
    assert await dates(statuses=["rejected", "confirmed"]) == ["16"]
    assert await dates(statuses=["rejected", "pending"]) == ["18", "17", "16", "15"]
    assert await dates(ordered_from=ORDERED + timedelta(days=1)) == ["18", "17", "16"]
    assert await dates(ordered_to=ORDERED + timedelta(days=1)) == ["16", "15"]
    both = {"ordered_from": ORDERED, "ordered_to": ORDERED + timedelta(days=2)}
    assert await dates(statuses=["pending"], **both) == ["17", "15"]
    assert await dates(statuses=["returned"]) == []


async def test_a_rejected_order_says_why(orders: Orders, find: Found) -> None:
    placed = await orders.has_order()
    await orders.hears(a_refused_reservation(placed))

    (order,) = (await find(placed.customer_id))["data"]

    assert (order["status"], order["status_reason"]) == ("rejected", "insufficient_credit")


async def test_a_total_is_exact_without_conditions_and_counted_to_ten_thousand_with_them(
    orders: Orders, find: Found
) -> None:
    placed = await orders.has_order()
    await many(orders, placed.customer_id, 15_005)

    whole = await find(placed.customer_id)
    some = await find(placed.customer_id, statuses=["pending"])
    few = await find(placed.customer_id, statuses=["rejected"])

    assert (whole["meta"]["total"], "total_is_capped" in whole["meta"]) == (15_006, False)
    assert (some["meta"]["total"], some["meta"]["total_is_capped"], some["meta"]["hasMore"]) == (
        10_000,
        True,
        True,
    )
    assert list(some["meta"]) == ["total", "page", "limit", "hasMore", "total_is_capped", "as_of"]
    assert (few["meta"]["total"], "total_is_capped" in few["meta"]) == (5_001, False)
    deep = await find(placed.customer_id, statuses=["pending"], page=101, limit=100)
    assert (len(deep["data"]), deep["meta"]["hasMore"]) == (5, False)


async def test_an_order_is_given_with_its_lines_as_they_were_sent(orders: Orders) -> None:
    lines = [
        a_line(product_id="prod_2", quantity=3, unit_price="9.9999", discount_rate="12.25"),
        a_line(product_id="prod_1", quantity=1, unit_price="50.00"),
    ]
    placed = await orders.has_order(lines=lines)

    answer = await orders.is_asked(
        GetOrder(customer_id=placed.customer_id, order_id=placed_id(ERP, placed.external_ref))
    )

    OrderInFull.model_validate_json(answer.body)
    assert json.loads(answer.body)["lines"][0]["product_id"] == "prod_2"
    assert b'"quantity":3,"unit_price":9.9999,"discount_rate":12.25,"line_total":26.32}' in answer.body
    assert b'"quantity":1,"unit_price":50.00,"discount_rate":0.0,"line_total":50.00}' in answer.body


async def test_an_order_of_another_customer_is_not_found(orders: Orders) -> None:
    placed, other = await orders.has_order(), await orders.has_customer()
    order_id = placed_id(ERP, placed.external_ref)

    for customer_id, asked in ((other, order_id), (placed.customer_id, an_order_id())):
        answer = await orders.is_asked(GetOrder(customer_id=customer_id, order_id=asked))
        assert answer.facts["refusal"] == "order_not_found"


@pytest.mark.parametrize(
    "query",
    [
        FindOrders(customer_id="cust_nobody"),
        GetOrder(customer_id="cust_nobody", order_id="so_1"),
        ExportOrders(customer_id="cust_nobody"),
    ],
)
async def test_nothing_is_found_of_a_customer_that_customers_does_not_know(orders: Orders, query) -> None:
    answer = await orders.is_asked(query)

    assert answer.facts["refusal"] == "customer_not_found"
    assert orders.customers.asked == ["cust_nobody"]


async def test_a_customer_that_only_customers_knows_has_no_orders_yet(orders: Orders, find: Found) -> None:
    customer = a_customer_state()
    orders.customers.known[customer.customer_id] = customer

    assert (await find(customer.customer_id))["data"] == []


async def test_an_export_holds_every_order_in_full(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    placed = [await orders.has_order("confirmed", customer_id=customer_id) for _ in range(2)]
    await orders.does(a_shipment(placed[0]))
    await orders.does(a_return(placed[0], amount="30.00"))
    await orders.has_order(customer_id=customer_id)

    answer = await orders.is_asked(ExportOrders(customer_id=customer_id))

    export = OrdersExport.model_validate_json(answer.body)
    assert (export.customer_id, export.erased_at, export.orders_count) == (customer_id, None, 3)
    assert export.total_orders == 2
    assert b'"lifetime_value":170.00,' in answer.body
    assert [len(order.lines) for order in export.orders] == [1, 1, 1]


async def test_an_export_of_a_customer_without_orders_is_empty(orders: Orders) -> None:
    customer_id = a_customer_id()
    await orders.has_customer(customer_id=customer_id)

    export = json.loads((await orders.is_asked(ExportOrders(customer_id=customer_id))).body)

    assert export == {
        "customer_id": customer_id,
        "erased_at": None,
        "lifetime_value": 0.0,
        "total_orders": 0,
        "orders_count": 0,
        "orders": [],
    }
