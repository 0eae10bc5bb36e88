import os
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import new_engine
from tests.support import servers
from tests.support.postgres import Database, fresh_database

LONG_TIMEOUT = pytest.mark.timeout(180)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        long = any(item.get_closest_marker(name) for name in ("slow", "kafka", "composed"))
        if long and not item.get_closest_marker("timeout"):
            item.add_marker(LONG_TIMEOUT)


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
async def engine(customers_database: Database) -> AsyncIterator[AsyncEngine]:
    engine = new_engine(customers_database.runtime, pool_size=10, application_name="test")
    yield engine
    await engine.dispose()


def _or_missing(address: Callable[[], str]) -> str:
    try:
        return address()
    except servers.Missing as missing:
        _missing(str(missing))


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
