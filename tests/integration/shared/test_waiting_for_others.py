import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.database import reading
from shared.errors import DeadlineExceeded, Refusal, Refused
from shared.handlers import Context, Handlers, Later, Reading, Service, Tick
from shared.messaging import (
    Answer,
    Command,
    Done,
    Event,
    Query,
    Rejection,
    SetAside,
    State,
    Tombstone,
)
from shared.owners import Owners
from shared.queries import Queries
from shared.rpc import Asking
from shared.timers import Timers
from tests.support.builders import a_record, an_asking_envelope, an_envelope
from tests.support.eventually import eventually
from tests.support.kafka import a_topic
from tests.support.mailbox import Mailbox

pytestmark = pytest.mark.integration

EVENTS = a_topic("events")
READERS = a_topic("state")


class LendingRejected(Rejection):
    """A loan was refused."""

    topic = EVENTS
    type = "loan.command_rejected.v1"
    key = "reader_id"

    reader_id: str | None = None


COMMANDS = a_topic("commands", rejection=LendingRejected)


class Lent(Event):
    """A book was lent."""

    topic = EVENTS
    type = "loan.made.v1"
    key = "reader_id"

    reader_id: str
    book: str


class Reader(State):
    """Somebody who may borrow."""

    topic = READERS
    type = "reader.state.v1"
    key = "reader_id"

    reader_id: str


class GetReader(Query[Reader]):
    """Ask whoever knows readers."""

    topic = a_topic("queries")
    type = "reader.get.v1"
    key = "reader_id"

    reader_id: str


class Lend(Command[Done]):
    """Lend a book."""

    topic = COMMANDS
    type = "loan.make.v1"
    key = "reader_id"

    reader_id: str
    book: str = "Emma"


class Prolong(Command[Done]):
    """Prolong a loan, which may not have been made yet."""

    topic = COMMANDS
    type = "loan.prolong.v1"
    key = "reader_id"

    reader_id: str


class CountLoans(Query[Done]):
    """Ask for loans behind the commands before."""

    topic = COMMANDS
    type = "loan.count.v1"
    key = "reader_id"

    reader_id: str


class FindReader(Query[Done]):
    """Ask whether somebody may borrow."""

    topic = a_topic("queries")
    type = "reader.find.v1"
    key = "reader_id"

    reader_id: str


handlers = Handlers("library")


async def is_known(context: Context | Reading, reader_id: str) -> bool:
    found = await context.db.execute(text("select 1 from readers where reader_id = :id"), {"id": reader_id})
    return found.first() is not None


@handlers.on(Reader)
async def remember_reader(reader: Reader, context: Context) -> None:
    """Know who may borrow."""
    statement = "insert into readers values (:id, :version) on conflict (reader_id) do nothing"
    await context.db.execute(text(statement), {"id": reader.reader_id, "version": reader.version})


@handlers.on_tombstone(Reader)
async def forget_reader(gone: Tombstone, context: Context) -> None:
    """Know no more."""
    statement = "delete from readers where reader_id = :id and version <= :version"
    await context.db.execute(text(statement), {"id": gone.entity_id, "version": gone.version})


@handlers.on(Lend)
async def lend(command: Lend, context: Context) -> Answer[Done]:
    """Lend it to those who are known."""
    await context.db.execute(text("insert into loans values (:id)"), {"id": command.reader_id})
    if not await is_known(context, command.reader_id):
        context.ask(GetReader(reader_id=command.reader_id))
        raise Refused("unknown_reader", "nobody knows them")
    context.emit(Lent(reader_id=command.reader_id, book=command.book))
    waiting = await context.db.execute(text("delete from waiting returning record"))
    context.resend(set_aside(row.record) for row in waiting)
    return Answer(b"{}")


@handlers.on(Prolong)
async def prolong(command: Prolong, context: Context) -> Answer[Done] | Later:
    """Prolong it, as soon as there is one."""
    found = await context.db.execute(
        text("select 1 from loans where reader_id = :id"), {"id": command.reader_id}
    )
    if found.first() is not None:
        return Answer(b"{}")
    await context.db.execute(
        text("insert into waiting values (:record)"), {"record": kept(context.as_it_came())}
    )
    return Later()


@handlers.on(CountLoans)
async def count_loans(query: CountLoans, context: Reading) -> Answer[Done]:
    """Count them."""
    found = await context.db.execute(
        text("select count(*) from loans where reader_id = :id"), {"id": query.reader_id}
    )
    return Answer(str(found.scalar_one()).encode())


