"""Log files: kept small, read from the end, followed.

The processes append to their files themselves; nobody stands between.
"""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOG_LIMIT_BYTES = 50 * 1024 * 1024
# A terminal that cannot keep up is shown the latest, not everything.
BACKLOG_LIMIT_BYTES = 1024 * 1024
FOLLOW_INTERVAL_S = 0.1
TAIL_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Line:
    """One line of one process, without its line end."""

    name: str
    text: str


@dataclass
class _Position:
    file: Path
    offset: int
    rest: bytes = field(default=b"")


def shorten(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> bool:
    """Move a log that has outgrown its limit to `<name>.log.1` and go on with an empty file.

    Copied and emptied, as its process keeps the file open (for appending, so it goes on at the new end);
    what is written in between the two is lost.
    """
    try:
        if log.stat().st_size <= limit_bytes:
            return False
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)
    except FileNotFoundError:
        return False
    return True


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log, at most 256 KiB of it."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BLOCK_BYTES))
            found = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return found[-lines:] if lines else []


class Follower:
    """Gives the lines that are added to some logs, until told to stop."""

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self._positions = {name: _Position(log, _size(log)) for name, log in logs.items()}
        self._stopped = threading.Event()

    def lines(self) -> Iterator[Line]:
        """New lines as they come; after stop() what is there still, then the end."""
        while True:
            is_last_round = self._stopped.is_set()
            for name, position in self._positions.items():
                for text in _new_lines(position):
                    yield Line(name, text)
            if is_last_round:
                return
            self._stopped.wait(FOLLOW_INTERVAL_S)

    def stop(self) -> None:
        """Let lines() come to its end; may be called from another thread."""
        self._stopped.set()


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _new_lines(position: _Position) -> Iterator[str]:
    size = _size(position.file)
    if size < position.offset:
        position.offset, position.rest = 0, b""
    if size == position.offset:
        return
    if size - position.offset > BACKLOG_LIMIT_BYTES:
        yield f"... {(size - position.offset) // 1024} KiB left out, see {position.file}"
        position.offset, position.rest = size, b""
        return
    with position.file.open("rb") as file:
        file.seek(position.offset)
        found = file.read(size - position.offset)
    position.offset += len(found)
    *whole, position.rest = (position.rest + found).split(b"\n")
    yield from (line.decode(errors="replace") for line in whole)
