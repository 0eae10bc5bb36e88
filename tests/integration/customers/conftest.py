import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.customers.handlers import handlers
from shared.consumer import Consumer
from shared.database import reading
from shared.handlers import Service
from shared.messaging import Answer, Command, Query
from shared.queries import Queries
from tests.support.builders import a_record, an_asking_envelope
from tests.support.mailbox import Mailbox

Counted = Callable[[], Awaitable[dict[str, int]]]
Told = Callable[..., Awaitable[Answer[Any]]]
Said = Callable[[str], Awaitable[list[tuple[str, int]]]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def consumer(engine: AsyncEngine, mailbox: Mailbox) -> Consumer:
    return Consumer(Service(handlers, engine), mailbox)


@pytest.fixture
async def queries(engine: AsyncEngine, mailbox: Mailbox) -> AsyncIterator[Queries]:
    queries = Queries(Service(handlers, engine), mailbox)
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


@pytest.fixture
def tell(consumer: Consumer, mailbox: Mailbox) -> Told:
    """The answer to a command, which is asked for; changes are the envelope's."""

    async def handle(command: Command[Any], **changes: object) -> Answer[Any]:
        envelope = an_asking_envelope(command, **changes)
        await consumer.handle(a_record(command, envelope))
        return mailbox.answer_to(envelope)

    return handle


@pytest.fixture
def ask(queries: Queries, mailbox: Mailbox) -> Callable[[Query[Any]], Awaitable[Answer[Any]]]:
    """The answer to a query."""

    async def handle(query: Query[Any]) -> Answer[Any]:
        envelope = an_asking_envelope(query)
        await queries.take([a_record(query, envelope)])
        await queries.finish()
        return mailbox.answer_to(envelope)

    return handle


@pytest.fixture
def said(outbox: Callable[[], Awaitable[list[Any]]]) -> Said:
    """What was said of a customer after it was created: types and versions, in their order."""

    async def read(customer_id: str) -> list[tuple[str, int]]:
        headers = [json.loads(row.headers) for row in await outbox() if row.key == customer_id.encode()]
        return [(each["ce_type"], int(each["ce_sequence"])) for each in headers][2:]

    return read
