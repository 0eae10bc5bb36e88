"""Kept figures that are wrong are named and made good while the system trades and is read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ops.local import LocalStack
from ops.settings import SERVICES, Settings
from shared.contracts.orders.requests import CancelOrder, ShipOrder
from shared.database import new_engine
from tests.e2e.support import data, sent
from tests.e2e.trading import a_debtor, a_payment, a_step, an_order, order_id_of, placed, until, yesterday
from tests.support.builders import Body
from tests.support.command_line import Ended, customers_api
from tests.support.eventually import eventually
from tests.support.load import HEALED_WITHIN_S, client
from tests.support.system import Composed

pytestmark = [pytest.mark.composed, pytest.mark.slow]

BUSY = 3  # customers that trade without pause


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    settings = Settings(
        gateway_port=0,
        kafka_port=0,
        postgres_port=0,
        state_dir=tmp_path / "state",
        trains_startup_cache=False,
    )
    async with LocalStack(settings) as stack:
        yield stack


@pytest.fixture
async def app(stack: LocalStack) -> AsyncIterator[Composed]:
    async with client(stack.gateway_url) as http:
        yield Composed(http, stack.kafka_bootstrap_servers)


@dataclass
class Trade:
    """What busy customers have done: orders that were placed, shipped and paid, or cancelled."""

    orders: int = 0

    async def goes_on(self) -> None:
        """Wait until every busy customer has done something more."""
        reached = self.orders + BUSY
        await eventually(lambda: self.orders >= reached, within_s=HEALED_WITHIN_S)


@asynccontextmanager
async def trading(app: Composed) -> AsyncIterator[Trade]:
    """Customers that trade within the block; each ends what it has begun."""
    trade, stop = Trade(), asyncio.Event()

    async def work(customer_id: str) -> None:
        while not stop.is_set():
            await (bought if trade.orders % 3 else cancelled)(app, customer_id)
            trade.orders += 1

    customers = [await a_debtor(app, credit_limit=1_000_000) for _ in range(BUSY)]
    async with asyncio.TaskGroup() as at_work:
        for customer_id in customers:
            at_work.create_task(work(customer_id))
        try:
            yield trade
        finally:
            stop.set()


async def bought(app: Composed, customer_id: str) -> str:
    """An order of 100.00 that was shipped and paid; its id."""
    order = an_order(customer_id)
    await placed(app, order)
    await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))
    await until(app, order, "shipped")
    await sent(app, a_payment(customer_id, "100.00"))
    return order_id_of(order)


async def cancelled(app: Composed, customer_id: str) -> None:
    order = an_order(customer_id, "50.00")
    await placed(app, order)
    await sent(app, a_step(CancelOrder, order))
    await until(app, order, "cancelled")


@dataclass
class Idle:
    """A customer that has bought for 300.00, owes nothing, and does nothing any more.

    Attributes:
        seen: Every answer that its reader got, by path.
    """

    app: Composed
    customer_id: str
    order_id: str
    seen: dict[str, list[Body]] = field(default_factory=dict)

    async def reads(self, what: str = "") -> Body:
        """The answer to a GET of the customer or of something of it."""
        answer = await self.app.http.get(f"/api/customers/{self.customer_id}{what}")
        body: Body = {"data": data(answer), "etag": answer.headers.get("ETag")}
        self.seen.setdefault(what, []).append(body)
        return body


async def an_idle_customer(app: Composed) -> Idle:
    customer_id = await a_debtor(app, credit_limit=10_000)
    order_id = await bought(app, customer_id)
    await placed(app, an_order(customer_id, "200.00"))
    await cancelled(app, customer_id)
    idle = Idle(app, customer_id, order_id)
    await eventually(
        lambda: idle.reads("/analytics"),
        lambda answer: (
            settled(answer) == {"balance": 0.0, "days": 0}
            and answer["data"]["overview"]["lifetime_value"] == 300.0
        ),
    )
    await eventually(lambda: idle.reads(), lambda answer: shown(answer) == (300.0, 2, 0.0))
    idle.seen.clear()
    return idle


def shown(answer: Body) -> tuple[float, int, float]:
    """What a detail shows of others' figures."""
    detail = answer["data"]
    return detail["lifetime_value"], detail["total_orders"], detail["current_balance"]


def ordered(answer: Body) -> Body:
    """What analytics show of orders."""
    analytics = answer["data"]
    revenue = analytics["financial_summary"]["total_revenue"]
    whole = {name: analytics[name] for name in ("order_history", "top_products")}
    return {**whole, "value": analytics["overview"]["lifetime_value"], "revenue": revenue}


def settled(answer: Body) -> Body:
    """What analytics show of credit."""
    summary = answer["data"]["financial_summary"]
    return {"balance": summary["current_balance"], "days": summary["avg_payment_days"]}


def p_of(answer: Body) -> int:
    """How often the detail's figures had changed, as its ETag tells."""
    return int(answer["etag"].strip('"').rpartition("-p")[2])


