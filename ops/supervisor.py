"""All supervised processes of one state folder: their record, their readiness, their end."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from ops import log_files
from ops.children import Child, Kind, Limits
from ops.concurrency import concurrently
from ops.state import Record, StateFolder, held

FAILED_STARTS_LIMIT = 4
NO_PROGRESS_LIMIT_S = 60.0
LOOK_INTERVAL_S = 0.02
LOG_LOOK_INTERVAL_S = 5.0


class NotReady(Exception):
    """A process does not get ready: it dies at each start, or makes no progress."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        said = "\n".join(f"  {line}" for line in log_files.tail(log, 20))
        super().__init__(f"{name} {reason}; the end of {log}:\n{said}")


class Supervisor:
    """Starts, finds and ends children, and keeps the record from which others see them."""

    def __init__(self, state: StateFolder, limits: Limits) -> None:
        self.children: dict[str, Child] = {}
        self._state = state
        self._limits = limits
        self._hasten = asyncio.Event()
        self._helpers: dict[str, Record] = {}
        self._log_keeping: asyncio.Task[None] | None = None

    def start(self, kind: Kind) -> Child:
        """Start a process and keep it running."""
        if self._log_keeping is None:
            self._log_keeping = asyncio.create_task(self._keep_logs_short())
        child = Child(kind, self._state.log(kind.name), self._limits, self.keep_records)
        self.children[kind.name] = child
        child.start()
        return child

    async def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Wait until these (default: all) are ready; raises NotReady for one that will not be."""
        chosen = self.children if names is None else names
        await concurrently(*(self._wait_ready(self.children[name]) for name in chosen))

    async def stop(self, names: Iterable[str]) -> None:
        """End these for good, all at once; names of what never started are ignored."""
        ending = [self.children[name].stop(self._hasten) for name in names if name in self.children]
        await asyncio.gather(*ending)

    async def close(self) -> None:
        """Forget the processes, which must have ended."""
        if self._log_keeping:
            self._log_keeping.cancel()
            await asyncio.gather(self._log_keeping, return_exceptions=True)
        self._state.keep_records({})

    def hasten(self) -> None:
        """Wait no longer for anything that is being stopped."""
        self._hasten.set()

    def register(self, record: Record) -> None:
        """Let the record name a process that is not restarted but must not survive us either."""
        self._helpers[record.name] = record
        self.keep_records()

    def unregister(self, name: str) -> None:
        """The process of that name has ended."""
        self._helpers.pop(name, None)
        self.keep_records()

    def keep_records(self) -> None:
        """Write down what runs, for `status` and for whoever comes after a kill -9 of this process."""
        found = {
            name: held(child.record, is_held=child.is_held and child.pid is None)
            for name, child in self.children.items()
            if child.record
        }
        self._state.keep_records({**found, **self._helpers})

    async def _wait_ready(self, child: Child) -> None:
        seen, seen_at = -1, time.monotonic()
        # Both: it has been ready in its present life, and it is (a broker that restarts takes that away).
        while not (child.ready.is_set() and await child.kind.is_ready()):
            if child.failed_starts >= FAILED_STARTS_LIMIT:
                raise NotReady(child.kind.name, "died at each of its starts", child.log)
            said = child.log.stat().st_size if child.log.exists() else 0
            if said != seen:
                seen, seen_at = said, time.monotonic()
            if time.monotonic() - seen_at > NO_PROGRESS_LIMIT_S:
                raise NotReady(child.kind.name, f"said nothing for {NO_PROGRESS_LIMIT_S:.0f} s", child.log)
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def _keep_logs_short(self) -> None:
        while True:
            await asyncio.sleep(LOG_LOOK_INTERVAL_S)
            for child in self.children.values():
                await asyncio.to_thread(log_files.shorten, child.log)
