import asyncio
import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka.partitioner import murmur2

from ops.bus import NoBus
from ops.kafka import KafkaServer
from ops.outcomes import Outcomes
from ops.ports import free_port
from ops.send import UNANSWERED_MAX, Lost, Sending, send_lines
from ops.servers import supervised
from ops.state import StateFolder
from shared.contracts import TOPICS
from shared.contracts.customers.requests import ImportCustomer, imported_id
from shared.kafka import PARTITIONS, create_topics
from shared.messaging import SERVICES_REPLIES, Answer, Command, Done, read_headers
from tests.support.builders import a_customer_body, a_customer_id
from tests.support.command_line import customers_api
from tests.support.eventually import eventually
from tests.support.kafka import Published, a_topic, records_of
from tests.support.responder import responder

pytestmark = [pytest.mark.kafka]

LINE_TYPE = ImportCustomer.type


class Note(Command[Done]):
    """Write a text into a book."""

    topic = a_topic("commands")
    type = "note.write.v1"
    key = "book"

    book: str
    text: str


@pytest.fixture
async def broker(kafka: str) -> str:
    await create_topics(kafka, [*TOPICS.values(), Note.topic])
    return kafka


def json_lines(bodies: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(body).encode() + b"\n" for body in bodies)


def a_note(book: str, text: str = "text") -> dict[str, str]:
    return {"book": book, "text": text}


def an_import(**changes: object) -> dict[str, object]:
    own = {"external_ref": f"ERP-{uuid4().hex}", "customer_since": "2019-05-01T00:00:00Z"}
    return a_customer_body(**{**own, **changes})


async def sent(broker: str, given: bytes, timeout_s: float | None = None) -> Outcomes:
    outcomes = Outcomes(is_answered=timeout_s is not None)
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        await send_lines(broker, Sending(Note, "/erp", file.fileno(), timeout_s), outcomes)
    return outcomes


async def notes_in(broker: str, *books: str) -> list[Published]:
    return [record for record in await records_of(broker, Note.topic.name) if record.json["book"] in books]


async def imports_of(broker: str, *bodies: dict[str, object]) -> list[Published]:
    # by their bytes: other tests put on this topic what is no JSON
    references = [str(body["external_ref"]).encode() for body in bodies]
    found = await records_of(broker, ImportCustomer.topic.name)
    return [record for record in found if any(each in (record.value or b"") for each in references)]


async def test_a_line_is_on_the_topic_of_its_type_as_another_system_would_put_it_there(broker: str) -> None:
    body = an_import(customer_id=a_customer_id(), credit_limit="5000.00")

    ended = await customers_api(
        "send", LINE_TYPE, "--source", "/erp", given=json_lines([body]), KAFKA_BOOTSTRAP_SERVERS=broker
    )

    assert (ended.code, ended.errors) == (0, "")
    assert ended.output.startswith("1 sent; ")
    (record,) = await imports_of(broker, body)
    assert record.value == json_lines([body]).strip()
    assert record.key == str(body["customer_id"]).encode()
    envelope = read_headers(record.headers)
    assert (envelope.source, envelope.type) == ("/erp", LINE_TYPE)
    assert UUID(envelope.id).version == 7
    assert envelope.time is not None
    assert (envelope.reply_to, envelope.expires_at) == (None, None)
    assert record.header["content-type"] == "application/json"


async def test_an_import_that_names_no_id_is_under_the_one_that_will_be_derived(broker: str) -> None:
    body = an_import()

    await customers_api("send", LINE_TYPE, "-", given=json_lines([body]), KAFKA_BOOTSTRAP_SERVERS=broker)

    (record,) = await imports_of(broker, body)
    assert record.key == imported_id("/customers-api/send", str(body["external_ref"])).encode()