@asynccontextmanager
async def readers(*idle: Idle) -> AsyncIterator[None]:
    """Within the block each is read without pause, in every way in which its figures are shown."""
    stop = asyncio.Event()

    async def read(each: Idle) -> None:
        while not stop.is_set():
            for what in ("", "/orders", "/analytics"):
                await each.reads(what)

    async with asyncio.TaskGroup() as reading:
        for each in idle:
            reading.create_task(read(each))
        try:
            yield
        finally:
            stop.set()


async def plant(stack: LocalStack, service: str, *statements: str, **values: object) -> None:
    engine = new_engine(stack.database_url(service), pool_size=1, application_name="test")
    async with engine.begin() as db:
        for statement in statements:
            await db.execute(text(statement), values)
    await engine.dispose()


async def plant_differences(stack: LocalStack, wrong: Idle, copied: Idle) -> None:
    """In what orders and credit make themselves, in what credit keeps of orders, in what customers keeps."""
    await plant(
        stack,
        "orders",
        "update totals set lifetime_value = lifetime_value + 5 where customer_id = :id",
        "update order_figures set revenue = revenue + 7 where customer_id = :id and grain = 'month'",
        "update product_figures set quantity = quantity + 9 where customer_id = :id and grain = 'ever'",
        id=wrong.customer_id,
    )
    await plant(
        stack,
        "credit",
        "update accounts set balance = balance + 11 where customer_id = :id",
        "update settlements set days = days + 13 where customer_id = :id and grain = 'ever'",
        id=wrong.customer_id,
    )
    await plant(
        stack,
        "credit",
        "update order_facts set status = 'delivered' where order_id = :order_id",
        order_id=wrong.order_id,
    )
    await plant(
        stack,
        "customers",
        "update figures set total_orders = total_orders + 17 where customer_id = :id",
        id=copied.customer_id,
    )


async def assert_no_difference(where: dict[str, str]) -> None:
    ended = await customers_api("verify", **where)
    assert (ended.code, named(ended, "should be")) == (0, set()), ended.output + ended.errors


def assert_turned_once(answers: list[Any], planted: Any, true: Any) -> None:
    """First the planted ones, then the true ones, and nothing else."""
    turned = answers.index(true)
    assert answers == [planted] * turned + [true] * (len(answers) - turned)


def named(ended: Ended, remedy: str) -> set[tuple[str, str]]:
    """Customers and figures of the lines that name a difference."""
    lines = [line for line in ended.output.splitlines() if f", {remedy} " in line]
    return {(line.split()[0], line.split("  ", 1)[1].partition(": ")[0]) for line in lines}


@pytest.mark.timeout(600)
async def test_planted_differences_are_named_and_repaired_under_load_without_a_wrong_answer(
    stack: LocalStack, app: Composed
) -> None:
    urls = {f"DATABASE_URL_{each.upper()}": stack.database_url(each) for each in SERVICES}
    where = {**urls, "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers}
    wrong, copied, untouched = [await an_idle_customer(app) for _ in range(3)]
    true, detail = await wrong.reads("/analytics"), await copied.reads()
    right = {what: (await untouched.reads(what))["data"] for what in ("", "/orders", "/analytics")}
    async with trading(app) as trade:
        await trade.goes_on()
        await assert_no_difference(where)
        await plant_differences(stack, wrong, copied)
        planted, planted_detail = await wrong.reads("/analytics"), await copied.reads()
        wrong.seen, copied.seen, untouched.seen = {}, {}, {}
        verified = await customers_api("verify", **where)
        assert verified.code == 1, verified.errors
        differing = named(verified, "should be")
        assert_names_exactly(differing, wrong, copied)

        async with readers(wrong, copied, untouched):
            await trade.goes_on()
            rebuilt = await customers_api("rebuild", **where)
            assert (rebuilt.code, named(rebuilt, "now")) == (0, differing), rebuilt.output + rebuilt.errors
            await trade.goes_on()

        again = await customers_api("rebuild", **where)
        assert (again.code, named(again, "now")) == (0, set()), again.output + again.errors
    await assert_no_difference(where)

    analytics = wrong.seen["/analytics"]
    assert_turned_once([ordered(each) for each in analytics], ordered(planted), ordered(true))
    assert_turned_once([settled(each) for each in analytics], settled(planted), settled(true))
    assert_turned_once([shown(each) for each in copied.seen[""]], shown(planted_detail), shown(detail))
    assert p_of(copied.seen[""][-1]) > p_of(planted_detail)
    for what, data_of in right.items():
        assert all(each["data"] == data_of for each in untouched.seen[what]), what


def assert_names_exactly(differing: set[tuple[str, str]], wrong: Idle, copied: Idle) -> None:
    """What was planted in three databases, and nothing else."""
    figures = {
        wrong.customer_id: (
            "lifetime_value",
            "revenue of month",
            "quantity of prod_123 of ever",
            "balance, by the ledger",
            "balance, by invoices and money",
            "days to pay, ever",
            f"status of {wrong.order_id}",
        ),
        copied.customer_id: ("total_orders",),
    }
    assert {customer for customer, _ in differing} == set(figures)
    for customer_id, expected in figures.items():
        found = sorted(figure for customer, figure in differing if customer == customer_id)
        assert len(found) == len(expected), found
        assert all(one.startswith(two) for one, two in zip(found, sorted(expected), strict=True)), found
