"""What people see on the terminal: colours, prefixes, and one console for all verbs."""

import threading
from contextlib import suppress
from zlib import crc32

from rich.console import Console
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
