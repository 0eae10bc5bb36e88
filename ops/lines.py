"""Lines of JSON as messages: read piece by piece from a file or a pipe, each held to its contract."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from shared.contracts import MESSAGES
from shared.contracts.customers.requests import ImportCustomer, imported_id
from shared.messaging import Command, Poison

CHUNK_BYTES = 65_536
LINE_MAX_BYTES = 1_000_000  # a record may have 1 MiB, its headers included


class UnknownType(Exception):
    """No command has this wire type; names those that there are."""


class Line(NamedTuple):
    """A line that is not blank. number: from 1. text: None where it is longer than 1,000,000 bytes."""

    number: int
    text: bytes | None


class Numbered(NamedTuple):
    """A command and the line it stands on.

    value: the line as it is. command: its meaning, which always names its key.
    """

    number: int
    value: bytes
    command: Command[Any]


class Splitter:
    """Makes lines of pieces as they come; keeps no more than one line."""

    def __init__(self) -> None:
        self._number = 0
        self._rest = b""
        self._is_too_long = False

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that end within this piece."""
        *ended, self._rest = (self._rest + chunk).split(b"\n")
        lines = [line for text in ended for line in self._line(text)]
        if len(self._rest) > LINE_MAX_BYTES:
            self._is_too_long, self._rest = True, b""
        return lines

    def end(self) -> list[Line]:
        """The last line, where it has no end of its own."""
        return self._line(self._rest)

    def _line(self, text: bytes) -> list[Line]:
        is_too_long = self._is_too_long or len(text) > LINE_MAX_BYTES
        self._is_too_long = False
        self._number += 1
        text = text.strip()
        return [Line(self._number, None if is_too_long else text)] if text or is_too_long else []


def command_of(wire_type: str) -> type[Command[Any]]:
    """The command of a wire type.

    Raises:
        UnknownType: there is none; queries, events and state are not sent from outside.
    """
    commands = {name: found for name, found in MESSAGES.items() if issubclass(found, Command)}
    if wire_type not in commands:
        raise UnknownType(f"no command {wire_type!r}; there is: {', '.join(sorted(commands))}")
    return commands[wire_type]


def numbered(line: Line, contract: type[Command[Any]], source: str) -> Numbered:
    """The command on a line, sent in the name of `source`.

    Raises:
        Poison: it is not what the contract says, or has members that the contract does not know; the reason
            quotes no value.
    """
    if line.text is None:
        raise Poison("invalid_body", f"(body): longer than {LINE_MAX_BYTES:,} bytes")
    return Numbered(line.number, line.text, with_key(_command(line.text, contract), source))


def _command(text: bytes, contract: type[Command[Any]]) -> Command[Any]:
    """Consumers ignore what they do not know, for senders newer than they are; in a file it is a mistake."""
    try:
        return contract.model_validate_json(text, extra="forbid")
    except ValidationError as error:
        if unknown := _unknown_members(error):
            told = "; ".join(f"{name}: unknown_member" for name in unknown)
            raise Poison("invalid_body", told) from None
    return contract.from_json(text)


def _unknown_members(error: ValidationError) -> list[str]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [".".join(map(str, each["loc"])) for each in found if each["type"] == "extra_forbidden"]


def with_key(command: Command[Any], source: str) -> Command[Any]:
    """The command naming its key: an import without one, the id that customers will make for it."""
    if isinstance(command, ImportCustomer) and command.customer_id is None:
        return command.model_copy(update={"customer_id": imported_id(source, command.external_ref)})
    return command


def size_of(file: int) -> int | None:
    """Bytes in a file; None for a pipe or a terminal."""
    status = os.fstat(file)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


async def read(file: int) -> AsyncIterator[tuple[int, list[Line]]]:
    """Piece by piece, its length in bytes and the lines that end within it."""
    splitter = Splitter()
    async for chunk in _chunks(file):
        yield len(chunk), splitter.feed(chunk)
    yield 0, splitter.end()


async def _chunks(file: int) -> AsyncIterator[bytes]:
    await _readable(file)
    while chunk := os.read(file, CHUNK_BYTES):
        yield chunk
        await _readable(file)


async def _readable(file: int) -> None:
    """Wait where a read would; not in a thread, which Ctrl-C could not end."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(file, readable.set)
    except PermissionError:  # of a regular file: it never makes wait, and others must have their turn
        await asyncio.sleep(0)
        return
    try:
        await readable.wait()
    finally:
        loop.remove_reader(file)
