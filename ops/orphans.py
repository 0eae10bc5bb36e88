"""Ends what a supervisor that was killed (-9, out of memory) left behind, and nothing else.

Done twice: at once by a small process that waits for the supervisor's death (this module run as a
program), and by the next `run` or `stop`, should that process have been killed too.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from ops.processes import PROJECT, find, inherited_environment, python
from ops.state import Record, StateFolder

GRACE_S = 15.0


class Watch:
    """The process that waits for our death: it reads a pipe that ends with us, however we end."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin to watch over this process."""
        self._process = await asyncio.create_subprocess_exec(
            *python("-m", "ops.orphans", str(self._state.path)),
            env=inherited_environment(),
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def stop(self) -> None:
        """End the watch; everything else must have ended, or it is ended by this."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()
            self._process = None


def end_orphans(records: Iterable[Record], grace_s: float = GRACE_S) -> list[str]:
    """End those of the recorded processes that live still; their names."""
    orphans = {record.name: process for record in records if (process := find(record))}
    for name, process in orphans.items():
        # A fast shutdown for PostgreSQL: on SIGTERM it would wait for its clients to leave.
        process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(list(orphans.values()), timeout=grace_s)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=grace_s)
    return list(orphans)


def main() -> None:
    """Wait for the end of the standard input, then end what is recorded in the folder that is named."""
    sys.stdin.read()
    # Read at once: the next supervisor, which writes its own, needs longer to start.
    end_orphans(StateFolder(Path(sys.argv[1])).records().values())


if __name__ == "__main__":
    main()
