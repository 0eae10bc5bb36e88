"""What services keep of each other's states, on topics of the tests' own and real databases."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.copies import BALANCES, CUSTOMERS, ORDERS, Comparison, Copies, Looking, comparison
from ops.output import Doing
from ops.reach import OutOfReach, Reach
from ops.settings import Settings
from shared.contracts.credit.events import CreditAccount
from shared.contracts.credit.requests import credit_note_of_return
from shared.contracts.customers.events import CustomerState
from shared.contracts.orders.events import OrderState
from shared.database import new_engine, reading
from shared.figures import Difference
from shared.kafka import PARTITIONS, create_topics
from shared.messaging import Envelope, State, Topic, write_headers
from shared.outbox import outbox
from tests.support import credit_builders, order_builders
from tests.support.builders import a_customer_id
from tests.support.kafka import a_topic, publish
from tests.support.postgres import Database

pytestmark = pytest.mark.kafka

KEEPER = "keeper"  # of the copies; each test's keeper has a group of its own


class Account(CreditAccount):
    """An account, on a topic of these tests."""

    topic = a_topic("state")


class Customer(CustomerState):
    """A customer, on a topic of these tests."""

    topic = a_topic("state")


class Order(OrderState):
    """An order, on a topic of these tests."""

    topic = a_topic("state")


@dataclass
class Bench:
    """A service that keeps copies, the owner of what they are of, and the topic between them.

    The owner's database is the keeper's own: of it only the outbox is looked into.
    """

    kafka: str
    engine: AsyncEngine
    copies: Copies
    reach: Reach
    group: str

    async def says(self, *states: State) -> None:
        """The owner publishes states."""
        for each in states:
            envelope = Envelope(id=uuid4().hex, source="/x", type=each.type, sequence=each.version)
            headers = write_headers(envelope)
            await publish(self.kafka, each.topic.name, each.record_key, each.to_json(), headers)

    async def erases(self, state: State) -> None:
        """The owner publishes that an entity is no more."""
        envelope = Envelope(id=uuid4().hex, source="/x", type=state.type, sequence=state.version + 1)
        await publish(self.kafka, state.topic.name, state.record_key, None, write_headers(envelope))

    async def has_heard_all(self) -> None:
        """The keeper's group has finished what is on the topic."""
        partitions = [TopicPartition(self.copies.followed.name, number) for number in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka, group_id=self.group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign(partitions)
            await consumer.commit(await consumer.end_offsets(partitions))
        finally:
            await consumer.stop()

    async def writes(self, statement: str, **values: object) -> None:
        """Something is written behind the keeper's back."""
        async with self.engine.begin() as db:
            await db.execute(text(statement), values)

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        """What a statement finds."""
        async with reading(self.engine).connect() as db:
            return [dict(row._mapping) for row in await db.execute(text(statement))]

    @asynccontextmanager
    async def compared(
        self, within_s: float = 20.0, customer_id: str | None = None
    ) -> AsyncIterator[Comparison]:
        """The copies beside the topic."""
        with Doing("test") as doing:
            looking = Looking(self.reach, customer_id=customer_id, within_s=within_s, doing=doing)
            async with comparison(looking, self.copies) as compared:
                yield compared

    async def found(self) -> list[Difference]:
        """What is kept otherwise than it was said."""
        async with self.compared() as compared:
            return [one for each in await compared.differing() for one in each.differences]

    async def rebuilds(self) -> list[Difference]:
        """Make it good; what it was."""
        async with self.compared() as compared:
            return [
                one
                for each in await compared.differing()
                for one in await compared.rebuild(each.customer_id, [each.entity_id])
            ]


@asynccontextmanager
async def a_bench(kafka: str, database: Database, copies: Copies, state: type[State]) -> AsyncIterator[Bench]:
    topic: Topic = replace(state.topic, name=f"test.{uuid4().hex}.state.v1")
    of_test = type(state.__name__, (state,), {"topic": topic, "__module__": __name__})
    await create_topics(kafka, [topic])
    group = f"{KEEPER}-{uuid4().hex}"
    urls = {f"DATABASE_URL_{name.upper()}": database.runtime for name in (group, copies.owner)}
    reach = Reach(Settings(kafka_bootstrap_servers=kafka), urls)
    engine = new_engine(database.owner, pool_size=2, application_name="test")
    try:
        own = replace(copies, service=group, state=of_test, followed=topic)
        yield Bench(kafka, engine, own, reach, group)
    finally:
        await engine.dispose()
        await reach.close()


@pytest.fixture
async def balances(kafka: str, customers_database: Database) -> AsyncIterator[Bench]:
    async with a_bench(kafka, customers_database, BALANCES, Account) as bench:
        yield bench


@pytest.fixture
async def customers(kafka: str, credit_database: Database) -> AsyncIterator[Bench]:
    async with a_bench(kafka, credit_database, CUSTOMERS, Customer) as bench:
        yield bench


@pytest.fixture
async def orders(kafka: str, credit_database: Database) -> AsyncIterator[Bench]:
    async with a_bench(kafka, credit_database, ORDERS, Order) as bench:
        yield bench


def an_account(bench: Bench, version: int, balance: str, customer_id: str = "cust_1") -> State:
    amounts = {name: Decimal(0) for name in ("credit_limit", "reserved", "available", "past_due")}
    members = {"customer_id": customer_id, "version": version, "currency": "USD", **amounts}
    return bench.copies.state.model_validate({**members, "balance": Decimal(balance)})


def in_state(bench: Bench, state: State, **changes: object) -> State:
    return bench.copies.state.model_validate({**state.model_dump(), **changes})


async def keeps_balance(bench: Bench, version: int, balance: str, customer_id: str = "cust_1") -> None:
    await bench.writes(
        "insert into figures values (:id, 4, cast(:balance as numeric), :version, 7, 1, 3)",
        id=customer_id,
        balance=Decimal(balance),
        version=version,
    )


def shown(found: list[Difference]) -> set[tuple[str, str | None, str | None]]:
    return {(each.figure, each.kept, each.true) for each in found}


async def test_what_is_kept_as_it_was_said_differs_nowhere(balances: Bench) -> None:
    await balances.says(an_account(balances, 1, "1.00"), an_account(balances, 2, "2.00"))
    await balances.has_heard_all()
    await keeps_balance(balances, 2, "2.00")

    assert await balances.found() == []
    assert await balances.rebuilds() == []


@pytest.mark.parametrize(
    ("version", "balance", "expected"),
    [
        (2, "9.00", {("balance", "9.00", "2.00")}),
        (1, "2.00", {("balance_version", "1", "2")}),
        (99, "9.00", {("balance_version", "99", "2"), ("balance", "9.00", "2.00")}),
    ],
    ids=["another figure", "an older version", "a version that was never said"],
)
async def test_a_copy_that_is_none_is_found_and_made_good_once(
    balances: Bench, version: int, balance: str, expected: set[tuple[str, str, str]]
) -> None:
    await balances.says(an_account(balances, 1, "1.00"), an_account(balances, 2, "2.00"))
    await balances.has_heard_all()
    await keeps_balance(balances, version, balance)

    assert shown(await balances.found()) == expected
    assert shown(await balances.rebuilds()) == expected
    assert await balances.rebuilds() == []

    (row,) = await balances.rows("select * from figures")
    moved = int(balance != "2.00")
    assert row == {
        **{"customer_id": "cust_1", "p": 4 + moved, "balance": Decimal("2.00"), "balance_version": 2},
        **{"lifetime_value": Decimal("7.00"), "total_orders": 1, "totals_version": 3},
    }


async def test_a_missing_row_is_found_and_made(balances: Bench) -> None:
    await balances.says(an_account(balances, 2, "2.00"))
    await balances.has_heard_all()

    expected = {("balance_version", None, "2"), ("balance", None, "2.00")}
    assert shown(await balances.found()) == expected
    assert await balances.rows("select * from figures") == []
    await balances.rebuilds()
    (row,) = await balances.rows("select * from figures")
    assert (row["balance"], row["balance_version"], row["p"]) == (Decimal("2.00"), 2, 1)


@pytest.mark.parametrize("kept", [1, 0], ids=["another figure", "a missing row"])
async def test_where_one_customer_is_asked_for_nobody_else_differs(orders: Bench, kept: int) -> None:
    for number in (1, 2):
        state = order_builders.an_order(order_id=f"so_{number}", customer_id=f"cust_{number}")
        await orders.says(in_state(orders, state))
        await orders.writes(
            f"insert into order_facts select '{state.order_id}', '{state.customer_id}', now(), 'confirmed',"
            f" true, 9, 0, 1 from generate_series(1, {kept})"
        )
    await orders.has_heard_all()

    async with orders.compared(customer_id="cust_2") as compared:
        assert [each.entity_id for each in await compared.differing()] == ["so_2"]


async def test_a_service_that_is_behind_differs_nowhere_and_is_not_awaited_for_ever(balances: Bench) -> None:
    await balances.says(an_account(balances, 1, "1.00"))
    await balances.has_heard_all()
    await keeps_balance(balances, 1, "1.00")
    await balances.says(an_account(balances, 2, "2.00"))

    async with balances.compared(within_s=0.5) as compared:
        with pytest.raises(OutOfReach, match="has not read"):
            await compared.differing()


async def test_an_owner_that_does_not_publish_is_named(balances: Bench) -> None:
    await balances.has_heard_all()
    async with balances.engine.begin() as db:
        await db.execute(insert(outbox), [{"topic": "t", "headers": "{}"}])

    async with balances.compared(within_s=0.5) as compared:
        with pytest.raises(OutOfReach, match="credit does not publish"):
            await compared.differing()


async def test_a_topic_that_was_emptied_is_no_reason_to_forget_what_is_kept(balances: Bench) -> None:
    await keeps_balance(balances, 2, "2.00")

    async with balances.compared() as compared:
        with pytest.raises(OutOfReach, match="is empty"):
            await compared.differing()


async def test_what_comes_while_a_customer_is_repaired_wins(balances: Bench) -> None:
    await balances.says(an_account(balances, 1, "1.00"))
    await balances.has_heard_all()
    await keeps_balance(balances, 99, "9.00")

    async with balances.compared() as compared:
        assert len(await compared.differing()) == 1
        await balances.says(an_account(balances, 2, "2.00"))
        await compared.rebuild("cust_1", ["cust_1"])
        await balances.has_heard_all()

    (row,) = await balances.rows("select balance, balance_version from figures")
    assert row == {"balance": Decimal("2.00"), "balance_version": 2}


async def test_of_an_erased_customer_nothing_differs_and_nothing_is_made(balances: Bench) -> None:
    customer = a_customer_id()
    await balances.says(an_account(balances, 2, "2.00", customer))
    await balances.has_heard_all()
    members = "version, name, email, billing_address, payment_terms, currency, credit_limit, discount_rate"
    await balances.writes(
        f"insert into customers (id, {members}, customer_since, is_active, created_at, updated_at, erased_at)"
        " values (:id, 2, '', '', '{}', 'net_30', 'USD', 0, 0, now(), true, now(), now(), now())",
        id=customer,
    )

    assert await balances.found() == []


async def opened(bench: Bench, **changes: object) -> CustomerState:
    """A customer as it was said, and its account as it is kept."""
    state = in_state(bench, credit_builders.a_customer_state(**changes))
    await bench.says(state)
    await bench.has_heard_all()
    await bench.writes(
        "insert into accounts values"
        " (:id, 5, :version, 'USD', 'net_30', :since, true, 1000, 70, 30, 0, null, null)",
        id=state.customer_id,  # type: ignore[attr-defined]  # made at run time
        version=state.version,
        since=state.customer_since,  # type: ignore[attr-defined]
    )
    return state  # type: ignore[return-value]


async def test_an_account_that_does_not_follow_its_customer_is_made_to_and_says_so(customers: Bench) -> None:
    state = await opened(customers)
    assert await customers.found() == []
    await customers.writes("update accounts set credit_limit = 9, is_active = false")

    expected = {("credit_limit", "9.00", "1000.00"), ("is_active", "false", "true")}
    assert shown(await customers.rebuilds()) == expected
    (said,) = await customers.rows("delete from outbox returning key, value")
    assert await customers.rebuilds() == []

    (account,) = await customers.rows("select version, credit_limit, is_active from accounts")
    assert account == {"version": 6, "credit_limit": Decimal("1000.00"), "is_active": True}
    assert await customers.rows("select * from outbox") == []
    assert said["key"] == state.customer_id.encode()
    told = json.loads(said["value"])
    assert (told["version"], told["credit_limit"], told["balance"]) == (6, "1000.00", "70.00")


async def test_an_account_of_an_erased_customer_differs_nowhere(customers: Bench) -> None:
    state = await opened(customers)
    await customers.erases(state)
    await customers.has_heard_all()
    await customers.writes("update accounts set credit_limit = 9, erased_at = now()")

    assert await customers.found() == []


async def remembered(bench: Bench, **changes: object) -> OrderState:
    """An order as it was said, half of it returned, and as it is kept."""
    members = {"version": 4, "status": "shipped", "returned_amount": Decimal("50.00"), **changes}
    state = in_state(bench, order_builders.an_order(**members))
    await bench.says(state)
    await bench.has_heard_all()
    await bench.writes(
        "insert into order_facts values (:id, 'cust_1', :at, 'shipped', true, 100, 50, 4)",
        id=state.order_id,  # type: ignore[attr-defined]  # made at run time
        at=state.order_date,  # type: ignore[attr-defined]
    )
    await bench.writes(
        "insert into money (kind, source, id, customer_id, amount, on_account, on_day, at, digest)"
        " values ('credit_note', '', :note, 'cust_1', 50, 50, current_date, now(), '')",
        note=credit_note_of_return(state.order_id, 4),  # type: ignore[attr-defined]
    )
    return state  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ("set status = 'delivered'", {("status of so_1", "delivered", "shipped")}),
        ("set returned_amount = 20", {("returned_amount of so_1", "20.00", "50.00")}),
        ("set version = 9", {("version of so_1", "9", "4")}),
    ],
)
async def test_an_order_that_is_remembered_otherwise_is_made_good_and_the_risk_counts_no_more(
    orders: Bench, planted: str, expected: set[tuple[str, str, str]]
) -> None:
    await remembered(orders)
    await orders.writes("insert into fact_versions values ('cust_1', 3)")
    before = await orders.rows("select * from order_facts")
    assert await orders.found() == []
    await orders.writes(f"update order_facts {planted}")

    assert shown(await orders.rebuilds()) == expected
    assert await orders.rebuilds() == []

    assert await orders.rows("select * from order_facts") == before
    assert await orders.rows("select version from fact_versions") == [{"version": 4}]
