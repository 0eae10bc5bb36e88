import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

import pytest
import structlog
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import new_engine
from tests.support import servers, system
from tests.support.postgres import Database, fresh_database
from tests.support.system import ApplicationUnderTest, Composed, InProcess

collect_ignore = [] if os.environ.get("TEST_COMPOSE") else ["compose"]  # `make test-compose` runs them

LONG_TIMEOUT = pytest.mark.timeout(180)  # of the first of them, which may have to await the servers' start


def pytest_configure() -> None:
    servers.begin_run()
    settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing of a rule
    settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, kind in servers.in_use().items():
        terminalreporter.write_line(f"{name}: {kind}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_long = any(item.get_closest_marker(name) for name in ("slow", "kafka", "composed"))
        is_long = is_long or "postgres_url" in getattr(item, "fixturenames", ())
        if is_long and not item.get_closest_marker("timeout"):
            item.add_marker(LONG_TIMEOUT)


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    # Before each test: a service started by the one before has set up the logs of the process, and a logger
    # that is cached meanwhile can no longer be listened to. The library's default draws every local variable
    # of every frame of an exception, which takes half a second.
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )


@pytest.fixture(scope="session")
def postgres_url() -> str:
    return _or_missing(servers.postgres_url)


@pytest.fixture(scope="session")
def kafka() -> str:
    return _or_missing(servers.kafka_bootstrap_servers)


@pytest.fixture
async def customers_database(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "customers") as database:
        yield database


@pytest.fixture
async def orders_database(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "orders") as database:
        yield database


@pytest.fixture
async def credit_database(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "credit") as database:
        yield database


@pytest.fixture
async def engine(customers_database: Database) -> AsyncIterator[AsyncEngine]:
    async with _engine(customers_database.runtime) as engine:
        yield engine


@pytest.fixture
async def orders_engine(orders_database: Database) -> AsyncIterator[AsyncEngine]:
    async with _engine(orders_database.runtime) as engine:
        yield engine


@pytest.fixture
async def credit_engine(credit_database: Database) -> AsyncIterator[AsyncEngine]:
    async with _engine(credit_database.runtime) as engine:
        yield engine


@pytest.fixture
async def owner_engine(customers_database: Database) -> AsyncIterator[AsyncEngine]:
    async with _engine(customers_database.owner) as engine:
        yield engine


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = new_engine(url, pool_size=10, application_name="test")
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def gateway_url() -> str:
    return _or_missing(servers.gateway_url)


@pytest.fixture(scope="session")
def shared_databases(postgres_url: str) -> Iterator[dict[str, Database]]:
    # of orders and credit, for the system in process: each test has customers of its own there
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        stack = AsyncExitStack()
        yield {
            name: runner.run(stack.enter_async_context(fresh_database(postgres_url, name)))
            for name in ("orders", "credit")
        }
        runner.run(stack.aclose())


@pytest.fixture
async def in_process(engine: AsyncEngine, shared_databases: dict[str, Database]) -> AsyncIterator[InProcess]:
    async with AsyncExitStack() as stack:
        engines = {
            name: await stack.enter_async_context(_engine(database.runtime))
            for name, database in shared_databases.items()
        }
        yield await stack.enter_async_context(system.in_process({"customers": engine, **engines}))


@pytest.fixture
async def composed(gateway_url: str, kafka: str) -> AsyncIterator[Composed]:
    async with system.composed(gateway_url, kafka) as app:
        yield app


@pytest.fixture(
    params=[
        pytest.param("in_process", marks=pytest.mark.integration),
        pytest.param("composed", marks=pytest.mark.composed),
    ]
)
def app(request: pytest.FixtureRequest) -> ApplicationUnderTest:
    chosen: ApplicationUnderTest = request.getfixturevalue(request.param)
    return chosen


def _or_missing(address: Callable[[], str]) -> str:
    try:
        return address()
    except servers.Missing as missing:
        _missing(str(missing))


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
