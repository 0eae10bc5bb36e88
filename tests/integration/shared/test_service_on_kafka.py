import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.errors import DeadlineExceeded, Refused
from shared.handlers import Context, Handlers, Reading
from shared.kafka import create_topics, dead_letter_topic
from shared.messaging import (
    GATEWAY_REPLIES,
    Answer,
    Command,
    Done,
    Envelope,
    Event,
    Query,
    Rejection,
    Request,
    Value,
    write_headers,
)
from shared.rpc import Asking, KafkaRpc
from tests.support.eventually import eventually
from tests.support.kafka import Published, a_topic, publish, publisher, records_of
from tests.support.postgres import Database
from tests.support.service import running

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

SERVICE = f"test-{uuid4().hex[:8]}"


class Said(Event):
    """Something was noted."""

    topic = a_topic("events")
    type = "note.said.v1"
    key = "book"

    book: str
    text: str


class NoteRejected(Rejection):
    """A note was refused and nobody had asked."""

    topic = Said.topic
    type = "note.command_rejected.v1"
    key = "book"

    book: str | None = None


class Note(Command[Done]):
    """Write a text into a book."""

    topic = a_topic("commands", groups=[SERVICE], rejection=NoteRejected)
    type = "note.write.v1"
    key = "book"

    book: str
    text: str


class Book(Value):
    """All that is in a book."""

    texts: list[str]


class Read(Query[Book]):
    """Read a book."""

    topic = a_topic("queries", groups=[f"{SERVICE}-queries"])
    type = "book.read.v1"
    key = "book"

    book: str


handlers = Handlers(SERVICE)


@handlers.on(Note)
async def write(note: Note, context: Context) -> Answer[Done]:
    """Write it down and say so."""
    if note.text == "refuse":
        raise Refused("not_wanted", "this text is not wanted")
    if note.text == "bug":
        raise RuntimeError("personal data of the body")
    insert = text("insert into notes (book, text) values (:book, :text)")
    await context.db.execute(insert, {"book": note.book, "text": note.text})
    context.emit(Said(book=note.book, text=note.text))
    return Answer(b"{}")


@handlers.on_batch(Read)
async def read(queries: Sequence[Read], context: Reading) -> list[Answer[Book]]:
    """Read the books."""
    found = await context.db.execute(text("select book, text from notes order by id"))
    books: dict[str, list[str]] = defaultdict(list)
    for row in found:
        books[row.book].append(row.text)
    return [Answer(json.dumps({"texts": books[query.book]}).encode()) for query in queries]


@pytest.fixture(autouse=True)
async def topics(kafka: str) -> None:
    await create_topics(kafka, [Note.topic, Said.topic, Read.topic, GATEWAY_REPLIES])


@pytest.fixture
async def notes(owner_engine: AsyncEngine) -> None:
    async with owner_engine.begin() as db:
        await db.execute(text("create table notes (id bigserial primary key, book text, text text)"))


def member(kafka: str, database: Database, replica: str = "0") -> AbstractAsyncContextManager[None]:
    return running(handlers, kafka, database, replica=replica, kafka_session_timeout_ms=3000)


@pytest.fixture
async def rpc(kafka: str) -> AsyncIterator[KafkaRpc]:
    rpc = KafkaRpc(kafka, "/test", GATEWAY_REPLIES)
    await rpc.start()
    yield rpc
    await rpc.stop()


@pytest.fixture
async def service(kafka: str, customers_database: Database, notes: None) -> AsyncIterator[None]:
    async with member(kafka, customers_database):
        yield


def asking(deadline_s: float = 20.0, message_id: str | None = None) -> Asking:
    return Asking(request_id="r-1", caller="tester", deadline_s=deadline_s, message_id=message_id)


async def send(kafka: str, request: Request[Done], **headers: str) -> str:
    message_id = uuid4().hex
    envelope = Envelope(id=message_id, source="/elsewhere", type=request.type)
    given = [*write_headers(envelope), *((name, value.encode()) for name, value in headers.items())]
    await publish(kafka, request.topic.name, request.record_key, request.to_json(), given)
    return message_id


def a_book() -> str:
    return f"book-{uuid4().hex}"


async def texts(rpc: KafkaRpc, book: str) -> list[str]:
    return (await rpc.ask(Read(book=book), asking())).texts