async def test_lines_are_partitioned_by_murmur2_of_their_key(broker: str) -> None:
    books = [uuid4().hex for _ in range(50)]

    await sent(broker, json_lines(map(a_note, books)))

    records = await notes_in(broker, *books)
    assert Counter(record.key for record in records) == Counter(book.encode() for book in books)
    for record in records:
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS


async def test_wrong_lines_are_named_and_not_sent_and_the_others_are(broker: str, tmp_path: Path) -> None:
    good, also_good = an_import(), an_import()
    wrong = an_import(email="secret at home")
    file = tmp_path / "customers.jsonl"
    file.write_bytes(json_lines([good, wrong]) + b"\n{nothing\n" + json_lines([also_good]))

    ended = await customers_api("send", LINE_TYPE, str(file), KAFKA_BOOTSTRAP_SERVERS=broker)

    assert ended.code == 1
    assert ended.errors.splitlines() == [
        "line 2: invalid_body: email: invalid_email",
        "line 4: invalid_body: (body): json_invalid",
    ]
    assert ended.output.startswith("2 sent, 2 wrong; ")
    assert len(await imports_of(broker, good, wrong, also_good)) == 2


async def test_of_many_lines_each_arrives_once_under_an_id_of_its_own_and_in_the_order_of_its_key(
    broker: str,
) -> None:
    books = [uuid4().hex for _ in range(5)]
    notes = [a_note(books[number % 5], str(number)) for number in range(20_000)]

    outcomes = await sent(broker, json_lines(notes))

    assert (outcomes.done, outcomes.failed) == (20_000, 0)
    records = await notes_in(broker, *books)
    assert len({record.header["ce_id"] for record in records}) == 20_000
    for place, book in enumerate(books):
        texts = [record.json["text"] for record in records if record.json["book"] == book]
        assert texts == [str(number) for number in range(place, 20_000, 5)]


async def test_an_empty_input_is_sent_at_once(broker: str) -> None:
    ended = await customers_api("send", LINE_TYPE, given=b"\n", KAFKA_BOOTSTRAP_SERVERS=broker)

    assert (ended.code, ended.errors) == (0, "")
    assert ended.output.startswith("0 sent; ")


async def by_text(record: Published) -> Answer[Any] | None:
    match record.json["text"]:
        case "refuse":
            return Answer(b'{"code": "not_wanted", "detail": "no such texts"}', {"refusal": "not_wanted"})
        case "ignore":
            return None
        case _:
            return Answer(b"{}")


async def test_outcomes_are_told_by_line_where_answers_are_awaited(broker: str) -> None:
    texts = ["fine", "refuse", "ignore", "fine", "refuse"]
    given = json_lines(a_note(uuid4().hex, text) for text in texts) + b"{}\n"

    async with responder(broker, Note.topic.name, by_text):
        outcomes = await sent(broker, given, timeout_s=3.0)

    assert (outcomes.done, outcomes.refused, outcomes.unanswered, outcomes.wrong) == (
        2,
        {"not_wanted": 2},
        1,
        1,
    )
    assert outcomes.complaint_lines() == [
        "line 2: not_wanted: no such texts",
        "line 3: no answer in time",
        "line 5: not_wanted: no such texts",
        "line 6: invalid_body: book: missing; text: missing",
    ]


async def test_a_command_that_is_awaited_names_its_sender_and_when_it_is_not_to_be_done_any_more(
    broker: str,
) -> None:
    async with responder(broker, Note.topic.name, by_text) as asked:
        await sent(broker, json_lines([a_note("awaited")]), timeout_s=30.0)

        (envelope,) = [read_headers(each.headers) for each in asked if each.key == b"awaited"]

    assert (envelope.source, envelope.caller) == ("/erp", "/erp")
    assert envelope.reply_to == SERVICES_REPLIES.name
    assert envelope.expires_at is not None


