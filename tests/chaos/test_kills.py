import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from ops.local import LocalStack
from ops.settings import Settings
from shared.contracts.customers.events import CustomerCreated, CustomerState
from shared.contracts.customers.topics import EVENTS, STATE
from shared.database import new_engine
from tests.support.builders import a_customer_body
from tests.support.eventually import eventually
from tests.support.kafka import Published, records_of

pytestmark = [
    pytest.mark.composed,
    pytest.mark.slow,
]

CREATES = 500
CONNECTIONS = 64
HEALED_WITHIN_S = 60.0
DEFINITE = {200, 201, 503, 504}
CLIENTS = 16
BOTH_OF_EACH = ("customers-0", "gateway-0", "customers-1", "gateway-1")
BROKEN_OFF = {"RemoteProtocolError", "ReadError", "WriteError"}  # by the end of the process at the other side


@pytest.fixture
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalStack]:
    settings = Settings(
        gateway_port=0,
        kafka_port=0,
        postgres_port=0,
        state_dir=tmp_path / "state",
        replicas=getattr(request, "param", 1),
        trains_startup_cache=False,
    )
    async with LocalStack(settings) as stack:
        yield stack


@pytest.fixture
async def http(stack: LocalStack) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=CONNECTIONS)
    timeout = httpx.Timeout(30, pool=None)  # they queue for a connection as long as the test takes
    async with httpx.AsyncClient(base_url=stack.gateway_url, timeout=timeout, limits=limits) as http:
        yield http


async def created(http: httpx.AsyncClient, key: str, seen: Counter[int | str]) -> str:
    """Repeat the create until it is answered, as a client would; the customer's id."""

    async def once() -> httpx.Response | None:
        try:
            answer = await http.post(
                "/api/customers", json=a_customer_body(), headers={"Idempotency-Key": key}
            )
        except httpx.TransportError as broken:  # then nothing is known, and the key is sent again
            seen[type(broken).__name__] += 1
            return None
        seen[answer.status_code] += 1
        return answer

    answer = await eventually(
        once, lambda answer: answer is not None and answer.status_code == 201, HEALED_WITHIN_S
    )
    assert answer is not None
    customer_id: str = answer.json()["data"]["id"]
    return customer_id


@dataclass
class Load:
    """What clients have seen that create customers and read them, one after the other."""

    seen: Counter[int | str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)

    async def goes_on(self, creates: int) -> None:
        """Wait until so many more were created."""
        reached = len(self.ids) + creates
        await eventually(lambda: len(self.ids) >= reached, within_s=HEALED_WITHIN_S)


@asynccontextmanager
async def clients_of(http: httpx.AsyncClient) -> AsyncIterator[Load]:
    load = Load()
    stop = asyncio.Event()

    async def client() -> None:
        while not stop.is_set():
            load.ids.append(await created(http, uuid4().hex, load.seen))
            await read(http, load.ids[-1], load.seen)

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(client())
        try:
            yield load
        finally:
            stop.set()


async def read(http: httpx.AsyncClient, customer_id: str, seen: Counter[int | str]) -> None:
    try:
        seen[(await http.get(f"/api/customers/{customer_id}")).status_code] += 1
    except httpx.TransportError as broken:
        seen[type(broken).__name__] += 1


async def outbox_is_empty(stack: LocalStack) -> bool:
    return await count(stack, "outbox") == 0


async def count(stack: LocalStack, table: str) -> int:
    engine = new_engine(stack.database_url("customers"), pool_size=1, application_name="test")
    async with engine.connect() as db:
        counted = int((await db.execute(text(f"select count(*) from {table}"))).scalar_one())
    await engine.dispose()
    return counted


def distinct(records: list[Published], event_type: str) -> Counter[str]:
    """How many different messages of a type there are for each customer; a repeat has the same id."""
    ids = {
        (str(each.json["customer_id"]), each.header["ce_id"]) for each in records if is_of(each, event_type)
    }
    return Counter(customer for customer, _ in ids)


