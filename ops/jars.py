"""Apache Kafka's jars: downloaded once into the user's cache folder, checked against their checksums.

Several processes may ask at once: one downloads, the others wait, and a folder is complete or absent.
"""

import asyncio
import fcntl
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import stamina

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

KAFKA_VERSION = "4.3.1"
COORDINATES = (("org.apache.kafka", "kafka_2.13"), ("org.apache.kafka", "kafka-tools"))
# Asked for beside the others: among them it would bring kafka-clients down to a version that does not fit.
LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4")
# What is fetched for this version, descriptions of packages included.
DOWNLOAD_BYTES = 58_500_000
PARALLEL_DOWNLOADS = 8

Progress = Callable[[int, int], None]


class DownloadFailed(Exception):
    """The jars are not there and cannot be fetched."""


def kafka_folder() -> Path:
    """Where jars and the broker's start-up cache of this version are."""
    return Path(platformdirs.user_cache_dir("customers-api", appauthor=False)) / f"kafka-{KAFKA_VERSION}"


def class_path(folder: Path) -> str:
    """All jars, always in the same order: the start-up cache is valid for one order only."""
    return ":".join(str(jar) for jar in sorted((folder / "jars").glob("*.jar")))


async def ensure_jars(folder: Path, progress: Progress) -> None:
    """Have the jars in `folder`, downloading them at the first call on a machine.

    progress: called from other threads with the bytes fetched and the bytes expected; equal at the end only.
    Raises DownloadFailed.
    """
    if (folder / "jars").is_dir():
        return
    cancelled = threading.Event()
    try:
        await asyncio.to_thread(_download_once, folder, progress, cancelled)
    finally:
        # A thread cannot be cancelled; it looks here with each piece it has fetched.
        cancelled.set()


def _download_once(folder: Path, progress: Progress, cancelled: threading.Event) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        while not _try_lock(lock.fileno()):
            if cancelled.wait(0.1):
                return
        if (folder / "jars").is_dir():
            return
        # Of downloads that were killed; nobody else is at it while we have the lock.
        for left_over in folder.glob("download-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as name:
            draft = Path(name)
            try:
                _download(draft, _Counter(progress, cancelled))
            except Exception as error:
                raise DownloadFailed(f"Apache Kafka could not be downloaded: {error}") from error
            (draft / "jars").rename(folder / "jars")
            progress(DOWNLOAD_BYTES, DOWNLOAD_BYTES)


def _download(draft: Path, counter: "_Counter") -> None:
    # Slow to import, and needed once on a machine.
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(progress_callback=counter.file),
        repo_cache=draft / "repository",
        local_repos=[],
    )
    artifacts = _resolve(context)
    jars = draft / "jars"
    jars.mkdir()
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        for jar in pool.map(_fetch, artifacts):
            jar.rename(jars / jar.name)


def _is_worth_a_retry(error: Exception) -> bool:
    return not isinstance(error, InterruptedError)


@stamina.retry(on=_is_worth_a_retry, attempts=3)
def _resolve(context: "MavenContext") -> "list[Artifact]":
    from jgo.parse import Coordinate

    wanted = [
        context.create_dependency(Coordinate(group, name, KAFKA_VERSION, scope="compile"))
        for group, name in COORDINATES
    ]
    try:
        inputs, transitive = context.resolver.resolve(wanted)
    except Exception:
        # What is half written would be taken for the whole at the next try.
        shutil.rmtree(context.repo_cache, ignore_errors=True)
        raise
    group, name, version = LOGGING
    return [
        *(dependency.artifact for dependency in inputs),
        *(dependency.artifact for dependency in transitive if dependency.scope in {"compile", "runtime"}),
        context.project(group, name).at_version(version).artifact(),
    ]


@stamina.retry(on=_is_worth_a_retry, attempts=3)
def _fetch(artifact: "Artifact") -> Path:
    try:
        return artifact.resolve()
    except Exception:
        if artifact.cached_path:
            artifact.cached_path.unlink(missing_ok=True)
        raise


class _Counter:
    """Adds up the bytes of all files."""

    def __init__(self, progress: Progress, cancelled: threading.Event) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._fetched = 0
        self._lock = threading.Lock()

    @contextmanager
    def file(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        yield self._add

    def _add(self, size: int) -> None:
        if self._cancelled.is_set():
            raise InterruptedError("cancelled")
        with self._lock:
            self._fetched += size
            self._progress(self._fetched, max(DOWNLOAD_BYTES, self._fetched + 1))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
