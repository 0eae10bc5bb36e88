"""The verb `logs`: old lines of each process, then new ones as they come."""

from contextlib import suppress
from pathlib import Path

from ops.log_files import Follower, Line, tail
from ops.output import console, fail, show
from ops.settings import Settings
from ops.state import StateFolder


def logs(settings: Settings, process: str | None, lines: int, follow: bool) -> int:
    """Print the last lines of one process or of all, and follow them; the exit code."""
    files = _files(StateFolder(settings.state_dir).logs)
    if process is not None and process not in files:
        fail(f"there is no log of {process!r}; there is: {', '.join(files) or 'none'}")
        return 1
    if not files:
        console.say(f"there are no logs in {settings.state_dir}")
        return 1
    chosen = {process: files[process]} if process else files
    follower = Follower(chosen)
    for name, file in chosen.items():
        for text in tail(file, lines):
            show(Line(name, text))
    if follow:
        with suppress(KeyboardInterrupt):
            for line in follower.lines():
                show(line)
    return 0


def _files(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob("*.log"))}
