from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.customers.handlers import handlers
from shared.consumer import Consumer
from shared.database import reading
from shared.queries import Queries
from tests.support.mailbox import Mailbox

Counted = Callable[[], Awaitable[dict[str, int]]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def consumer(engine: AsyncEngine, mailbox: Mailbox) -> Consumer:
    return Consumer(handlers, engine, mailbox)


@pytest.fixture
async def queries(engine: AsyncEngine, mailbox: Mailbox) -> AsyncIterator[Queries]:
    queries = Queries(handlers, engine, mailbox)
    yield queries
    await queries.finish()


@pytest.fixture
def rows(engine: AsyncEngine) -> Counted:
    """How many rows each table has."""

    async def count() -> dict[str, int]:
        async with reading(engine).connect() as db:
            tables = ("customers", "contacts", "inbox", "outbox")
            return {
                table: (await db.execute(text(f"select count(*) from {table}"))).scalar_one()
                for table in tables
            }

    return count


@pytest.fixture
def outbox(engine: AsyncEngine) -> Callable[[], Awaitable[list[Any]]]:
    """The rows of the outbox, in their order."""

    async def read() -> list[Any]:
        async with reading(engine).connect() as db:
            return list(await db.execute(text("select * from outbox order by id")))

    return read
