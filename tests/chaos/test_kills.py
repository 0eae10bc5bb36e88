import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from ops.local import LocalStack
from ops.services import Commands
from ops.settings import Settings
from shared.database import new_engine
from tests.support.eventually import eventually
from tests.support.kafka import Published
from tests.support.load import (
    BROKEN_OFF,
    HEALED_WITHIN_S,
    assert_said_once,
    client,
    clients_of,
    created,
    distinct,
)

pytestmark = [
    pytest.mark.composed,
    pytest.mark.slow,
]

CREATES = 500
DEFINITE = {200, 201, 503, 504}
NO_ANSWER_YET = {
    503,
    504,
}  # where a machine is so busy that the bus is not heard of for a second, nothing is sent
PATIENCE_S = "25"  # of the gateway: that nothing is lost is the rule here, not how fast a busy machine is
BOTH_OF_EACH = ("customers-0", "gateway-0", "customers-1", "gateway-1")


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
    patient = ("env", f"DEADLINE_S={PATIENCE_S}", *Commands().gateway)
    async with LocalStack(settings, Commands(gateway=patient)) as stack:
        yield stack


@pytest.fixture
async def http(stack: LocalStack) -> AsyncIterator[httpx.AsyncClient]:
    async with client(stack.gateway_url) as http:
        yield http


async def outbox_is_empty(stack: LocalStack) -> bool:
    return await count(stack, "outbox") == 0


async def count(stack: LocalStack, table: str) -> int:
    engine = new_engine(stack.database_url("customers"), pool_size=1, application_name="test")
    async with engine.connect() as db:
        counted = int((await db.execute(text(f"select count(*) from {table}"))).scalar_one())
    await engine.dispose()
    return counted


async def assert_one_of_each(stack: LocalStack, ids: list[str]) -> None:
    """One customer, one event and one state record for each id, and nothing else."""
    await eventually(lambda: outbox_is_empty(stack), within_s=HEALED_WITHIN_S)
    assert await count(stack, "customers") == len(ids)
    await assert_said_once(stack.kafka_bootstrap_servers, ids)


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
    assert set(seen) <= {201, *NO_ANSWER_YET}
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
    assert set(load.seen) <= {200, 201, *NO_ANSWER_YET, *BROKEN_OFF}
    await assert_one_of_each(stack, load.ids)


def test_the_checker_sees_a_message_that_was_published_twice_under_two_ids() -> None:
    def published(message_id: str) -> Published:
        value: dict[str, Any] = {"customer_id": "cust_1"}
        headers = [("ce_type", b"customer.created.v1"), ("ce_id", message_id.encode())]
        body = json.dumps(value).encode()
        return Published(topic="t", partition=0, offset=0, key=b"cust_1", value=body, headers=headers)

    assert distinct([published("1"), published("1")], "customer.created.v1") == {"cust_1": 1}
    assert distinct([published("1"), published("2")], "customer.created.v1") == {"cust_1": 2}
