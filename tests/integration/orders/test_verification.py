import asyncio
import importlib.util
from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import text

from services.orders.verification import customer_ids
from shared.database import reading
from shared.figures import Rebuilt
from tests.support.builders import a_customer_id
from tests.support.order_analytics import all_orders, analytics, found_by, rebuilt_by
from tests.support.order_builders import NOW, a_cancellation, a_line, a_return, a_shipment
from tests.support.order_histories import analytics_of
from tests.support.orders_under_test import Orders
from tests.support.servers import PROJECT
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

ORDERED = NOW - timedelta(days=60)  # in January
PLANTED = {
    "update totals set lifetime_value = lifetime_value + 0.01": ["lifetime_value"],
    "update totals set total_orders = 7, orders_count = 9": ["orders_count", "total_orders"],
    "update totals set last_order_date = null": ["last_order_date"],
    "delete from totals": ["last_order_date", "lifetime_value", "orders_count", "total_orders"],
    "update order_figures set revenue = 1 where grain = 'day'": ["revenue of day 2024-01-15"],
    "delete from order_figures where grain = 'month'": [
        "orders of month 2024-01-01",
        "revenue of month 2024-01-01",
    ],
    "insert into order_figures select customer_id, 'day', '2024-02-03', 1, 5.00 from totals": [
        "orders of day 2024-02-03",
        "revenue of day 2024-02-03",
    ],
    "update product_figures set quantity = 5 where grain = 'ever'": [
        "quantity of prod_123 of ever 0001-01-01"
    ],
    "update product_figures set product_name = 'Other' where grain = 'month'": [
        "product_name of prod_123 of month 2024-01-01"
    ],
    "update product_figures set named_by = 'so_0' where grain = 'day'": [
        "named_by of prod_123 of day 2024-01-15"
    ],
    "update orders set returned_amount = 99.00": ["returned_amount of"],
}


async def with_figures(orders: Orders) -> str:
    """A customer with two orders of one product, one of which came back in part."""
    customer_id = await orders.has_customer()
    for amount in ("10.00", None):
        placed = await orders.has_order(
            "confirmed", customer_id=customer_id, order_date=ORDERED, lines=[a_line(quantity=1)]
        )
        await orders.does(a_shipment(placed))
        if amount:
            await orders.does(a_return(placed, amount=amount))
    return customer_id


