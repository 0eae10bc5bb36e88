"""The state folder: its layout, its lock, and the record of what runs.

The lock, not the record, decides whether a supervisor runs: the system drops it however its holder dies.
"""

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any


class AlreadyRunning(Exception):
    """Another supervisor holds this state folder."""

    def __init__(self, holder: "Holder") -> None:
        super().__init__(f"already running (pid {holder.pid}, since {holder.since})")
        self.holder = holder


@dataclass(frozen=True)
class Holder:
    """The supervisor that holds the lock; since: ISO 8601, UTC."""

    pid: int
    since: str


@dataclass(frozen=True)
class Record:
    """One process of ours.

    born: its creation time as the system tells it, unix seconds; with the pid it names a process for ever.
    started_at: ISO 8601, UTC.
    health_file: its heartbeat's path; None for the servers, which have a port instead.
    held: it is down on purpose and not restarted.
    """

    name: str
    pid: int
    born: float
    started_at: str
    restarts: int = 0
    health_file: str | None = None
    port: int | None = None
    held: bool = False


class StateFolder:
    """Paths and files below one state folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.health = self.path / "health"
        self.postgres = self.path / "postgres"
        self.kafka = self.path / "kafka"
        self.secrets = self.path / "secrets.json"
        self._lock_file = self.path / "lock"
        self._records = self.path / "processes.json"
        self._lock: IO[str] | None = None

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.logs / f"{name}.log"

    def acquire(self) -> None:
        """Become the one supervisor of this folder, or raise AlreadyRunning."""
        for folder in (self.path, self.logs, self.health):
            folder.mkdir(parents=True, exist_ok=True)
        lock = self._lock_file.open("a+")
        if not _try_lock(lock):
            lock.close()
            raise AlreadyRunning(self._read_holder())
        lock.truncate(0)
        json.dump({"pid": os.getpid(), "since": utc_now()}, lock)
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Let the next supervisor in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def holder(self) -> Holder | None:
        """Who supervises this folder now; None if nobody does."""
        try:
            with self._lock_file.open("a+" if os.access(self._lock_file, os.W_OK) else "r") as lock:
                return None if _try_lock(lock) else self._read_holder()
        except FileNotFoundError:
            return None

    def records(self) -> dict[str, Record]:
        """What the last supervisor had running, by name; may be out of date if it was killed."""
        try:
            found: dict[str, dict[str, Any]] = json.loads(self._records.read_bytes())
        except (OSError, ValueError):
            return {}
        return {name: Record(**record) for name, record in found.items()}

    def keep_records(self, records: dict[str, Record]) -> None:
        """Replace the record of what runs; readers see the old or the new one, never half of it."""
        write_whole(self._records, {name: asdict(record) for name, record in records.items()})

    def delete_data(self) -> None:
        """Delete what this program made in the folder, and the folder if nothing else is in it."""
        for folder in (self.logs, self.health, self.postgres, self.kafka):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.secrets, self._records, self._lock_file):
            file.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def _read_holder(self) -> Holder:
        try:
            return Holder(**json.loads(self._lock_file.read_bytes()))
        except (OSError, ValueError, TypeError):
            # It has the lock and is just about to write its name.
            return Holder(pid=0, since="just now")


def utc_now() -> str:
    """This second, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_whole(file: Path, content: object, mode: int = 0o644) -> None:
    """Write JSON so that no reader ever sees a part of it; mode: file permissions."""
    draft = file.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        json.dump(content, out, indent=2)
    draft.replace(file)


def held(record: Record, is_held: bool) -> Record:
    """The record with its process marked as down on purpose, or not."""
    return replace(record, held=is_held)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