async def test_only_so_many_answers_are_awaited_at_once(broker: str) -> None:
    book, answering = uuid4().hex, asyncio.Event()
    lines = UNANSWERED_MAX * 3

    async def when_told(record: Published) -> Answer[Any]:
        await answering.wait()
        return Answer(b"{}")

    async with responder(broker, Note.topic.name, when_told) as asked:

        def of_this_book() -> list[Published]:
            return [record for record in asked if record.key == book.encode()]

        sending = asyncio.create_task(sent(broker, json_lines([a_note(book)] * lines), timeout_s=60.0))
        await eventually(lambda: len(of_this_book()) >= UNANSWERED_MAX)
        assert len(of_this_book()) == UNANSWERED_MAX
        answering.set()
        outcomes = await sending

    assert (outcomes.done, outcomes.failed) == (lines, 0)
    assert len(of_this_book()) == lines


async def test_a_line_through_a_pipe_is_sent_before_the_pipe_ends(broker: str) -> None:
    book, (reader, writer) = uuid4().hex, os.pipe()
    outcomes = Outcomes(is_answered=True)

    async with responder(broker, Note.topic.name, by_text):
        sending = asyncio.create_task(send_lines(broker, Sending(Note, "/erp", reader, 30.0), outcomes))
        os.write(writer, json_lines([a_note(book)]))
        await eventually(lambda: outcomes.done == 1)
        assert not sending.done()
        os.close(writer)
        await sending
    os.close(reader)


@pytest.mark.parametrize("options", [[], ["--wait"]])
async def test_where_no_broker_is_one_line_says_so_and_what_to_do(options: list[str]) -> None:
    port = free_port()

    ended = await customers_api(
        "send", LINE_TYPE, *options, given=json_lines([an_import()]), KAFKA_PORT=str(port)
    )

    assert (ended.code, ended.output) == (2, "")
    assert ended.errors == f"error: no Kafka answers at 127.0.0.1:{port} (is it running? make run)\n"


async def test_a_broker_without_our_topics_is_told_before_anything_is_sent(kafka: str) -> None:
    class Unmade(Command[Done]):
        topic = a_topic("commands")
        type = "unmade.do.v1"
        key = None

    reader, writer = os.pipe()
    with pytest.raises(NoBus, match=f"has no topic {Unmade.topic.name}"):
        await send_lines(kafka, Sending(Unmade, "/erp", reader), Outcomes(is_answered=False))
    os.close(reader)
    os.close(writer)


@pytest.mark.slow
async def test_where_the_broker_goes_away_in_the_middle_the_first_line_it_has_not_taken_is_named(
    tmp_path: Path,
) -> None:
    server, outcomes = KafkaServer(StateFolder(tmp_path).kafka, free_port()), Outcomes(is_answered=False)
    reader, writer = os.pipe()
    async with supervised(StateFolder(tmp_path)) as supervisor:
        await server.prepare()
        broker = supervisor.start(server.kind())
        await supervisor.wait_ready()
        await create_topics(server.bootstrap_servers, [Note.topic])
        sending = asyncio.create_task(
            send_lines(server.bootstrap_servers, Sending(Note, "/erp", reader), outcomes)
        )
        os.write(writer, json_lines([a_note("first"), a_note("second")]))
        await eventually(lambda: outcomes.done == 2)
        broker.hold()
        broker.send(signal.SIGKILL)
        await broker.ended()
        os.write(writer, json_lines([a_note("third"), a_note("fourth")]))
        os.close(writer)
        with pytest.raises(Lost, match="has not taken line 3"):
            await sending
    os.close(reader)
    assert outcomes.done == 2


async def test_a_type_that_cannot_be_sent_is_told_those_that_can() -> None:
    ended = await customers_api("send", "customer.created.v1")

    assert (ended.code, ended.output) == (2, "")
    assert "customer.erase.v1, customer.import.v1" in ended.errors


async def test_a_sender_that_cannot_be_named_so_is_refused() -> None:
    ended = await customers_api("send", LINE_TYPE, "--source", "")

    assert ended.code == 2
    assert "ce_source must have 1 to 255 printable characters" in ended.errors