async def test_what_was_planted_is_found_and_repaired_and_nothing_else(orders: Orders) -> None:
    other = await with_figures(orders)
    for statement, figures in PLANTED.items():
        customer_id = await with_figures(orders)
        if "select" in statement:
            statement += f" where customer_id = '{customer_id}'"
        else:
            statement += f"{' and' if 'where' in statement else ' where'} customer_id = '{customer_id}'"
        await orders.rows(f"{statement} returning 1")

        found = await found_by(orders)
        rebuilt = await rebuilt_by(orders, customer_id)

        assert {each.customer_id for each in found} == {customer_id}, statement
        named = [each.figure for each in found]
        assert [each.partition(" so_")[0] for each in named] == [*figures] * (len(named) // len(figures))
        assert [each.figure for each in rebuilt.found] == named
        assert await found_by(orders) == []
    assert await rebuilt_by(orders, other) == Rebuilt([], [])


async def test_a_difference_says_what_is_kept_and_what_is_true(orders: Orders) -> None:
    customer_id = await with_figures(orders)
    await orders.rows("update totals set lifetime_value = 1 returning 1")
    await orders.rows("delete from order_figures where grain = 'day' returning 1")
    await orders.rows(
        "insert into order_figures values (:id, 'month', '2023-12-01', 0, 3) returning 1", id=customer_id
    )

    found = {each.figure: (each.kept, each.true) for each in await found_by(orders, customer_id)}

    assert found == {
        "lifetime_value": ("1.00", "90.00"),
        "orders of day 2024-01-15": (None, "2"),
        "revenue of day 2024-01-15": (None, "90.00"),
        "revenue of month 2023-12-01": ("3.00", None),
    }


async def test_a_row_of_zeros_is_as_good_as_none(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")
    await orders.does(a_cancellation(placed))
    assert await found_by(orders) == []

    for table in ("order_figures", "product_figures"):
        assert await orders.rows(f"delete from {table} returning 1")

    assert await found_by(orders) == []


async def test_a_repair_says_the_totals_anew_where_a_member_of_them_changes(orders: Orders) -> None:
    customer_id = await with_figures(orders)
    (before,) = await orders.rows("select version, as_of from totals")
    later = before["as_of"] + timedelta(hours=1)
    await orders.rows("update order_figures set revenue = 1 returning 1")
    assert (await rebuilt_by(orders, customer_id, later)).states == []
    await orders.rows("update totals set lifetime_value = 1 returning 1")

    (said,) = (await rebuilt_by(orders, customer_id, later)).states

    (after,) = await orders.rows("select version, as_of from totals")
    assert said.version == after["version"] == before["version"] + 1
    assert after["as_of"] == later
    assert said.model_dump()["lifetime_value"] == 90
    await orders.has_order("confirmed", customer_id=customer_id)
    assert (await orders.said())[-1]["version"] == said.version + 1


async def test_totals_that_are_lost_are_made_under_a_version_above_all_that_were_said(orders: Orders) -> None:
    customer_id = await with_figures(orders)
    (before,) = await orders.rows("delete from totals returning version")

    (said,) = (await rebuilt_by(orders, customer_id)).states

    assert said.version > before["version"]


async def test_nothing_is_written_where_nothing_differs(orders: Orders) -> None:
    for customer_id in (await with_figures(orders), await orders.has_customer(), a_customer_id()):
        with sent_by(orders.engine) as sent:
            assert await rebuilt_by(orders, customer_id) == Rebuilt([], [])
        assert not [each for each in sent.statements if each.strip().startswith(("update", "delete"))]
    assert len(await orders.rows("select 1 from totals")) == 1


async def test_figures_are_repaired_while_orders_change_and_nobody_reads_half_of_it(orders: Orders) -> None:
    customer_id = await with_figures(orders)
    placed = [
        await orders.has_order("confirmed", customer_id=customer_id, order_date=ORDERED) for _ in range(6)
    ]
    await orders.rows("update totals set lifetime_value = 0 returning 1")
    await orders.rows("update order_figures set revenue = 0 returning 1")
    await orders.rows("update product_figures set product_name = 'Other' returning 1")
    await orders.rows("update orders set returned_amount = 1 where status = 'confirmed' returning 1")

    async def read() -> list[bool]:
        shown = [await analytics(orders, customer_id) for _ in range(12)]
        return [each["total_revenue"] == each["lifetime_value"] for each in shown]

    is_whole, *_ = await asyncio.gather(
        read(),
        *(rebuilt_by(orders, customer_id) for _ in range(2)),
        *(orders.does(a_cancellation(each)) for each in placed[:3]),
        *(orders.does(a_shipment(each)) for each in placed[3:]),
    )

    assert all(is_whole)
    assert await found_by(orders, customer_id) == []
    shown = await analytics(orders, customer_id)
    expected = analytics_of(await all_orders(orders, customer_id), "all", NOW)
    for member in ("lifetime_value", "total_orders", "order_history", "top_products"):
        assert shown[member] == expected[member]


async def test_customers_with_orders_or_figures_are_named_page_by_page(orders: Orders) -> None:
    whole = sorted([await with_figures(orders) for _ in range(3)])
    await orders.rows("delete from totals where customer_id = :id returning 1", id=whole[1])
    await orders.rows("insert into order_figures values ('zz_1', 'day', '2024-01-15', 1, 1) returning 1")

    async with reading(orders.engine).connect() as db:
        first = await customer_ids(db, "", 2)
        then = await customer_ids(db, first[-1], 2)

        assert [*first, *then] == [*whole, "zz_1"]
        assert await customer_ids(db, "zz_1", 2) == []


async def test_the_migration_counts_what_there_was(orders: Orders) -> None:
    for _ in range(3):
        customer_id = await with_figures(orders)
        gone = await orders.has_order("confirmed", customer_id=customer_id, order_date=NOW)
        await orders.does(a_shipment(gone))
        await orders.does(a_return(gone))
    for table in ("order_figures", "product_figures"):
        await orders.rows(f"delete from {table} returning 1")
    assert await found_by(orders)
    migration = _migration("0002_figures")

    async with orders.engine.begin() as db:
        for counted in (migration.ORDERS_SO_FAR, migration.PRODUCTS_SO_FAR):
            await db.execute(text(counted))

    assert await found_by(orders) == []


def _migration(name: str) -> ModuleType:
    file = PROJECT / "services" / "orders" / "migrations" / "versions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
