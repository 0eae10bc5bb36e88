import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import structlog
from pydantic import field_validator
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared import batches, retries
from shared.consumer import Consumer
from shared.database import reading
from shared.handlers import Batch, Context, Handlers, Service
from shared.messaging import Event, State
from tests.support.builders import a_record
from tests.support.eventually import eventually
from tests.support.kafka import Published, a_topic
from tests.support.mailbox import Mailbox
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

EVENTS = a_topic("events")


@pytest.fixture(autouse=True)
def fresh_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that ran in this process before had them cached, and such a one cannot be listened to."""
    for module in (batches, retries):
        monkeypatch.setattr(module, "log", structlog.get_logger())


class Counted(Event):
    """Something was counted."""

    topic = EVENTS
    type = "sheep.counted.v1"
    key = "sheep_id"

    sheep_id: str

    @field_validator("sheep_id")
    @classmethod
    def _is_no_wolf(cls, sheep_id: str) -> str:
        if sheep_id == "wolf":
            raise LookupError("what pydantic takes for no error of the value")
        return sheep_id


class Shorn(Event):
    """Something was shorn; a handler of batches takes it together with what was counted."""

    topic = EVENTS
    type = "sheep.shorn.v1"
    key = "sheep_id"

    sheep_id: str


class Sold(Event):
    """Something was sold; handled by itself."""

    topic = EVENTS
    type = "sheep.sold.v1"
    key = "sheep_id"

    sheep_id: str


class Flock(State):
    """On another topic than sheep."""

    topic = a_topic("state")
    type = "flock.state.v1"
    key = "flock_id"

    flock_id: str


handlers = Handlers("farm")

INSERT = text("insert into sheep (id) select unnest(cast(:ids as text[])) on conflict do nothing")


@handlers.on_batch(Counted, Shorn)
async def remember(sheep: Sequence[Counted | Shorn], batch: Batch) -> None:
    """Write all of them down; the table takes no black one."""
    await batch.db.execute(INSERT, {"ids": [each.sheep_id for each in sheep]})


@handlers.on(Sold)
async def forget(sheep: Sold, context: Context) -> None:
    """Strike it out."""
    await context.db.execute(text("delete from sheep where id = :id"), {"id": sheep.sheep_id})


@pytest.fixture(autouse=True)
async def sheep(owner_engine: AsyncEngine) -> None:
    async with owner_engine.begin() as db:
        await db.execute(
            text("create table sheep (n bigserial, id text primary key check (id not like 'black%'))")
        )


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def consumer(engine: AsyncEngine, mailbox: Mailbox) -> Consumer:
    return Consumer(Service(handlers, engine), mailbox)


def records(*ids: str) -> list[Published]:
    return [a_record(Counted(sheep_id=sheep_id), offset=offset) for offset, sheep_id in enumerate(ids)]


async def known(engine: AsyncEngine) -> list[str]:
    async with reading(engine).connect() as db:
        return list(await db.scalars(text("select id from sheep order by n")))


async def test_a_batch_is_one_transaction_without_a_claim_and_one_line_in_the_log(
    consumer: Consumer, engine: AsyncEngine
) -> None:
    batch = [*records("a", "b"), a_record(Shorn(sheep_id="c"))]

    with sent_by(engine) as sent, structlog.testing.capture_logs() as logs:
        assert await consumer.handle_batch(batch)

    assert (sent.commits, len(sent.statements)) == (1, 1)
    assert await known(engine) == ["a", "b", "c"]
    (line,) = logs
    assert (line["event"], line["types"], line["records"]) == ("batch.handled", [Counted.type, Shorn.type], 3)


async def test_only_records_of_a_handler_of_batches_are_for_a_batch(consumer: Consumer) -> None:
    counted = a_record(Counted(sheep_id="a"))

    assert consumer.batch_handler(counted) is remember
    assert consumer.batch_handler(a_record(Shorn(sheep_id="a"))) is remember
    for other in (
        a_record(Sold(sheep_id="a")),
        replace(counted, value=None),
        replace(counted, topic="elsewhere"),
        replace(counted, headers=()),
    ):
        assert consumer.batch_handler(other) is None


async def test_a_record_that_comes_by_itself_is_a_batch_of_one(
    consumer: Consumer, engine: AsyncEngine
) -> None:
    assert await consumer.handle(*records("a"))

    assert await known(engine) == ["a"]


@pytest.mark.parametrize("value", [b"{", b'{"sheep_id":"wolf"}'])
async def test_poison_is_a_dead_letter_for_itself_and_the_rest_of_its_batch_goes_on(
    consumer: Consumer, engine: AsyncEngine, mailbox: Mailbox, value: bytes
) -> None:
    batch = records("a", "b", "c")
    batch[1] = replace(batch[1], value=value)

    with sent_by(engine) as sent:
        assert await consumer.handle_batch(batch)

    assert sent.commits == 1
    assert await known(engine) == ["a", "c"]
    (letter,) = mailbox.letters
    assert (letter.value, dict(letter.headers)["dlq_offset"]) == (value, b"1")


@pytest.mark.parametrize("failing", [{0}, {7}, {2, 3}, set(range(8))])
async def test_the_records_that_fail_alone_are_dead_letters_and_all_others_are_applied_in_their_order(
    consumer: Consumer, engine: AsyncEngine, mailbox: Mailbox, failing: set[int]
) -> None:
    ids = [f"black-{number}" if number in failing else f"white-{number}" for number in range(8)]

    assert await consumer.handle_batch(records(*ids))

    assert await known(engine) == [each for each in ids if each.startswith("white")]
    letters = [dict(letter.headers) for letter in mailbox.letters]
    assert [int(each["dlq_offset"]) for each in letters] == sorted(failing)
    assert {each["dlq_error_class"] for each in letters} == {b"IntegrityError"}
    assert not any(b"black" in each["dlq_error"] for each in letters)


async def test_a_batch_that_waits_for_a_lock_goes_on_once_it_is_free(
    engine: AsyncEngine, mailbox: Mailbox
) -> None:
    handled = await held_up(engine, mailbox)

    assert handled is True
    assert await known(engine) == ["a", "b"]
    assert mailbox.letters == []


async def test_a_batch_that_waits_for_the_database_is_let_go_and_comes_again(
    engine: AsyncEngine, mailbox: Mailbox
) -> None:
    handled = await held_up(engine, mailbox, is_let_go=True)

    assert handled is False
    assert await known(engine) == []
    assert mailbox.letters == []


async def held_up(engine: AsyncEngine, mailbox: Mailbox, is_let_go: bool = False) -> bool:
    """What becomes of a batch whose table is locked until it has given up at least once."""
    patience = {"server_settings": {"lock_timeout": "20"}}
    impatient = create_async_engine(engine.url, connect_args=patience)
    consumer = Consumer(Service(handlers, impatient), mailbox)
    async with engine.begin() as db:
        await db.execute(text("lock table sheep"))
        with structlog.testing.capture_logs() as logs:
            handling = asyncio.create_task(consumer.handle_batch(records("a", "b")))
            await eventually(lambda: any(line["event"] == "database.away" for line in logs))
            if is_let_go:
                with consumer.let_go():
                    await handling
    handled = await handling
    await impatient.dispose()
    return handled


def test_a_batch_is_of_one_topic() -> None:
    with pytest.raises(ValueError, match="one topic"):
        Handlers("other").on_batch(Counted, Flock)
