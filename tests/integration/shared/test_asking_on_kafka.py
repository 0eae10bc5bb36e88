import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ops.kafka import KafkaServer
from ops.ports import free_port
from ops.servers import supervised
from ops.state import StateFolder
from shared import rpc as rpc_module
from shared.errors import DeadlineExceeded, Unavailable
from shared.kafka import create_topics
from shared.messaging import Command, Done, Query, Request
from shared.rpc import Asking, KafkaRpc
from tests.support.eventually import eventually
from tests.support.kafka import Published, a_topic, publisher, records_of

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

REPLIES = a_topic("replies")


class Shelve(Command[Done]):
    """Put a book back, as long as somebody waits for it."""

    topic = a_topic("commands")
    type = "book.shelve.v1"
    key = "book"

    book: str


class Count(Command[Done]):
    """Count the pages of a book, whoever still waits."""

    topic = Shelve.topic
    type = "book.count.v1"
    key = "book"
    expires = False

    book: str


class Look(Query[Done]):
    """Look behind the commands whether a book is there."""

    topic = Shelve.topic
    type = "book.look.v1"
    key = "book"

    book: str


class Find(Query[Done]):
    """Find a book."""

    topic = a_topic("queries")
    type = "book.find.v1"
    key = "book"

    book: str


class Lose(Command[Done]):
    """Tell a topic that is not there."""

    topic = a_topic("commands")
    type = "book.lose.v1"
    key = "book"

    book: str


@pytest.fixture(autouse=True)
async def topics(kafka: str) -> None:
    await create_topics(kafka, [Shelve.topic, Find.topic, REPLIES])


@pytest.fixture
async def rpc(kafka: str) -> AsyncIterator[KafkaRpc]:
    rpc = KafkaRpc(kafka, "/test", REPLIES)
    await rpc.start()
    yield rpc
    await rpc.stop()


def a_book() -> str:
    return f"book-{uuid4().hex}"


def asking(deadline_s: float = 20.0) -> Asking:
    return Asking(request_id="r-1", caller="tester", deadline_s=deadline_s)


async def sent(kafka: str, request: Request[Any]) -> list[Published]:
    """What is on the topic of what concerns the request's book."""
    return [each for each in await records_of(kafka, request.topic.name) if each.key == request.record_key]


async def unanswered(rpc: KafkaRpc, request: Request[Any], deadline_s: float = 1.0) -> DeadlineExceeded:
    with pytest.raises(DeadlineExceeded) as silence:
        await rpc.relay(request, asking(deadline_s))
    return silence.value


@pytest.mark.parametrize(
    ("contract", "expires"), [(Shelve, True), (Look, True), (Find, True), (Count, False)]
)
async def test_a_request_expires_with_its_deadline_unless_it_is_a_command_that_never_does(
    rpc: KafkaRpc, kafka: str, contract: Any, expires: bool
) -> None:
    request = contract(book=a_book())

    await unanswered(rpc, request, deadline_s=0.2)

    record, *_ = await eventually(lambda: sent(kafka, request))
    assert ("ce_expirytime" in record.header) is expires
    assert (record.header["reply_to"], record.header["caller"]) == (REPLIES.name, "tester")


async def test_a_query_is_asked_once_more_elsewhere_but_never_where_it_waits_behind_commands(
    rpc: KafkaRpc, kafka: str
) -> None:
    find, look = Find(book=a_book()), Look(book=a_book())

    await asyncio.gather(unanswered(rpc, find), unanswered(rpc, look))

    twice = await eventually(lambda: sent(kafka, find), lambda records: len(records) == 2)
    assert len({record.partition for record in twice}) == 2
    assert len({record.header["ask_id"] for record in twice}) == 1
    assert len(await sent(kafka, look)) == 1


async def test_a_silence_tells_whether_the_broker_had_the_request(rpc: KafkaRpc) -> None:
    answers = (unanswered(rpc, Count(book=a_book())), unanswered(rpc, Lose(book=a_book())))

    taken, lost = await asyncio.gather(*answers)

    assert taken.is_acknowledged
    assert not lost.is_acknowledged


