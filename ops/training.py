"""Makes the broker's start-up cache in the background: one short run of a second broker that has no data.

Never in anybody's way: at the lowest priority, ended at once when the stack ends, one at a time on a machine.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ops import processes
from ops.kafka import KafkaServer
from ops.ports import free_port
from ops.state import Record, utc_now
from ops.supervisor import Supervisor

NAME = "kafka-training"
LOWEST_PRIORITY = 19
# Let the first requests after a start have the processors.
PAUSE_BEFORE_S = 5.0
LOOK_INTERVAL_S = 0.5
# Its end, in which the file is written, takes 6 s on an idle machine.
LONGEST_RUN_S = 180.0


async def train(kafka: KafkaServer, supervisor: Supervisor) -> None:
    """Make the cache for later starts, unless it exists or somebody else is at it."""
    cache = kafka.startup_cache
    await asyncio.sleep(PAUSE_BEFORE_S)
    with _only_one(cache.folder / "training.lock") as is_ours:
        if is_ours and not cache.file.exists():
            for left_over in cache.folder.glob("training-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            # Whatever goes wrong here costs nothing but a slower start next time.
            with suppress(OSError, TimeoutError, processes.CommandFailed):
                async with asyncio.timeout(LONGEST_RUN_S):
                    await _train(kafka, supervisor)


async def _train(kafka: KafkaServer, supervisor: Supervisor) -> None:
    cache = kafka.startup_cache
    with tempfile.TemporaryDirectory(
        prefix="training-", dir=cache.folder, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        learned = folder / "learned.aot"
        pupil = KafkaServer(folder / "kafka", free_port(), kafka.cache_folder)
        await pupil.prepare()
        options = (f"-XX:AOTCacheOutput={learned}",)
        program = replace(pupil.program_with(options), name=NAME, niceness=LOWEST_PRIORITY)
        process = await processes.spawn(program, folder / "log")
        supervisor.register(
            Record(name=NAME, pid=process.pid, born=processes.born(process.pid), started_at=utc_now())
        )
        try:
            while process.returncode is None:
                if await pupil.answers():
                    break
                await asyncio.sleep(LOOK_INTERVAL_S)
            process.terminate()
            await process.wait()
            if learned.exists():
                learned.replace(cache.file)
        finally:
            # The group: the file is written by a second runtime that the first one starts.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            supervisor.unregister(NAME)


@contextmanager
def _only_one(lock: Path) -> Iterator[bool]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
