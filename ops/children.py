"""One supervised process over all its lives: started, watched, restarted, ended.

Knows nothing of Kafka, PostgreSQL or services; those are a program and a question "ready?".
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ops import processes
from ops.processes import Program
from ops.state import Record, utc_now
from shared.heartbeats import is_stale, read_heartbeat

LOOK_INTERVAL_S = 0.5
READY_INTERVAL_S = 0.03
# A process that lived for less is taken to have failed at its start; the first ones cost no pause.
SHORT_LIFE_S = 10.0
FREE_DEATHS = 2
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Limits:
    """heartbeat_s: how old a heartbeat may be; first_heartbeat_s: how long the first may take."""

    heartbeat_s: float = 10.0
    first_heartbeat_s: float = 60.0


@dataclass(frozen=True)
class Kind:
    """What must be known of a process to keep it running.

    program: asked before each start, as it may depend on what was learned since.
    is_ready: asked after each start until it says yes; never raises.
    """

    name: str
    program: Callable[[], Program]
    is_ready: Callable[[], Awaitable[bool]]


class Child:
    """A process that is restarted when it ends or its heartbeat stops.

    ready: set from when the present life was ready first until it is told to end or ends.
    record: of the present or last life; None before the first.
    failed_starts: lives in a row that were never ready, the present one included.
    """

    def __init__(self, kind: Kind, log: Path, limits: Limits, on_change: Callable[[], None]) -> None:
        self.kind = kind
        self.log = log
        self.ready = asyncio.Event()
        self.record: Record | None = None
        self.failed_starts = 0
        self._short_lives = 0
        self._starts = 0
        self._limits = limits
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._program: Program | None = None
        self._started_at = 0.0
        self._wanted = asyncio.Event()
        self._spawning = asyncio.Lock()
        self._is_ending = False
        self._task: asyncio.Task[None] | None = None
        self._becoming_ready: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process now; None between two lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def is_held(self) -> bool:
        """Whether it stays down when it ends."""
        return not self._wanted.is_set()

    def start(self) -> None:
        """Start it, if it is not running, and restart it whenever it ends."""
        self._wanted.set()
        if self._task is None:
            self._task = asyncio.create_task(self._live(), name=f"supervise {self.kind.name}")
        self._on_change()

    def hold(self) -> None:
        """Do not restart it when it ends; this alone does not end it."""
        self._wanted.clear()
        self._on_change()

    def send(self, signal: int) -> None:
        """Send a signal to its process, if there is one; `ready` is then of its next life."""
        if self._process and self._process.returncode is None:
            self._becoming_ready_ends()
            with suppress(ProcessLookupError):
                self._process.send_signal(signal)

    async def ended(self) -> None:
        """Wait until the present process, if any, has ended."""
        if self._process:
            await self._process.wait()

    async def stop(self, hasten: asyncio.Event) -> None:
        """End it for good: each of its stop signals after the grace of the one before, sooner if hastened."""
        self._is_ending = True
        async with self._spawning:
            process, program = self._process, self._program
        if process and program:
            for signal in program.stop_signals:
                self.send(signal)
                if await _ends_within(process, program.grace_s, hasten):
                    break
            await process.wait()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._on_change()

    async def _live(self) -> None:
        while not self._is_ending:
            await self._wanted.wait()
            async with self._spawning:
                if self._is_ending:
                    return
                process, program = await self._spawn()
            self._becoming_ready = asyncio.create_task(self._become_ready())
            try:
                await self._watch(process, program)
            finally:
                self._becoming_ready_ends()
            await self._pause_if_it_fails_again_and_again()

    async def _spawn(self) -> tuple[asyncio.subprocess.Process, Program]:
        program = self.kind.program()
        if program.health_file:
            program.health_file.unlink(missing_ok=True)
        self._started_at = time.time()
        process = await processes.spawn(program, self.log)
        self._process, self._program = process, program
        self.record = Record(
            name=self.kind.name,
            pid=process.pid,
            born=processes.born(process.pid),
            started_at=utc_now(),
            restarts=self._starts,
            health_file=str(program.health_file) if program.health_file else None,
            port=program.port,
        )
        self._starts += 1
        self._on_change()
        return process, program

    async def _become_ready(self) -> None:
        self.failed_starts += 1
        while True:
            if await self.kind.is_ready():
                break
            await asyncio.sleep(READY_INTERVAL_S)
        self.failed_starts = 0
        self.ready.set()

    def _becoming_ready_ends(self) -> None:
        if self._becoming_ready:
            self._becoming_ready.cancel()
        self.ready.clear()

    async def _watch(self, process: asyncio.subprocess.Process, program: Program) -> None:
        """Return when the process has ended; kill it when its heartbeat stops."""
        end = asyncio.ensure_future(process.wait())
        visible_since = looked_at = self._started_at
        while not (await asyncio.wait({end}, timeout=LOOK_INTERVAL_S))[0]:
            now = time.time()
            if now - looked_at > LOOK_INTERVAL_S * 4:
                # We did not run ourselves (a closed lid, a stopped supervisor); nor did it, perhaps.
                visible_since = now
            looked_at = now
            if program.health_file and self._is_hung(program.health_file, visible_since, now):
                process.kill()

    def _is_hung(self, health_file: Path, visible_since: float, now: float) -> bool:
        if now - visible_since < self._limits.heartbeat_s:
            return False
        limits = (self._limits.heartbeat_s, self._limits.first_heartbeat_s)
        return is_stale(read_heartbeat(health_file), visible_since, now, limits)

    async def _pause_if_it_fails_again_and_again(self) -> None:
        is_short = time.time() - self._started_at < SHORT_LIFE_S
        self._short_lives = self._short_lives + 1 if is_short else 0
        pause_s = pause_before_start_s(self._short_lives)
        if pause_s:
            await asyncio.sleep(pause_s)


def pause_before_start_s(short_lives: int) -> float:
    """Seconds to wait after so many short lives in a row: none for the first, then up to 5."""
    if short_lives <= FREE_DEATHS:
        return 0.0
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (short_lives - FREE_DEATHS - 1))


async def _ends_within(process: asyncio.subprocess.Process, grace_s: float, hasten: asyncio.Event) -> bool:
    end = asyncio.ensure_future(process.wait())
    hastened = asyncio.ensure_future(hasten.wait())
    done, _ = await asyncio.wait({end, hastened}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
    if end not in done and hastened in done:
        # SIGKILL, the last of the signals, takes effect at once; anything else is not worth a wait now.
        await asyncio.wait({end}, timeout=0.2)
    hastened.cancel()
    return process.returncode is not None