@handlers.on(FindReader)
async def find_reader(query: FindReader, context: Reading) -> Answer[Done]:
    """Say so, or that there is none."""
    if not await is_known(context, query.reader_id):
        context.ask(GetReader(reader_id=query.reader_id))
        raise Refused("unknown_reader", "nobody knows them")
    return Answer(b"{}")


@handlers.every(60)
async def give_up(tick: Tick) -> bool:
    """Refuse what has waited for a minute."""
    rows = (await tick.db.execute(text("delete from waiting returning record"))).all()
    for row in rows:
        await tick.refuse(set_aside(row.record), Refusal(code="no_loan", detail="none was made"))
    return False


def kept(record: SetAside) -> str:
    members = {
        "topic": record.topic,
        "key": (record.key or b"").decode(),
        "value": record.value.decode(),
        "headers": [(name, value.decode()) for name, value in record.headers],
        "since": record.since.isoformat(),
    }
    return json.dumps(members)


def set_aside(text_of_it: str) -> SetAside:
    members = json.loads(text_of_it)
    return SetAside(
        topic=members["topic"],
        key=members["key"].encode(),
        value=members["value"].encode(),
        headers=[(name, value.encode()) for name, value in members["headers"]],
        since=datetime.fromisoformat(members["since"]),
    )


class Readers:
    """The owner of readers, as `Rpc`: away for its first `away` answers, and then it knows `known`."""

    def __init__(self, *known: str, away: int = 0) -> None:
        self.known = set(known)
        self.asked = 0
        self._away = away

    async def ask(self, request: object, asking: Asking) -> object:
        raise NotImplementedError

    async def hand_over(self, request: object, asking: Asking) -> None:
        raise NotImplementedError

    async def relay(self, request: GetReader, asking: Asking) -> Answer[Reader]:
        self.asked += 1
        if self.asked <= self._away:
            raise DeadlineExceeded(request.type)
        if request.reader_id not in self.known:
            raise Refused("reader_not_found", "no such reader")
        return Answer(Reader(reader_id=request.reader_id, version=3).to_json())

    def faults(self) -> list[str]:
        return []


@pytest.fixture
async def library(engine: AsyncEngine, owner_engine: AsyncEngine) -> Service:
    async with owner_engine.begin() as db:
        await db.execute(text("create table readers (reader_id text primary key, version int)"))
        await db.execute(text("create table loans (reader_id text)"))
        await db.execute(text("create table waiting (record text)"))
    return Service(handlers, engine)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def a_consumer(library: Service, mailbox: Mailbox, readers: Readers) -> Consumer:
    owners = Owners(library, readers, mailbox.wake_relay)  # type: ignore[arg-type]  # of one kind of query
    return Consumer(library, mailbox, owners)


async def rows(engine: AsyncEngine, statement: str) -> list[tuple[object, ...]]:
    async with reading(engine).connect() as db:
        return [tuple(row) for row in await db.execute(text(statement))]


async def said(engine: AsyncEngine) -> list[dict[str, str]]:
    """Headers of what is in the outbox."""
    return [
        json.loads(str(headers))
        for (headers,) in await rows(engine, "select headers from outbox order by id")
    ]


async def test_what_is_missing_is_asked_of_its_owner_and_the_message_handled_again(
    library: Service, mailbox: Mailbox
) -> None:
    command = Lend(reader_id="r-1")
    envelope = an_asking_envelope(command)

    assert await a_consumer(library, mailbox, Readers("r-1")).handle(a_record(command, envelope))

    assert mailbox.answer_to(envelope).facts == {}
    assert await rows(library.engine, "select * from readers") == [("r-1", 3)]
    assert await rows(library.engine, "select * from loans") == [("r-1",)]
    assert [headers["ce_type"] for headers in await said(library.engine)] == ["loan.made.v1"]


async def test_only_the_owner_says_that_there_is_none(library: Service, mailbox: Mailbox) -> None:
    command = Lend(reader_id="r-1")
    envelope = an_asking_envelope(command)
    readers = Readers(away=2)

    await a_consumer(library, mailbox, readers).handle(a_record(command, envelope))

    assert readers.asked == 3
    assert mailbox.answer_to(envelope).facts == {"refusal": "unknown_reader"}
    assert mailbox.letters == []
    assert await rows(library.engine, "select * from loans") == []


async def test_that_there_was_none_is_not_remembered(library: Service, mailbox: Mailbox) -> None:
    readers = Readers()
    consumer = a_consumer(library, mailbox, readers)
    command = Lend(reader_id="r-1")
    await consumer.handle(a_record(command, an_asking_envelope(command)))

    readers.known.add("r-1")
    again = an_asking_envelope(command)
    await consumer.handle(a_record(command, again))

    assert mailbox.answer_to(again).facts == {}


