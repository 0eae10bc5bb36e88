"""Clients that create customers and read them without pause, and what must be found of it afterwards."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from shared.contracts.customers.events import CustomerCreated, CustomerState
from shared.contracts.customers.topics import EVENTS, STATE
from tests.support.builders import a_customer_body
from tests.support.eventually import eventually
from tests.support.kafka import Published, records_of

CONNECTIONS = 64
CLIENTS = 16
HEALED_WITHIN_S = 60.0
BROKEN_OFF = {"RemoteProtocolError", "ReadError", "WriteError"}  # by the end of the process at the other side


@asynccontextmanager
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to the gateway queue for a connection as long as it takes."""
    limits = httpx.Limits(max_connections=CONNECTIONS)
    timeout = httpx.Timeout(30, pool=None)
    async with httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits) as http:
        yield http


async def created(http: httpx.AsyncClient, key: str, seen: Counter[int | str]) -> str:
    """Repeat the create until it is answered, as a client would; the customer's id."""

    async def once() -> str:
        try:
            answer = await http.post(
                "/api/customers", json=a_customer_body(), headers={"Idempotency-Key": key}
            )
        except httpx.TransportError as broken:  # then nothing is known, and the key is sent again
            seen[type(broken).__name__] += 1
            return ""
        seen[answer.status_code] += 1
        return str(answer.json()["data"]["id"]) if answer.status_code == 201 else ""

    return await eventually(once, within_s=HEALED_WITHIN_S)


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
    """Clients at work within the block; each ends with what it has begun."""
    load = Load()
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            load.ids.append(await created(http, uuid4().hex, load.seen))
            await _read(http, load.ids[-1], load.seen)

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(work())
        try:
            yield load
        finally:
            stop.set()


async def _read(http: httpx.AsyncClient, customer_id: str, seen: Counter[int | str]) -> None:
    try:
        seen[(await http.get(f"/api/customers/{customer_id}")).status_code] += 1
    except httpx.TransportError as broken:
        seen[type(broken).__name__] += 1


def distinct(records: list[Published], event_type: str) -> Counter[str]:
    """How many different messages of a type there are for each customer; a repeat has the same id.

    Tombstones, which other tests leave, say nothing of a customer that is there.
    """
    told = [each for each in records if each.value and each.header["ce_type"] == event_type]
    ids = {(str(each.json["customer_id"]), each.header["ce_id"]) for each in told}
    return Counter(customer for customer, _ in ids)


async def assert_said_once(bootstrap_servers: str, ids: list[str], among_others: bool = False) -> None:
    """One created event and one state record for each id; of no other customer, but `among_others`."""
    assert len(set(ids)) == len(ids)
    for topic, wire_type in ((EVENTS, CustomerCreated.type), (STATE, CustomerState.type)):
        found = distinct(await records_of(bootstrap_servers, topic.name), wire_type)
        assert Counter({each: found[each] for each in ids} if among_others else found) == Counter(ids)
