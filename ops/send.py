"""The verb `send`: publish lines of JSON as another team's system would, or ask for an answer to each."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from ops import bus
from ops.bus import NoBus
from ops.lines import Numbered, UnknownType, command_of, numbered, read, size_of
from ops.outcomes import Outcomes
from ops.output import INTERRUPTED, console, errors, fail
from ops.settings import Settings
from shared.errors import DeadlineExceeded, Refused
from shared.ids import new_message_id
from shared.messaging import Command, Envelope, Poison, read_headers, timestamp, write_headers
from shared.rpc import Asking, Rpc

UNACKNOWLEDGED_MAX = 2_000
UNANSWERED_MAX = 256
OPEN_END = (
    "of a line without an answer it is not known whether it was carried out; nothing new will be begun, but "
    "what waits for its order to come, or to come far enough, may still be"
)


class Lost(Exception):
    """The broker has not acknowledged a line in time; one line for people."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(
            f"the broker has not taken line {number} ({type(error).__name__}); those before it are sent, "
            "those after it may be"
        )


@dataclass(frozen=True)
class Sending:
    """Lines of one type, sent in the name of one system.

    file: an open file, read from where it stands.
    timeout_s: how long the answer to a line is awaited; afterwards it is not begun any more, but what waits
    for its order goes on waiting. None: nobody awaits any.
    """

    contract: type[Command[Any]]
    source: str
    file: int
    timeout_s: float | None = None


class _Told(ProgressColumn):
    """How many lines are through, how many of them not well, and how fast it goes."""

    def __init__(self, outcomes: Outcomes) -> None:
        super().__init__()
        self._outcomes = outcomes

    def render(self, task: Task) -> Text:
        rate = self._outcomes.handled / max(task.elapsed or 0.0, 0.1)
        failed = f", {self._outcomes.failed:,} failed" if self._outcomes.failed else ""
        return Text(f"{self._outcomes.handled:,} lines{failed}, {rate:,.0f}/s")


def send(settings: Settings, wire_type: str, path: Path, source: str, timeout_s: float | None) -> int:
    """Send the lines of a file (`-`: standard input); the exit code.

    0 if all were sent and, where answers are awaited (`timeout_s`), carried out; 1 if any was not; 2 if
    nothing could be sent.
    """
    try:
        contract = command_of(wire_type)
        # a source that every reader would call a bad envelope is told here, not by dead letters
        read_headers(write_headers(_envelope(contract, source)))
        file = sys.stdin.fileno() if str(path) == "-" else os.open(path, os.O_RDONLY)
    except (UnknownType, Poison, OSError, UnicodeEncodeError) as error:
        fail(str(error))
        return 2
    bus.keep_clients_quiet()
    if os.isatty(file):
        errors.say("reading lines from the terminal; Ctrl-D ends them")
    return _send(bus.bootstrap_servers(settings), Sending(contract, source, file, timeout_s))


def _send(servers: str, sending: Sending) -> int:
    outcomes = Outcomes(is_answered=sending.timeout_s is not None)
    began_at = monotonic()
    exit_code = 0
    try:
        asyncio.run(send_lines(servers, sending, outcomes))
    except NoBus as error:
        fail(str(error))
        return 2
    except Lost as error:
        fail(str(error))
        exit_code = 1
    except KeyboardInterrupt:
        errors.say("interrupted: what is sent is sent")
        exit_code = INTERRUPTED
    for line in outcomes.complaint_lines():
        errors.say(line)
    if outcomes.unanswered:
        errors.say(OPEN_END)
    console.say(outcomes.summary(monotonic() - began_at))
    return exit_code or (1 if outcomes.failed else 0)


async def send_lines(servers: str, sending: Sending, outcomes: Outcomes) -> None:
    """Send every line that keeps the contract, in their order; `outcomes` tells what becomes of each.

    Never holds more than some thousand lines, however many there are.

    Raises:
        NoBus: nothing was sent.
        Lost: the broker went away in the middle.
    """
    topic = sending.contract.topic
    async with aclosing(_commands(sending, outcomes)) as commands:
        if sending.timeout_s is None:
            async with bus.producer(servers, topic) as producer:
                await _publish(producer, commands, sending.source, outcomes)
        else:
            async with bus.rpc(servers, sending.source, topic) as rpc:
                await _ask(rpc, commands, sending, outcomes)


async def _commands(sending: Sending, outcomes: Outcomes) -> AsyncGenerator[Numbered, None]:
    """The lines that keep the contract; how far it is shows on a terminal."""
    columns = (TextColumn("sending"), BarColumn(), _Told(outcomes))
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("", total=size_of(sending.file))
        async for length, lines in read(sending.file):
            for line in lines:
                try:
                    yield numbered(line, sending.contract, sending.source)
                except Poison as poison:
                    outcomes.is_wrong(line.number, str(poison))
            progress.advance(bar, length)


async def _publish(
    producer: AIOKafkaProducer, commands: AsyncIterator[Numbered], source: str, outcomes: Outcomes
) -> None:
    sent: deque[tuple[int, asyncio.Future[Any]]] = deque()

    def count(acknowledged: "asyncio.Future[Any]") -> None:
        if not acknowledged.cancelled() and acknowledged.exception() is None:
            outcomes.done += 1

    try:
        async for line in commands:
            acknowledged = await _sent(producer, line, source)
            acknowledged.add_done_callback(count)
            sent.append((line.number, acknowledged))
            await _settle(sent, UNACKNOWLEDGED_MAX)
        await _settle(sent, 0)
    finally:
        await asyncio.gather(*(acknowledged for _, acknowledged in sent), return_exceptions=True)


async def _sent(producer: AIOKafkaProducer, line: Numbered, source: str) -> "asyncio.Future[Any]":
    command = line.command
    try:
        acknowledged: asyncio.Future[Any] = await producer.send(
            command.topic.name,
            line.value,
            key=command.record_key,
            headers=write_headers(_envelope(type(command), source)),
        )
    except KafkaError as error:
        raise Lost(line.number, error) from None
    return acknowledged


async def _settle(sent: "deque[tuple[int, asyncio.Future[Any]]]", at_most: int) -> None:
    """Forget what the broker has acknowledged; wait until no more than so many lines lack its word."""
    while sent and (len(sent) > at_most or sent[0][1].done()):
        number, acknowledged = sent.popleft()
        try:
            await acknowledged
        except KafkaError as error:
            raise Lost(number, error) from None


async def _ask(rpc: Rpc, commands: AsyncIterator[Numbered], sending: Sending, outcomes: Outcomes) -> None:
    free = asyncio.Semaphore(UNANSWERED_MAX)
    async with asyncio.TaskGroup() as group:
        async for line in commands:
            await free.acquire()
            asked = group.create_task(_ask_for_one(rpc, line, sending, outcomes))
            asked.add_done_callback(lambda _: free.release())


async def _ask_for_one(rpc: Rpc, line: Numbered, sending: Sending, outcomes: Outcomes) -> None:
    deadline_s = sending.timeout_s or 0.0
    asking = Asking(request_id=new_message_id(), caller=sending.source, deadline_s=deadline_s)
    try:
        await bus.relay(rpc, line.command, asking)
        outcomes.done += 1
    except Refused as refused:
        outcomes.is_refused(line.number, refused.refusal)
    except DeadlineExceeded:
        outcomes.is_unanswered(line.number)


def _envelope(contract: type[Command[Any]], source: str) -> Envelope:
    """As another team's system writes it."""
    return Envelope(id=new_message_id(), source=source, type=contract.type, time=timestamp(datetime.now(UTC)))