async def test_a_command_is_handed_over_once_the_broker_has_it_and_says_where_it_is_answered(
    rpc: KafkaRpc, kafka: str
) -> None:
    count = Count(book=a_book())

    await rpc.hand_over(count, asking()._replace(message_id="m-1", traceparent="00-1-2-01"))

    (record,) = await sent(kafka, count)
    assert record.header["ce_id"] == "m-1"
    assert record.header["ce_correlationid"] == "r-1"
    assert record.header["ce_traceparent"] == "00-1-2-01"
    assert record.header["reply_to"] == REPLIES.name
    assert record.header["reply_partition"] == str(rpc._replies.partition)
    assert "ce_expirytime" not in record.header


async def test_the_answer_to_what_was_handed_over_is_read_by_nobody(rpc: KafkaRpc, kafka: str) -> None:
    count, look = Count(book=a_book()), Look(book=a_book())
    await rpc.hand_over(count, asking())
    (record,) = await sent(kafka, count)
    asked = asyncio.create_task(rpc.ask(look, asking()))
    (question,) = await eventually(lambda: sent(kafka, look))

    async with publisher(kafka) as producer:
        for ask_id in (record.header["ask_id"], question.header["ask_id"]):
            await producer.send_and_wait(
                REPLIES.name,
                b"{}",
                partition=rpc._replies.partition,
                headers=[("ask_id", ask_id.encode())],
            )

    assert await asked == Done()


async def test_what_the_broker_does_not_take_in_time_is_not_handed_over(rpc: KafkaRpc) -> None:
    with pytest.raises(DeadlineExceeded) as silence:
        await rpc.hand_over(Lose(book=a_book()), asking(deadline_s=0.3))

    assert not silence.value.is_acknowledged


async def test_nothing_is_handed_over_to_who_is_stopping(kafka: str) -> None:
    rpc = KafkaRpc(kafka, "/test", REPLIES)
    await rpc.start()
    await rpc.stop()

    with pytest.raises(Unavailable, match="shutting_down"):
        await rpc.hand_over(Count(book=a_book()), asking())


async def test_nothing_is_handed_over_before_the_bus_was_reached(kafka: str) -> None:
    with pytest.raises(Unavailable, match="bus_unavailable"):
        await KafkaRpc(kafka, "/test", REPLIES).hand_over(Count(book=a_book()), asking())


def stands_still(pid: int) -> bool:
    """Whether each thread of it has been stopped, where the system tells (/proc): one after the other is."""
    stats = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


@pytest.mark.slow
async def test_what_a_broker_that_stands_still_is_sent_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "ECHO_WITHIN_S", 60.0)  # else nothing is sent once the bus is known down
    server, count = KafkaServer(StateFolder(tmp_path).kafka, free_port()), Count(book=a_book())
    async with supervised(StateFolder(tmp_path)) as supervisor:
        await server.prepare()
        broker = supervisor.start(server.kind())
        await supervisor.wait_ready()
        await create_topics(server.bootstrap_servers, [Count.topic, REPLIES])
        rpc = KafkaRpc(server.bootstrap_servers, "/test", REPLIES)
        await rpc.start()
        await rpc.hand_over(count, asking())
        broker.hold()
        broker.send(signal.SIGSTOP)
        await eventually(lambda: broker.pid is not None and stands_still(broker.pid))
        answers = (rpc.relay(count, asking(1.0)), rpc.hand_over(count, asking(1.0)))
        silences = await asyncio.gather(*answers, return_exceptions=True)
        broker.send(signal.SIGKILL)
        await rpc.stop()

    found = [isinstance(each, DeadlineExceeded) and each.is_acknowledged for each in silences]
    assert [type(each) for each in silences] == [DeadlineExceeded, DeadlineExceeded]
    assert found == [False, False]
