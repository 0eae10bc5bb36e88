import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from shared.contracts.customers.events import CustomerErased
from shared.contracts.orders.requests import GetOrderAnalytics
from shared.contracts.periods import PERIODS
from shared.database import new_engine, reading
from shared.messaging import Command
from tests.support.builders import a_record, an_envelope
from tests.support.order_analytics import all_orders, analytics, found_by, rebuilt_by
from tests.support.order_builders import (
    ERP,
    NOW,
    a_cancellation,
    a_customer_state,
    a_delivery,
    a_line,
    a_return,
    a_shipment,
)
from tests.support.order_histories import NOWS, SINCE, History, analytics_of, histories, messages_of
from tests.support.orders_under_test import Orders
from tests.support.postgres import Database
from tests.support.rows_read import read_by
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration


@pytest.mark.slow
@given(history=histories())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_figures_are_what_all_orders_make_them_whatever_happens_to_those(
    orders: Orders, history: History
) -> None:
    customer_id = await orders.has_customer(customer_since=SINCE)
    for message in messages_of(history, customer_id):
        source = ERP if isinstance(message, Command) else "/customers-api/credit"
        await orders.takes(a_record(message, an_envelope(message, source=source)))
    await orders.takes_what_it_sent_again()

    assert await found_by(orders, customer_id) == []
    rows = await all_orders(orders, customer_id)
    for now in NOWS:
        for period in PERIODS:
            shown = await analytics(orders, customer_id, period, now)
            del shown["as_of"]
            assert shown == analytics_of(rows, period, now), (period, now)


async def test_figures_are_those_of_all_time_of_the_period_and_of_when_they_changed(orders: Orders) -> None:
    customer_id = await orders.has_customer(customer_since=SINCE)
    for days, price in ((1, "10.00"), (40, "20.00"), (400, "30.00")):
        line = a_line(quantity=1, unit_price=price)
        order_date = NOW - timedelta(days=days)
        await orders.has_order("confirmed", customer_id=customer_id, order_date=order_date, lines=[line])

    month, year, ever = [await analytics(orders, customer_id, period) for period in ("30d", "1y", "all")]

    revenues = [shown["total_revenue"] for shown in (month, year, ever)]
    assert revenues == [Decimal(value) for value in ("10.00", "30.00", "60.00")]
    assert [len(shown["order_history"]) for shown in (month, year, ever)] == [1, 2, 3]
    assert {shown["lifetime_value"] for shown in (month, year, ever)} == {Decimal("60.00")}
    (totals,) = await orders.rows("select as_of from totals")
    assert {shown["as_of"] for shown in (month, year)} == {f"{totals['as_of']:%Y-%m-%dT%H:%M:%SZ}"}


async def test_a_customer_without_orders_has_zeros_and_its_segment(orders: Orders) -> None:
    customer_id = await orders.has_customer(customer_since=NOW - timedelta(days=89))

    shown = await analytics(orders, customer_id)

    assert (shown["total_orders"], shown["order_history"], shown["as_of"]) == (0, [], None)
    assert (shown["customer_segment"], shown["last_order_date"]) == ("new", None)


