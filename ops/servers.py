"""One embedded server alone, for tests and measurements: in any folder, on any port, without services."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from ops.children import Kind, Limits
from ops.kafka import KafkaServer
from ops.orphans import Watch
from ops.ports import free_port
from ops.postgres import PostgresServer
from ops.state import StateFolder
from ops.supervisor import Supervisor

T = TypeVar("T")


@asynccontextmanager
async def supervised(state: StateFolder) -> AsyncIterator[Supervisor]:
    """An empty supervisor that holds the folder; what was started in it ends with the block."""
    state.acquire()
    supervisor, watch = Supervisor(state, Limits()), Watch(state)
    try:
        await watch.start()
        yield supervisor
    finally:
        await supervisor.stop(list(supervisor.children))
        await supervisor.close()
        await watch.stop()
        state.release()


@asynccontextmanager
async def postgres(folder: Path, port: int = 0, is_durable: bool = True) -> AsyncIterator[PostgresServer]:
    """A running PostgreSQL with its state in `folder`; port 0 is any free one. Restarted when it dies.

    is_durable: False where its data may be lost with the machine.
    """
    state = StateFolder(folder)
    server = PostgresServer(state.postgres, state.secrets, port or free_port(), is_durable)
    async with supervised(state) as supervisor:
        await server.prepare()
        await _start(supervisor, server.kind())
        await server.close_to_all()
        yield server


@asynccontextmanager
async def kafka(folder: Path, port: int = 0) -> AsyncIterator[KafkaServer]:
    """A running broker with its state in `folder`; port 0 is any free one. Restarted when it dies."""
    state = StateFolder(folder)
    server = KafkaServer(state.kafka, port or free_port())
    async with supervised(state) as supervisor:
        await server.prepare()
        await _start(supervisor, server.kind())
        yield server


@contextmanager
def in_background(opened: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Keep an async context open on a loop of its own in a thread, for callers that have no loop.

    opened: makes the context, as in `in_background(lambda: postgres(folder))`. What it gives may be read
    from the caller's thread; its coroutines belong to the other loop, unless they start nothing there.
    """
    found: Future[T] = Future()
    closing = threading.Event()

    async def keep_open() -> None:
        try:
            async with opened() as context:
                found.set_result(context)
                await asyncio.to_thread(closing.wait)
        except Exception as error:
            if found.done():
                raise
            found.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(keep_open()), name="servers", daemon=True)
    thread.start()
    try:
        yield found.result()
    finally:
        closing.set()
        thread.join()


async def _start(supervisor: Supervisor, kind: Kind) -> None:
    supervisor.start(kind)
    await supervisor.wait_ready([kind.name])