async def test_while_the_owner_is_away_others_are_handled_and_the_message_can_be_let_go(
    library: Service, mailbox: Mailbox
) -> None:
    readers = Readers("r-2", away=1_000_000)
    owners = Owners(library, readers, mailbox.wake_relay)  # type: ignore[arg-type]  # of one kind of query
    consumer = Consumer(library, mailbox, owners, transactions=1)
    unknown, known = Lend(reader_id="r-1"), Lend(reader_id="r-2")
    waiting = asyncio.create_task(consumer.handle(a_record(unknown)))
    await eventually(lambda: readers.asked > 0)

    reader = Reader(reader_id="r-2", version=1)
    await consumer.handle(a_record(reader))
    assert await consumer.handle(a_record(known))
    with consumer.let_go():
        assert await waiting is False

    assert await rows(library.engine, "select * from loans") == [("r-2",)]
    assert mailbox.letters == []


async def test_a_query_waits_for_the_owner_too(library: Service, mailbox: Mailbox) -> None:
    owners = Owners(library, Readers("r-1", away=1), mailbox.wake_relay)  # type: ignore[arg-type]  # as above
    queries = Queries(library, mailbox, owners)
    asked = {reader: FindReader(reader_id=reader) for reader in ("r-1", "r-2")}
    envelopes = {reader: an_asking_envelope(query) for reader, query in asked.items()}

    await queries.take([a_record(query, envelopes[reader]) for reader, query in asked.items()])
    await queries.finish()

    assert mailbox.answer_to(envelopes["r-1"]).facts == {}
    assert mailbox.answer_to(envelopes["r-2"]).facts == {"refusal": "unknown_reader"}


async def test_a_message_that_is_set_aside_leaves_its_id_free_and_has_no_answer(
    library: Service, mailbox: Mailbox
) -> None:
    consumer = a_consumer(library, mailbox, Readers("r-1"))
    command = Prolong(reader_id="r-1")
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    assert mailbox.answers == []
    assert await rows(library.engine, "select count(*) from inbox") == [(0,)]
    assert await rows(library.engine, "select count(*) from waiting") == [(1,)]


async def test_what_was_set_aside_is_published_as_it_came_and_does_not_expire(
    library: Service, mailbox: Mailbox
) -> None:
    consumer = a_consumer(library, mailbox, Readers("r-1"))
    command = Prolong(reader_id="r-1")
    envelope = an_asking_envelope(command)
    record = a_record(command, envelope)
    await consumer.handle(record)

    lend = Lend(reader_id="r-1")
    await consumer.handle(a_record(lend))

    ((topic, key, value, headers),) = await rows(
        library.engine, f"select topic, key, value, headers from outbox where topic = '{COMMANDS.name}'"
    )
    assert (topic, key, value) == (record.topic, record.key, record.value)
    came = {name: value.decode() for name, value in record.headers}
    since = json.loads(str(headers)).pop("waiting_since")
    assert json.loads(str(headers)) == {**came, "waiting_since": since}
    late = envelope._replace(
        expires_at=datetime.now(UTC) - timedelta(hours=1), waiting_since=datetime.fromisoformat(since)
    )
    await consumer.handle(a_record(command, late))
    assert mailbox.answer_to(late).facts == {}


async def test_how_long_it_waits_is_not_for_its_sender_to_say(library: Service, mailbox: Mailbox) -> None:
    consumer = a_consumer(library, mailbox, Readers())
    command = Prolong(reader_id="r-1")
    ahead = datetime.now(UTC) + timedelta(days=365)

    await consumer.handle(a_record(command, an_envelope(command, waiting_since=ahead)))

    ((record,),) = await rows(library.engine, "select record from waiting")
    assert set_aside(str(record)).since <= datetime.now(UTC)


async def test_headers_that_nobody_could_write_are_not_kept(library: Service, mailbox: Mailbox) -> None:
    consumer = a_consumer(library, mailbox, Readers("r-1"))
    record = a_record(Prolong(reader_id="r-1"))
    foreign = replace(record, headers=[*record.headers, ("x-\udcff", b"1"), ("x-theirs", b"2")])

    await consumer.handle(foreign)
    await consumer.handle(a_record(Lend(reader_id="r-1")))

    (resent,) = [each for each in await said(library.engine) if "waiting_since" in each]
    assert resent["x-theirs"] == "2"
    assert resent.keys() == {name for name, _ in record.headers} | {"x-theirs", "waiting_since"}


