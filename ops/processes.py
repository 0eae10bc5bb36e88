"""Processes of the operating system: describe, start, name for ever, end. Restarting is the supervisor's."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ops.state import Record

PROJECT = Path(__file__).resolve().parent.parent

# The system's boot time, from which creation times are computed, shifts by as much when the clock is set.
BORN_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class Program:
    """What to start and how to end it.

    environment: the whole of it, nothing is inherited.
    user: whom to run it as; None is the present user.
    health_file: where it writes heartbeats; None if it writes none.
    port: where it answers, for those without heartbeats.
    niceness: 0 as usual, 19 for only when nobody else wants the processor.
    stop_signals: sent one after the other, each after its grace has passed without an end.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    user: str | None = None
    pass_fds: tuple[int, ...] = ()
    health_file: Path | None = None
    port: int | None = None
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    grace_s: float = 15.0
    niceness: int = 0


class CommandFailed(Exception):
    """A short command of the start ended with an error; holds the end of what it said."""

    def __init__(self, name: str, code: int | None, output: str) -> None:
        super().__init__(f"{name} failed (exit {code}):\n{output}")


def inherited_environment() -> dict[str, str]:
    """Our environment without what belongs to single processes: no process gets another's database."""
    private = ("DATABASE_URL_", "DATABASE_OWNER_URL_")
    dropped = {"HEALTH_FILE", "REPLICA", "KAFKA_BOOTSTRAP_SERVERS", "PYTHONDONTWRITEBYTECODE"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(private) and k not in dropped}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def python(*arguments: str) -> tuple[str, ...]:
    """The command that runs this very Python with arguments."""
    return (sys.executable, *arguments)


async def spawn(program: Program, log: Path) -> asyncio.subprocess.Process:
    """Start it in a session of its own, so that a Ctrl-C on the terminal reaches the supervisor only.

    Its output goes straight into the log: it can neither block on a slow terminal nor lose its output
    when the supervisor dies.
    """
    argv = program.argv
    if program.niceness:
        argv = ("nice", "-n", str(program.niceness), *argv)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *argv,
            env=dict(program.environment),
            cwd=PROJECT if program.user is None else "/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=program.pass_fds,
            **_identity(program.user),
        )


async def run_to_end(program: Program) -> str:
    """Run a short command and give its output; raises CommandFailed."""
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        env=dict(program.environment),
        cwd=PROJECT if program.user is None else "/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **_identity(program.user),
    )
    try:
        output = (await process.communicate())[0].decode(errors="replace")
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise CommandFailed(program.name, process.returncode, output[-4000:])
    return output


def _identity(user: str | None) -> dict[str, Any]:
    """Subprocess arguments that run a program as another user, with none of our groups."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def born(pid: int) -> float:
    """When the process was created, unix seconds; 0 if it is gone already."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def find(record: Record) -> psutil.Process | None:
    """The living process a record speaks of; None if it ended, also if its pid is another's now."""
    try:
        process = psutil.Process(record.pid)
        is_same = abs(process.create_time() - record.born) <= BORN_TOLERANCE_S
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
