"""Run by `make test-compose` alone, on an installation that is up: kills, restarts, scales its containers."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.settings import SERVICES
from tests.support.builders import a_customer_body
from tests.support.eventually import eventually
from tests.support.load import BROKEN_OFF, HEALED_WITHIN_S, assert_said_once, client, clients_of
from tests.support.servers import PROJECT

pytestmark = [pytest.mark.composed, pytest.mark.slow]

GATEWAY = os.environ.get("TEST_GATEWAY_URL", "")
KAFKA = os.environ.get("TEST_KAFKA_BOOTSTRAP_SERVERS", "")
AWAY = {503, 504, "ConnectError", "ConnectTimeout", "ReadTimeout", *BROKEN_OFF}


async def compose(*arguments: str, given: bytes = b"") -> str:
    """What `docker compose` says on standard output; it must succeed."""
    command = [*os.environ["TEST_COMPOSE"].split(), *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=PROJECT, input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr.decode()[-2_000:]}"
    return done.stdout.decode()


async def containers_of(service: str) -> list[str]:
    return (await compose("ps", "--quiet", service)).split()


async def kill(container: str) -> None:
    """From within, as a crash: what `docker kill` ends stays ended."""
    killing = ["docker", "exec", container, "sh", "-c", "kill -9 -1"]
    await asyncio.to_thread(subprocess.run, killing, capture_output=True, check=False)


async def is_healthy(container: str) -> bool:
    asking = ["docker", "inspect", "--format", "{{.State.Health.Status}}", container]
    told = await asyncio.to_thread(subprocess.run, asking, capture_output=True, check=True)
    return told.stdout.decode().strip() == "healthy"


async def findings() -> dict[str, Any]:
    """What `status` finds, by name; it must find all well."""
    told = await compose("run", "--rm", "--no-TTY", "ops", "status", "--json")
    return {each["name"]: each for each in json.loads(told)}


async def outboxes_are_empty() -> bool:
    found = await findings()
    return all(found[f"outbox of {service}"]["shows"] == "empty" for service in SERVICES)


async def assert_healed(ids: list[str]) -> None:
    await eventually(outboxes_are_empty, within_s=HEALED_WITHIN_S)
    await assert_said_once(KAFKA, ids, among_others=True)


@pytest.mark.parametrize("service", [*SERVICES, "gateway", "kafka", "customers-db"])
async def test_a_container_that_dies_under_load_comes_back_and_nothing_is_lost(service: str) -> None:
    (container,) = await containers_of(service)
    async with client(GATEWAY) as http, clients_of(http) as load:
        await load.goes_on(50)
        await kill(container)
        await load.goes_on(50)
    assert set(load.seen) <= {200, 201} | AWAY
    await eventually(lambda: is_healthy(container), within_s=HEALED_WITHIN_S)
    await assert_healed(load.ids)


@pytest.mark.parametrize("service", [*SERVICES, "gateway"])
async def test_a_container_that_is_restarted_under_load_loses_nothing(service: str) -> None:
    async with client(GATEWAY) as http, clients_of(http) as load:
        await load.goes_on(50)
        await compose("restart", service)
        await load.goes_on(50)
    assert set(load.seen) <= {200, 201} | AWAY
    await assert_healed(load.ids)


async def test_two_containers_of_a_service_share_its_partitions_and_either_may_die() -> None:
    await compose("up", "--no-recreate", "--wait", "--scale", "customers=2")
    try:
        await eventually(
            findings, lambda found: found["group customers"]["shows"].startswith("2 members"), HEALED_WITHIN_S
        )
        async with client(GATEWAY) as http, clients_of(http) as load:
            for container in await containers_of("customers"):
                await load.goes_on(50)
                await kill(container)
                await load.goes_on(50)
        assert set(load.seen) <= {200, 201, 504}
        await assert_healed(load.ids)
    finally:
        await compose("up", "--no-recreate", "--wait", "--scale", "customers=1")


async def test_what_was_stored_is_there_after_down_and_up() -> None:
    async with client(GATEWAY) as http:
        created = await http.post("/api/customers", json=a_customer_body())
        await compose("down")
        await compose("up", "--wait")
        read = await http.get(created.headers["Location"])
    assert read.json() == created.json()


async def test_customers_are_imported_and_exported_by_the_command_line_in_a_container(tmp_path: Path) -> None:
    line = {**a_customer_body(), "external_ref": "ERP-1", "customer_id": "cust_1"}
    line["customer_since"], line["credit_limit"] = "2019-05-01T00:00:00Z", "10.00"
    line.pop("discount_rate", None)
    given = json.dumps(line).encode() + b"\n"

    said = await compose(
        *("run", "--rm", "--no-TTY", "ops", "send", "customer.import.v1", "--wait"), given=given
    )
    exported = await compose("run", "--rm", "--no-TTY", "ops", "export", "cust_1")

    assert said.startswith("1 done")
    assert json.loads(exported)["customers"]["customer"]["external_ref"] == "ERP-1"
