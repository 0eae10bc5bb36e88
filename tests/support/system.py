"""The system under test, twice: in process on the bus in memory, and composed of processes around Kafka.

The same tests run against both. What a test may expect of one and not of the other stands in `Features`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.local import LocalStack
from ops.settings import DatabaseUrls, Settings
from shared.handlers import Service
from shared.messaging import Headers
from tests.support import kafka
from tests.support.bus import Bus
from tests.support.kafka import Published
from tests.support.postgres import Database

REQUEST_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Features:
    """What a system has.

    Attributes:
        has_broker: Any Kafka client can read and write its topics; the gateway reads replies from one.
        is_durable: Its processes can be killed, and nothing that was acknowledged is lost.
        rebalances: Its consumers share partitions and take them over from each other.
    """

    has_broker: bool
    is_durable: bool
    rebalances: bool


class ApplicationUnderTest(Protocol):
    """The whole system, seen from outside; state is built through `http` only."""

    features: Features
    http: httpx.AsyncClient

    async def records_of(self, topic: str) -> list[Published]:
        """Everything that is on a topic now."""
        ...

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Publish a record as another team's system would."""
        ...


class InProcess:
    """Gateway and services in the process of the test, on real PostgreSQL."""

    features = Features(has_broker=False, is_durable=False, rebalances=False)

    def __init__(self, http: httpx.AsyncClient, bus: Bus) -> None:
        self.http = http
        self.bus = bus

    async def records_of(self, topic: str) -> list[Published]:
        """Everything that is on a topic now."""
        return [record for record in self.bus.records if record.topic == topic]

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Publish a record as another team's system would."""
        await self.bus.publish(topic, key, value, headers)


class Composed:
    """Gateway and services as processes, on real PostgreSQL and real Kafka."""

    features = Features(has_broker=True, is_durable=True, rebalances=True)

    def __init__(self, http: httpx.AsyncClient, kafka_servers: str) -> None:
        self.http = http
        self._kafka = kafka_servers

    async def records_of(self, topic: str) -> list[Published]:
        """Everything that is on a topic now."""
        return await kafka.records_of(self._kafka, topic)

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Publish a record as another team's system would."""
        await kafka.publish(self._kafka, topic, key, value, headers)


@asynccontextmanager
async def in_process(engines: Mapping[str, AsyncEngine]) -> AsyncIterator[InProcess]:
    """The system without processes; engines: of a fresh database for each service, by its name."""
    # here: who needs less than the whole system does not wait for all of its modules
    from services.gateway.app import create_app
    from services.gateway.settings import GatewaySettings

    bus = Bus(_services(engines))
    app = create_app(GatewaySettings(kafka_bootstrap_servers="in-process:0"), rpc=bus)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway.test", timeout=REQUEST_WITHIN_S
    ) as http:
        yield InProcess(http, bus)


def _services(engines: Mapping[str, AsyncEngine]) -> list[Service]:
    from services.credit.handlers import handlers as credit
    from services.credit.policy import CreditPolicy
    from services.customers.handlers import handlers as customers
    from services.orders.handlers import handlers as orders
    from services.orders.policy import OrdersPolicy

    return [
        Service(customers, engines["customers"]),
        Service(orders, engines["orders"], OrdersPolicy()),
        Service(credit, engines["credit"], CreditPolicy()),
    ]


@asynccontextmanager
async def composed(gateway_url: str, kafka_servers: str) -> AsyncIterator[Composed]:
    """A client of a stack that runs; others use the same one at the same time."""
    async with httpx.AsyncClient(base_url=gateway_url, timeout=REQUEST_WITHIN_S) as http:
        yield Composed(http, kafka_servers)


def a_stack(folder: Path, kafka_servers: str, databases: Mapping[str, Database]) -> LocalStack:
    """Services and gateway as processes around servers that run already; `async with` runs them.

    databases: one for each service, by its name.
    """
    urls = {name: DatabaseUrls(runtime=each.runtime, owner=each.owner) for name, each in databases.items()}
    return LocalStack(
        Settings(
            gateway_port=0,
            kafka_port=0,
            postgres_port=0,
            state_dir=folder,
            kafka_bootstrap_servers=kafka_servers,
            databases=urls,
            trains_startup_cache=False,
        )
    )
