"""The command line `customers-api` as a process of its own, away from any terminal."""

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended and what it said."""

    code: int
    output: str
    errors: str


async def customers_api(*arguments: str, given: bytes = b"", **environment: str) -> Ended:
    """Run a verb to its end.

    given: what it reads from standard input. environment: on top of what is inherited, without named servers.
    """
    process = await _started(arguments, environment, stdin=subprocess.PIPE)
    output, errors = await process.communicate(given)
    return Ended(process.returncode or 0, output.decode(), errors.decode())


async def customers_api_at_a_terminal(*arguments: str, typed: str, **environment: str) -> Ended:
    """Run a verb to its end while somebody sits at its standard input and types."""
    keyboard, terminal = pty.openpty()
    try:
        process = await _started(arguments, environment, stdin=terminal)
        os.write(keyboard, typed.encode())
        output, errors = await process.communicate()
    finally:
        os.close(keyboard)
        os.close(terminal)
    return Ended(process.returncode or 0, output.decode(), errors.decode())


async def _started(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: int
) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "KAFKA_"))}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from ops.cli import main; main()", *arguments),
        env={**kept, **environment},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