async def test_a_product_is_called_as_the_newest_order_that_counts_calls_it(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    for days, name in ((2, "Third"), (50, "First"), (20, "Second")):
        newest = await orders.has_order(
            "confirmed",
            customer_id=customer_id,
            order_date=NOW - timedelta(days=days),
            lines=[a_line(product_name=name)],
        )
        if name == "Third":
            third = newest

    async def called() -> list[str]:
        shown = [await analytics(orders, customer_id, period) for period in PERIODS]
        return [product["product_name"] for each in shown for product in each["top_products"]]

    assert await called() == ["Third"] * 4
    await orders.does(a_delivery(third))
    await orders.does(a_return(third, amount="99.99"))
    assert await called() == ["Third"] * 4
    await orders.does(a_return(third))
    assert await called() == ["Second"] * 4
    assert await found_by(orders) == []


async def test_of_nobody_that_customers_knows_there_are_no_figures(orders: Orders) -> None:
    erased = await orders.has_customer()
    await orders.hears(CustomerErased(customer_id=erased, version=2))

    for customer_id, asked in ((erased, []), ("cust_nobody", ["cust_nobody"])):
        query = GetOrderAnalytics(customer_id=customer_id, period="all", now=NOW)
        answer = await orders.is_asked(query)
        assert answer.facts["refusal"] == "customer_not_found"
        assert orders.customers.asked == asked


@pytest.mark.parametrize("is_known_here", [False, True])
async def test_customers_is_asked_since_when_there_is_a_customer_where_that_is_not_known(
    orders: Orders, is_known_here: bool
) -> None:
    customer = a_customer_state(customer_since=NOW - timedelta(days=90))
    orders.customers.known[customer.customer_id] = customer
    if is_known_here:
        await orders.hears(customer)
        await orders.rows("update customers set customer_since = null returning 1")

    shown = [await analytics(orders, customer.customer_id) for _ in range(2)]

    assert [each["customer_segment"] for each in shown] == ["dormant"] * 2
    assert orders.customers.asked == [customer.customer_id]


async def test_analytics_are_one_statement(orders: Orders) -> None:
    placed = await orders.has_order("confirmed")

    with sent_by(orders.engine) as sent:
        await analytics(orders, placed.customer_id, "90d")

    assert len(sent.statements) == 1, sent.statements


async def test_figures_cost_a_change_no_statement_of_their_own_but_where_names_are_taken_away(
    orders: Orders,
) -> None:
    placed = await orders.has_order("confirmed")

    with sent_by(orders.engine) as partly:
        await orders.does(a_shipment(placed))
        await orders.does(a_return(placed, amount="1.00"))
    with sent_by(orders.engine) as wholly:
        await orders.does(a_cancellation(await orders.has_order("confirmed")))

    about = ["order_figures" in statement for statement in partly.statements]
    assert about.count(True) == 1
    assert len([each for each in wholly.statements if each.lstrip().startswith("with period")]) == 1


async def test_changes_of_one_customer_at_once_are_all_counted(orders: Orders) -> None:
    customer_id = await orders.has_customer()
    placed = [await orders.has_order("confirmed", customer_id=customer_id) for _ in range(8)]

    await asyncio.gather(
        *(orders.does(a_cancellation(each)) for each in placed[:4]),
        *(orders.does(a_delivery(each)) for each in placed[4:]),
        *(orders.has_order("confirmed", customer_id=customer_id) for _ in range(4)),
    )
    await asyncio.gather(*(orders.does(a_return(each, amount="1.00")) for each in placed[4:]))

    assert await found_by(orders) == []
    assert (await analytics(orders, customer_id))["total_revenue"] == Decimal("796.00")


@pytest.mark.slow
async def test_as_many_rows_are_read_for_ten_thousand_orders_as_for_ten(
    orders: Orders, orders_database: Database
) -> None:
    few, many = [await with_orders(orders, count) for count in (10, 10_000)]
    await with_others(orders, like=few)
    await analyze(orders_database)  # as PostgreSQL does by itself, in time

    for period in PERIODS:
        read = []
        for customer_id, count in ((few, 10), (many, 10_000)):
            with read_by(orders.engine) as asked:
                shown = await analytics(orders, customer_id, period)
            assert (shown["total_orders"], len(shown["top_products"])) == (count, 2)
            read.append(await asked.rows())
        # the last twelve orders may be read, which tell how often the customer orders
        assert [rows.pop("orders") for rows in read] == [10, 12]
        assert read[0] == read[1]


async def with_orders(orders: Orders, count: int) -> str:
    """A customer with so many orders of two products, on the same ten days within the last 300."""
    lines = [a_line(), a_line(product_id="prod_124")]
    placed = await orders.has_order("confirmed", order_date=NOW, lines=lines)
    await orders.rows(
        "insert into orders select customer_id || '_' || n, customer_id, version, source, external_ref || n,"
        " digest, order_number || lpad(cast(hashtext(customer_id || n) as text), 11, '0') || n, status,"
        " status_reason, cast(:newest as timestamptz) - n % 10 * interval '30 days', ship_date,"
        " delivery_date, currency, total_amount, returned_amount, payment_terms, shipping_address,"
        " lines, items_count, placed_at, updated_at, correlation_id"
        " from orders, generate_series(0, :count - 1) as n where customer_id = :customer_id returning 1",
        newest=NOW - timedelta(days=2),
        count=count,
        customer_id=placed.customer_id,
    )
    await orders.rows(
        "delete from orders where customer_id = :customer_id and order_id like 'so_%' returning 1",
        customer_id=placed.customer_id,
    )
    assert (await rebuilt_by(orders, placed.customer_id)).found
    return placed.customer_id


async def with_others(orders: Orders, like: str) -> None:
    """So many other customers that nobody looks through all of them."""
    tables = {"customers": 800, "totals": 800, "order_figures": 80, "product_figures": 80}
    for table, count in tables.items():
        columns = await orders.rows(
            "select column_name as name from information_schema.columns where table_name = :table"
            " order by ordinal_position",
            table=table,
        )
        others = ", ".join(each["name"] for each in columns).replace("customer_id", "customer_id || '_' || n")
        await orders.rows(
            f"insert into {table} select {others} from {table}, generate_series(1, :count) as n"
            " where customer_id = :like returning 1",
            count=count,
            like=like,
        )


async def analyze(database: Database) -> None:
    owner = new_engine(database.owner, pool_size=1, application_name="test")
    async with reading(owner).connect() as db:
        await db.execute(text("analyze"))
    await owner.dispose()