async def test_commands_of_one_key_are_carried_out_in_their_order_and_those_of_many_keys_all(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    books = [a_book() for _ in range(10)]

    async def fill(book: str) -> None:
        answers = [rpc.ask(Note(book=book, text=str(number)), asking()) for number in range(20)]
        await asyncio.gather(*answers)

    await asyncio.gather(*map(fill, books))
    for book in books:
        assert await texts(rpc, book) == [str(number) for number in range(20)]
        said = await eventually(partial(said_of, kafka, book), lambda found: len(found) == 20)
        assert [each.json["text"] for each in said] == [str(number) for number in range(20)]


async def said_of(kafka: str, book: str) -> list[Published]:
    return [record for record in await records_of(kafka, Said.topic.name) if record.key == book.encode()]


async def test_a_command_that_is_sent_again_has_one_effect_and_the_same_answer(
    rpc: KafkaRpc, service: None
) -> None:
    book, message_id = a_book(), uuid4().hex
    first = await rpc.relay(Note(book=book, text="once"), asking(message_id=message_id))
    again = await rpc.relay(Note(book=book, text="once"), asking(message_id=message_id))
    assert first.body == again.body
    assert (first.facts, again.facts) == ({}, {"replayed": "true"})
    assert await texts(rpc, book) == ["once"]


async def test_members_that_come_and_go_lose_nothing_and_do_nothing_twice(
    rpc: KafkaRpc, kafka: str, customers_database: Database, notes: None
) -> None:
    books = [a_book() for _ in range(12)]
    stop = asyncio.Event()
    written: dict[str, list[str]] = defaultdict(list)

    async def fill(book: str) -> None:
        while not stop.is_set():
            note = str(len(written[book]))
            await rpc.ask(Note(book=book, text=note), asking())
            written[book].append(note)

    async with AsyncExitStack() as members:
        await members.enter_async_context(member(kafka, customers_database, "a"))
        writers = [asyncio.create_task(fill(book)) for book in books]
        async with member(kafka, customers_database, "b"):
            reached = {book: len(written[book]) + 5 for book in books}
            await eventually(lambda: all(len(written[book]) >= reached[book] for book in books), within_s=60)
        reached = {book: len(written[book]) + 5 for book in books}
        await eventually(lambda: all(len(written[book]) >= reached[book] for book in books), within_s=60)
        stop.set()
        await asyncio.gather(*writers)
        for book in books:
            assert await texts(rpc, book) == written[book]


async def test_poison_becomes_a_dead_letter_and_the_next_message_of_the_partition_is_handled(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    book = a_book()
    hostile = [("ce_id", b"\xff"), ("x", b"")]
    await publish(kafka, Note.topic.name, book.encode(), b"{not json", hostile)
    await rpc.ask(Note(book=book, text="next"), asking())
    letters = await records_of(kafka, dead_letter_topic(Note.topic.name, SERVICE))
    (letter,) = [each for each in letters if each.key == book.encode()]
    assert letter.value == b"{not json"
    assert list(letter.headers[:2]) == hostile
    reasons = {name: value.decode() for name, value in letter.headers[2:]}
    assert reasons["dlq_error_class"] == "Poison"
    assert reasons["dlq_topic"] == Note.topic.name
    assert reasons["dlq_attempts"] == "1"


async def test_a_bug_in_a_handler_is_answered_and_becomes_a_dead_letter_without_values_of_the_body(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    book = a_book()
    with pytest.raises(Refused) as refused:
        await rpc.ask(Note(book=book, text="bug"), asking())
    assert refused.value.refusal.code == "internal_error"
    letters = await records_of(kafka, dead_letter_topic(Note.topic.name, SERVICE))
    (letter,) = [each for each in letters if each.key == book.encode()]
    assert letter.header["dlq_error_class"] == "RuntimeError"
    assert "personal" not in letter.header["dlq_error"]
    await rpc.ask(Note(book=book, text="next"), asking())
    assert await texts(rpc, book) == ["next"]


async def test_a_refusal_is_answered_where_asked_and_said_once_as_an_event_where_not(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    book = a_book()
    with pytest.raises(Refused, match="not_wanted"):
        await rpc.ask(Note(book=book, text="refuse"), asking())
    message_id = await send(kafka, Note(book=book, text="refuse"))
    (rejected,) = await eventually(lambda: said_of(kafka, book))
    assert rejected.header["ce_type"] == NoteRejected.type
    assert rejected.header["ce_causationid"] == message_id
    assert "ce_sequence" not in rejected.header
    expected = {"command": Note.type, "code": "not_wanted", "detail": "this text is not wanted", "book": book}
    assert rejected.json == expected


async def test_a_forged_reply_to_is_not_written_to_and_the_command_is_carried_out(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    book, forged = a_book(), a_topic("replies")
    await create_topics(kafka, [forged])
    await send(kafka, Note(book=book, text="mine"), reply_to=forged.name, ask_id="x")
    await send(kafka, Note(book=book, text="wide"), reply_to=GATEWAY_REPLIES.name, reply_partition="9999")
    await eventually(lambda: texts(rpc, book), lambda found: sorted(found) == ["mine", "wide"])
    assert await records_of(kafka, forged.name) == []


async def test_an_expired_command_is_dropped_and_an_unreadable_expiry_is_a_dead_letter(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    book = a_book()
    await send(kafka, Note(book=book, text="late"), ce_expirytime="2020-01-01T00:00:00Z")
    await send(kafka, Note(book=book, text="unreadable"), ce_expirytime="tomorrow")
    await rpc.ask(Note(book=book, text="in time"), asking())
    assert await texts(rpc, book) == ["in time"]
    letters = await records_of(kafka, dead_letter_topic(Note.topic.name, SERVICE))
    assert [b"unreadable" in (each.value or b"") for each in letters if each.key == book.encode()] == [True]


async def test_a_request_that_nobody_answers_ends_at_its_deadline(rpc: KafkaRpc) -> None:
    with pytest.raises(DeadlineExceeded):
        await rpc.ask(Note(book=a_book(), text="unheard"), asking(deadline_s=0.1))


async def test_answers_nobody_waits_for_and_unreadable_ones_are_passed_over(
    rpc: KafkaRpc, service: None, kafka: str
) -> None:
    book = a_book()
    partition = rpc._replies.partition
    async with publisher(kafka) as producer:
        for headers in ([("ask_id", b"\xff\xfe")], [("ask_id", b"unknown")], []):
            await producer.send_and_wait(GATEWAY_REPLIES.name, b"{", partition=partition, headers=headers)
    await rpc.ask(Note(book=book, text="fine"), asking())
    assert await texts(rpc, book) == ["fine"]
