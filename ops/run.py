"""The verb `run`: start the local stack on this terminal, follow it, and end it on Ctrl-C or SIGTERM."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.text import Text

from ops.jars import DownloadFailed
from ops.local import LocalStack, Report
from ops.log_files import Follower
from ops.output import BackgroundDisplay, colour_of, console, fail
from ops.ports import PortTaken
from ops.processes import CommandFailed
from ops.services import Commands
from ops.settings import Settings
from ops.state import AlreadyRunning
from ops.supervisor import NotReady

EXPECTED = (AlreadyRunning, PortTaken, DownloadFailed, CommandFailed, NotReady)

GREETING = """\

Serving on {url}  (ready after {seconds:.1f} s; logs in {logs}; Ctrl-C stops it)
No authentication: reachable from this machine only.

Create a customer, then read it with the id from the answer:

  curl -i {url}/api/customers -H 'Content-Type: application/json' -d '{body}'
  curl -i {url}/api/customers/<id>

Or fill it with fifty customers and years of their orders, from another terminal: make demo
"""
BODY = (
    '{"name": "Corner Shop", "email": "orders@cornershop.example", "billing_address": {"line1": '
    '"1 High Street", "city": "Springfield", "state": "IL", "postal_code": "62701", "country": "US"}}'
)


class TerminalReport(Report):
    """Shows what is being waited for, what came of it, and how far the download is."""

    def __init__(self) -> None:
        self._under_way: list[str] = []
        self._status = Status("", console=console)
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def begun(self, part: str) -> None:
        """Name the part among those waited for."""
        if part not in self._under_way:
            self._under_way.append(part)
        self._show()

    def done(self, part: str, result: str) -> None:
        """Print the result."""
        if part in self._under_way:
            self._under_way.remove(part)
        console.say(Text(f"  {part:<18} ", style=colour_of(part)) + Text(result))
        self._show()

    def downloaded(self, fetched: int, expected: int) -> None:
        """Move the bar; the first call shows it."""
        if self._progress is None:
            self._status.stop()
            columns = (
                TextColumn("  Apache Kafka, once"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=console, transient=True)
            self._task = self._progress.add_task("", total=expected)
            self._progress.start()
        self._progress.update(self._task, completed=fetched, total=expected)
        if fetched >= expected:
            self._progress.stop()

    def close(self) -> None:
        """Leave the terminal as it was."""
        with suppress(OSError):
            self._status.stop()
            if self._progress:
                self._progress.stop()

    def _show(self) -> None:
        with suppress(OSError):
            if not self._under_way:
                self._status.stop()
            elif self._progress is None or self._progress.finished:
                self._status.update(f"waiting for {', '.join(self._under_way)}")
                self._status.start()


class Session:
    """One run on the terminal, from its first line to the end of the last process."""

    def __init__(self, settings: Settings, commands: Commands | None) -> None:
        self._report = TerminalReport()
        self._stack = LocalStack(settings, commands, self._report)
        self._stopping = asyncio.Event()
        self._starting: asyncio.Task[object] | None = None

    async def run(self) -> None:
        """Serve until told to stop; raises what prevented the start."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupted)
        began_at = monotonic()
        self._starting = asyncio.current_task()
        try:
            async with self._stack as stack:
                self._starting = None
                await self._serve(stack, monotonic() - began_at)
        finally:
            self._report.close()

    async def _serve(self, stack: LocalStack, seconds: float) -> None:
        logs = _relative(stack.state.logs)
        console.say(GREETING.format(url=stack.gateway_url, seconds=seconds, logs=logs, body=BODY))
        display = BackgroundDisplay(Follower({name: stack.state.log(name) for name in stack.processes}))
        display.start()
        await self._stopping.wait()
        display.stop()
        console.say("")

    def _interrupted(self) -> None:
        if self._stopping.is_set():
            console.say("hastening: no more waiting for anything")
            self._stack.hasten()
            return
        self._stopping.set()
        if self._starting:
            # The start only: what ends the processes again must not be cut short.
            self._starting.cancel()


def run(settings: Settings, commands: Commands | None = None) -> int:
    """Run the stack on this terminal; the exit code. commands: None are the system's own."""
    try:
        asyncio.run(Session(settings, commands).run())
    except asyncio.CancelledError:
        console.say("stopped before it was ready")
    except EXPECTED as error:
        fail(str(error))
        return 1
    return 0


def _relative(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
