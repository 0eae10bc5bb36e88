"""Keeps a server, or the whole system, for a run of pytest; ends it and deletes its data after the run.

`python -m tests.support.keeper postgres|kafka|stack FOLDER PID` goes on in the background; it looks whether
the process PID lives, so it does not matter how the run ends. It says on standard output, as JSON, the
`address` and the `kind`, or the `failure`, and then closes it. The stack uses the servers that the
environment names.
"""

import asyncio
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from ops.ports import HOST
from ops.servers import kafka, postgres
from ops.settings import SERVICES
from ops.state import StateFolder
from tests.support import containers
from tests.support.containers import NoContainer

LOOK_EVERY_S = 0.2
EMBEDDED = "embedded, for no Docker engine answers that has its image"


class Kept(NamedTuple):
    """What is kept: where it is, and what it is."""

    address: str
    kind: str


@asynccontextmanager
async def _postgres(folder: Path) -> AsyncIterator[Kept]:
    with suppress(NoContainer), containers.postgres() as url:
        yield Kept(url, "in a container")
        return
    async with postgres(folder, is_durable=False) as server:
        password = json.loads(StateFolder(folder).secrets.read_bytes())["postgres"]
        yield Kept(f"postgresql://postgres:{password}@{HOST}:{server.port}/postgres", EMBEDDED)


@asynccontextmanager
async def _kafka(folder: Path) -> AsyncIterator[Kept]:
    with suppress(NoContainer), containers.kafka() as bootstrap_servers:
        yield Kept(bootstrap_servers, "in a container")
        return
    async with kafka(folder) as server:
        yield Kept(server.bootstrap_servers, EMBEDDED)


@asynccontextmanager
async def _stack(folder: Path) -> AsyncIterator[Kept]:
    from tests.support import servers, system  # slow to import, and the others need none of it
    from tests.support.postgres import fresh_databases

    async with (
        fresh_databases(servers.postgres_url(), SERVICES) as databases,
        system.a_stack(folder, servers.kafka_bootstrap_servers(), databases) as stack,
    ):
        yield Kept(stack.gateway_url, "processes")


OPENED = {"postgres": _postgres, "kafka": _kafka, "stack": _stack}


async def keep(kind: str, folder: Path, controller: int) -> None:
    """Run it until the process `controller` has ended, then delete its folder.

    Servers end after the stack, which needs them to end in good order. The folder of the run goes with the
    last keeper of the run.
    """
    with (folder / "keepers").open("a") as keepers, (folder / "users").open("a") as users:
        fcntl.flock(keepers, fcntl.LOCK_SH)
        if kind == "stack":
            fcntl.flock(users, fcntl.LOCK_SH)
        serving = asyncio.create_task(_serve(kind, folder))
        await asyncio.to_thread(_await_end, controller)
        if kind != "stack":
            await asyncio.to_thread(fcntl.flock, users, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_UN)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        shutil.rmtree(folder / kind, ignore_errors=True)
        if _is_last(keepers):
            shutil.rmtree(folder, ignore_errors=True)


async def _serve(kind: str, folder: Path) -> None:
    try:
        async with OPENED[kind](folder / kind) as kept:
            _say(kept._asdict())
            await asyncio.Event().wait()
    except Exception as error:  # whatever it is, those who wait are told
        _say({"failure": f"{type(error).__name__}: {error}"})


def _say(answer: dict[str, str]) -> None:
    """Once: afterwards standard output is nowhere, so that whoever reads it comes to its end."""
    print(json.dumps(answer), flush=True)  # noqa: T201  # it is what whoever started this waits for
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _await_end(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(LOOK_EVERY_S)


def _is_last(keepers: IO[str]) -> bool:
    try:
        fcntl.flock(keepers, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _go_on_in_background() -> None:
    """Whoever started this awaits a process that ends at once, and leaves none behind to be awaited."""
    if os.fork():
        os._exit(0)
    os.setsid()


if __name__ == "__main__":
    _go_on_in_background()
    asyncio.run(keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
