"""What people see on the terminal: colours, prefixes, and one console for all verbs."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from zlib import crc32

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from ops.log_files import Follower, Line


class Terminal(Console):
    """A console whose reader may go away (a closed window, `| head`): what is said then is lost, no more."""

    def on_broken_pipe(self) -> None:
        """Go on without saying anything; rich would end the process, and with it the supervisor."""
        self.quiet = True

    def say(self, text: Text | str) -> None:
        """Print a line."""
        with suppress(OSError):
            self.print(text)


# Emoji and markup are off: log lines and paths are shown as they are.
console = Terminal(highlight=False, emoji=False, markup=False, soft_wrap=True)
errors = Terminal(highlight=False, emoji=False, markup=False, soft_wrap=True, stderr=True)

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
PREFIX_WIDTH = 12
INTERRUPTED = 130  # as a shell says of what Ctrl-C ended


def colour_of(name: str) -> str:
    """The same colour for the same process each time."""
    return COLOURS[crc32(name.encode()) % len(COLOURS)]


def show(line: Line) -> None:
    """Print one line of a process behind its coloured name."""
    prefix = Text(f"{line.name:<{PREFIX_WIDTH}} | ", style=colour_of(line.name))
    console.say(prefix + Text.from_ansi(line.text))


def health(why: str) -> Text:
    """How well something is, as a cell of a table; why: what ails it, empty when nothing does."""
    return Text(why, style="bold red") if why else Text("healthy", style="green")


def fail(message: str) -> None:
    """Say on standard error why there is no result."""
    errors.say(Text("error: ", style="bold red") + Text(message))


class Doing:
    """Shows on standard error what is being done: a line that changes on a terminal, plain ones elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._is_plain = not errors.is_terminal
        self._progress = Progress(*columns, console=errors, transient=True, disable=self._is_plain)
        self._task = self._progress.add_task(name, total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, what: str) -> None:
        """Something new is being done."""
        self.count(what)
        if self._is_plain:
            errors.say(f"{self._name}: {what}")

    def count(self, how_far: str) -> None:
        """It has come so far, which is shown on a terminal only."""
        self._progress.update(self._task, description=f"{self._name}: {how_far}")


class BackgroundDisplay:
    """Shows followed lines from a thread of its own: a terminal that stands still holds nobody up."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._thread = threading.Thread(target=self._run, name="show logs", daemon=True)

    def start(self) -> None:
        """Begin to show."""
        self._thread.start()

    def stop(self) -> None:
        """Show what is there still, for half a second at most."""
        self._follower.stop()
        self._thread.join(timeout=0.5)

    def _run(self) -> None:
        for line in self._follower.lines():
            show(line)