async def test_what_could_not_be_sent_once_more_is_not_set_aside(library: Service, mailbox: Mailbox) -> None:
    consumer = a_consumer(library, mailbox, Readers("r-1"))
    record = a_record(Prolong(reader_id="r-1"))
    value = (record.value or b"")[:-1] + b',"x":"' + b"x" * 1_047_500 + b'"}'

    await consumer.handle(replace(record, value=value))

    assert await rows(library.engine, "select count(*) from waiting") == [(0,)]
    (letter,) = mailbox.letters
    assert dict(letter.headers)["dlq_error_class"] == b"TooLarge"


async def test_what_waits_in_vain_is_refused_by_an_event_and_its_id_is_taken(
    library: Service, mailbox: Mailbox
) -> None:
    consumer = a_consumer(library, mailbox, Readers())
    command = Prolong(reader_id="r-1")
    envelope = an_asking_envelope(command)
    await consumer.handle(a_record(command, envelope))

    await passed(library)

    (headers,) = await said(library.engine)
    assert headers["ce_type"] == "loan.command_rejected.v1"
    assert (headers["ce_correlationid"], headers["ce_causationid"]) == (envelope.conversation, envelope.id)
    again = envelope._replace(ask_id="again")
    await consumer.handle(a_record(command, again))
    assert mailbox.answer_to(again).facts == {"refusal": "no_loan", "replayed": "true"}


async def test_what_was_handled_meanwhile_is_not_refused_as_well(library: Service, mailbox: Mailbox) -> None:
    consumer = a_consumer(library, mailbox, Readers("r-1"))
    command, lend = Prolong(reader_id="r-1"), Lend(reader_id="r-1")
    envelope = an_envelope(command)
    await consumer.handle(a_record(command, envelope))
    ((record,),) = await rows(library.engine, "select record from waiting")
    await consumer.handle(a_record(lend))
    await consumer.handle(a_record(command, envelope))
    async with library.engine.begin() as db:
        await db.execute(text("insert into waiting values (:record)"), {"record": record})

    await passed(library)

    types = [headers["ce_type"] for headers in await said(library.engine)]
    assert "loan.command_rejected.v1" not in types


async def test_a_handler_of_time_runs_in_one_process_at_a_time(engine: AsyncEngine) -> None:
    running, entered, leave = 0, asyncio.Event(), asyncio.Event()
    slow = Handlers("library")

    @slow.every(60)
    async def once(tick: Tick) -> bool:
        nonlocal running
        running += 1
        entered.set()
        await leave.wait()
        return False

    first = asyncio.create_task(passed(Service(slow, engine)))
    await entered.wait()
    await passed(Service(slow, engine))
    leave.set()
    await first

    assert running == 1


async def test_a_handler_of_time_runs_on_while_there_is_more_and_only_once_all_is_read(
    engine: AsyncEngine,
) -> None:
    runs = 0
    timed = Handlers("library")

    @timed.every(60, having_read=[EVENTS])
    async def thrice(tick: Tick) -> bool:
        nonlocal runs
        runs += 1
        return runs < 3

    await passed(Service(timed, engine), has_read=False)
    assert runs == 0
    await passed(Service(timed, engine))
    assert runs == 3


async def passed(service: Service, has_read: bool = True) -> None:
    """A run of everything that runs as time passes."""

    async def read(topics: object) -> bool:
        return has_read

    timers = Timers(service, read, lambda: None)
    for timed in service.handlers.timed:
        await timers.run_all_due(timed, datetime.now(UTC))


async def test_a_query_among_commands_is_answered_and_leaves_nothing(
    library: Service, mailbox: Mailbox
) -> None:
    consumer = a_consumer(library, mailbox, Readers("r-1"))
    lend, query = Lend(reader_id="r-1"), CountLoans(reader_id="r-1")
    await consumer.handle(a_record(lend))
    envelope = an_asking_envelope(query)

    await consumer.handle(a_record(query, envelope))
    await consumer.handle(a_record(query))

    assert mailbox.answer_to(envelope).body == b"1"
    assert await rows(library.engine, "select count(*) from inbox") == [(1,)]
    assert mailbox.letters == []


async def test_that_an_entity_is_no_more_is_told_with_its_last_version(
    library: Service, mailbox: Mailbox
) -> None:
    consumer = a_consumer(library, mailbox, Readers())
    reader = Reader(reader_id="r-1", version=4)
    await consumer.handle(a_record(reader))
    gone = replace(a_record(reader), value=None)

    for sequence, left in ((3, 1), (4, 0)):
        envelope = an_envelope(reader, sequence=sequence, id=uuid4().hex)
        await consumer.handle(replace(gone, headers=a_record(reader, envelope).headers))
        assert await rows(library.engine, "select count(*) from readers") == [(left,)]

    assert mailbox.letters == []
