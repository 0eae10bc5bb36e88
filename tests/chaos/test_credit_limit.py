import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.local import LocalStack
from ops.settings import Settings
from services.credit import verification
from shared.contracts.credit import topics as credit_topics
from shared.contracts.orders import topics as orders_topics
from shared.contracts.orders.requests import PlaceOrder, ShipOrder
from shared.database import new_engine, reading
from tests.e2e.trading import a_payment, a_step, an_order, yesterday
from tests.support.builders import a_customer_body, a_record
from tests.support.eventually import eventually
from tests.support.kafka import Published, publisher, records_of
from tests.support.load import HEALED_WITHIN_S, client

pytestmark = [pytest.mark.composed, pytest.mark.slow]

ORDERS = 200
FITTING = 20
AMOUNT = "50.00"
LIMIT = Decimal(AMOUNT) * FITTING
SAMPLE_EVERY_S = 0.01


@pytest.fixture
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalStack]:
    settings = Settings(
        gateway_port=0,
        kafka_port=0,
        postgres_port=0,
        state_dir=tmp_path / "state",
        replicas=request.param,
        trains_startup_cache=False,
    )
    async with LocalStack(settings) as stack:
        yield stack


@pytest.fixture
async def credit(stack: LocalStack) -> AsyncIterator[AsyncEngine]:
    engine = new_engine(stack.database_url("credit"), pool_size=2, application_name="test")
    yield engine
    await engine.dispose()


@dataclass
class Watched:
    """What an account was seen at: receivables and reserved credit together, each time it was looked at."""

    exposures: list[Decimal] = field(default_factory=list)


@asynccontextmanager
async def watching(credit: AsyncEngine, customer_id: str) -> AsyncIterator[Watched]:
    watched = Watched()
    exposure = text("select balance + reserved from accounts where customer_id = :id")

    async def look() -> None:
        async with reading(credit).connect() as db:
            while True:
                seen = (await db.execute(exposure, {"id": customer_id})).scalar()
                watched.exposures += [] if seen is None else [seen]
                await asyncio.sleep(SAMPLE_EVERY_S)

    looking = asyncio.create_task(look())
    try:
        yield watched
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def deliver(stack: LocalStack, records: Iterable[Published], chance: random.Random) -> None:
    """Each of them one to five times, repeats among the others."""
    late: list[Published] = []
    async with publisher(stack.kafka_bootstrap_servers) as producer:
        for record in records:
            await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
            late += [record] * chance.randrange(5)
        chance.shuffle(late)
        for record in late:
            await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
        await producer.flush()


async def count(http: httpx.AsyncClient, customer_id: str, status: str) -> int:
    answer = await http.get(f"/api/customers/{customer_id}/orders", params={"status": status, "limit": "1"})
    return int(answer.json()["meta"]["total"]) if answer.status_code == 200 else 0


async def counts(http: httpx.AsyncClient, customer_id: str) -> dict[str, int]:
    return {
        status: await count(http, customer_id, status)
        for status in ("pending", "confirmed", "rejected", "shipped", "delivered", "cancelled", "returned")
    }


async def until(http: httpx.AsyncClient, customer_id: str, **expected: int) -> None:
    """The customer's orders, once so many have each status and none any other."""

    def are_there(found: dict[str, int]) -> bool:
        return {status: number for status, number in found.items() if number} == expected

    await eventually(lambda: counts(http, customer_id), are_there, within_s=HEALED_WITHIN_S)


async def account(credit: AsyncEngine, customer_id: str) -> tuple[Decimal, Decimal]:
    async with reading(credit).connect() as db:
        statement = text("select balance, reserved from accounts where customer_id = :id")
        row = (await db.execute(statement, {"id": customer_id})).one()
        return row.balance, row.reserved


async def until_account(credit: AsyncEngine, customer_id: str, balance: Decimal, reserved: Decimal) -> None:
    await eventually(
        lambda: account(credit, customer_id),
        lambda found: found == (balance, reserved),
        within_s=HEALED_WITHIN_S,
    )


async def events(stack: LocalStack) -> list[Published]:
    return [
        record
        for topic in (orders_topics.EVENTS, credit_topics.EVENTS)
        for record in await records_of(stack.kafka_bootstrap_servers, topic.name)
    ]


async def a_debtor(http: httpx.AsyncClient) -> str:
    answer = await http.post("/api/customers", json=a_customer_body(credit_limit=float(LIMIT)))
    return str(answer.json()["data"]["id"])


@pytest.mark.parametrize("stack", [1, 2], indirect=True, ids=["one-process-each", "two-processes-each"])
async def test_of_orders_placed_at_once_those_are_confirmed_that_the_limit_admits_and_no_more(
    stack: LocalStack, credit: AsyncEngine
) -> None:
    chance = random.Random(8)
    async with client(stack.gateway_url) as http:
        customer_id = await a_debtor(http)
        orders = [an_order(customer_id, AMOUNT) for _ in range(ORDERS)]

        async with watching(credit, customer_id) as watched:
            await deliver(stack, map(a_record, orders), chance)
            await eventually(lambda: count(http, customer_id, "confirmed"), within_s=HEALED_WITHIN_S)
            await stack.kill("credit-0")
            await until(http, customer_id, confirmed=FITTING, rejected=ORDERS - FITTING)
            await deliver(stack, await events(stack), chance)
            await ship_and_pay(stack, http, credit, orders, chance)

        assert max(watched.exposures) == LIMIT
    assert await reasons(stack) == {"insufficient_credit"}
    async with reading(credit).connect() as db:
        assert [difference async for difference in verification.differences(db)] == []


async def ship_and_pay(
    stack: LocalStack,
    http: httpx.AsyncClient,
    credit: AsyncEngine,
    orders: list[PlaceOrder],
    chance: random.Random,
) -> None:
    """What was confirmed, each command and event several times, with a process killed amid it."""
    customer_id = orders[0].customer_id
    page = await http.get(
        f"/api/customers/{customer_id}/orders", params={"status": "confirmed", "limit": "100"}
    )
    confirmed = {each["external_ref"] for each in page.json()["data"]}
    shipped = [
        a_step(ShipOrder, order, ship_date=yesterday()) for order in orders if order.external_ref in confirmed
    ]
    shipping = asyncio.create_task(deliver(stack, map(a_record, shipped), chance))
    await eventually(lambda: count(http, customer_id, "shipped"), within_s=HEALED_WITHIN_S)
    await stack.kill("credit-0")
    await shipping
    await until_account(credit, customer_id, LIMIT, Decimal(0))
    payments = [a_payment(customer_id, AMOUNT) for _ in range(FITTING)]
    await deliver(stack, map(a_record, payments), chance)
    await until_account(credit, customer_id, Decimal(0), Decimal(0))
    await deliver(stack, await events(stack), chance)
    await until(http, customer_id, shipped=FITTING, rejected=ORDERS - FITTING)
    await until_account(credit, customer_id, Decimal(0), Decimal(0))


async def reasons(stack: LocalStack) -> set[str]:
    found = await events(stack)
    return {each.json["reason"] for each in found if each.header["ce_type"] == "order.rejected.v1"}