def is_of(record: Published, event_type: str) -> bool:
    return record.header["ce_type"] == event_type


async def assert_one_of_each(stack: LocalStack, ids: list[str]) -> None:
    """One customer, one event and one state record for each id, and nothing else."""
    assert len(set(ids)) == len(ids)
    await eventually(lambda: outbox_is_empty(stack), within_s=HEALED_WITHIN_S)
    assert await count(stack, "customers") == len(ids)
    once_each = Counter(ids)
    events = await records_of(stack.kafka_bootstrap_servers, EVENTS.name)
    assert distinct(events, CustomerCreated.type) == once_each
    states = await records_of(stack.kafka_bootstrap_servers, STATE.name)
    assert distinct(states, CustomerState.type) == once_each


@pytest.mark.parametrize("stack", [1, 2], indirect=True, ids=["one-process-each", "two-processes-each"])
async def test_a_kill_amid_creates_loses_and_doubles_nothing(
    stack: LocalStack, http: httpx.AsyncClient
) -> None:
    keys = [uuid4().hex for _ in range(CREATES)]
    seen: Counter[int | str] = Counter()
    creating = [asyncio.create_task(created(http, key, seen)) for key in keys]
    for enough in (CREATES // 4, CREATES // 2):
        await eventually(lambda enough=enough: seen[201] >= enough, within_s=HEALED_WITHIN_S)  # type: ignore[misc]
        await stack.kill("customers-0")
    ids = await asyncio.gather(*creating)
    assert set(seen) <= {201, 504}
    await assert_one_of_each(stack, list(ids))


@pytest.mark.parametrize("server", ["kafka", "postgres"])
async def test_a_server_that_is_killed_under_load_heals_by_itself(
    stack: LocalStack, http: httpx.AsyncClient, server: str
) -> None:
    async with clients_of(http) as load:
        await load.goes_on(100)
        await stack.kill(server)
        await stack.wait_ready(server)
        await load.goes_on(100)
    assert set(load.seen) <= DEFINITE
    await assert_one_of_each(stack, load.ids)


@pytest.mark.parametrize("stack", [1, 2], indirect=True, ids=["one-process-each", "two-processes-each"])
async def test_processes_that_are_told_to_end_one_by_one_lose_no_request(
    stack: LocalStack, http: httpx.AsyncClient
) -> None:
    async with clients_of(http) as load:
        for name in BOTH_OF_EACH[: 2 * stack.settings.replicas]:
            await load.goes_on(50)
            await stack.terminate(name)
            await stack.wait_ready(name)
        await load.goes_on(50)
    assert set(load.seen) <= {200, 201}
    await assert_one_of_each(stack, load.ids)


@pytest.mark.parametrize("stack", [2], indirect=True, ids=["two-processes-each"])
async def test_processes_that_are_killed_one_by_one_lose_nothing_acknowledged(
    stack: LocalStack, http: httpx.AsyncClient
) -> None:
    async with clients_of(http) as load:
        for name in BOTH_OF_EACH:
            await load.goes_on(50)
            await stack.kill(name)
            await stack.wait_ready(name)
        await load.goes_on(50)
    assert set(load.seen) <= {200, 201, 504, *BROKEN_OFF}
    await assert_one_of_each(stack, load.ids)


def test_the_checker_sees_a_message_that_was_published_twice_under_two_ids() -> None:
    def published(message_id: str) -> Published:
        value: dict[str, Any] = {"customer_id": "cust_1"}
        headers = [("ce_type", b"customer.created.v1"), ("ce_id", message_id.encode())]
        body = json.dumps(value).encode()
        return Published(topic="t", partition=0, offset=0, key=b"cust_1", value=body, headers=headers)

    assert distinct([published("1"), published("1")], "customer.created.v1") == {"cust_1": 1}
    assert distinct([published("1"), published("2")], "customer.created.v1") == {"cust_1": 2}
