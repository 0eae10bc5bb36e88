"""Which PostgreSQL and which Kafka the tests use.

Those that the environment names, else containers where a Docker engine answers, else embedded ones.

Nothing is started before the first test needs it. What is started is shared by all workers of one run of
pytest and ends with the run: `tests.support.keeper` runs it in a process of its own. So it is with the whole
system, composed of processes.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from ops.state import write_whole

Kind = Literal["postgres", "kafka", "stack"]

PROJECT = Path(__file__).resolve().parents[2]
STARTED_WITHIN_S = 170.0  # the first start of a broker on a machine downloads it


class Missing(Exception):
    """A server the test needs is neither named nor startable here."""


class NotStarted(Exception):
    """The servers are there, and yet the system does not start on them: it is broken."""


def postgres_url() -> str:
    """The superuser's URL of a PostgreSQL in which databases may be made.

    Raises:
        Missing: there is none.
    """
    return os.environ.get("TEST_POSTGRES_URL") or _kept("postgres")


def kafka_bootstrap_servers() -> str:
    """A Kafka in which topics may be made.

    Raises:
        Missing: there is none.
    """
    return os.environ.get("TEST_KAFKA_BOOTSTRAP_SERVERS") or _kept("kafka")


def gateway_url() -> str:
    """The gateway of the system composed of processes, on these servers.

    Raises:
        Missing: there is no server for it.
        NotStarted: the system itself does not start.
    """
    if named := os.environ.get("TEST_GATEWAY_URL"):
        return named
    servers = {"TEST_POSTGRES_URL": postgres_url(), "TEST_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers()}
    try:
        return _kept("stack", tuple(servers.items()))
    except Missing as error:
        raise NotStarted(str(error)) from None


def begin_run() -> None:
    """Name the run, before its workers start: what they share is found under the name."""
    os.environ.setdefault("TEST_RUN", uuid.uuid4().hex[:12])


def in_use() -> dict[str, str]:
    """What this run has started, by kind, and what it is: a container, or embedded."""
    told = {file.stem: json.loads(file.read_bytes()) for file in sorted(_folder().glob("*.json"))}
    return {name: answer.get("kind", "not started") for name, answer in told.items()}


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"customers-api-tests-{os.environ['TEST_RUN']}"


@cache
def _run_folder() -> Path:
    """A folder that all workers of this run share; the last keeper deletes it after the run."""
    _folder().mkdir(mode=0o711, exist_ok=True)
    return _folder()


@cache
def _kept(kind: Kind, environment: tuple[tuple[str, str], ...] = ()) -> str:
    told = _run_folder() / f"{kind}.json"
    with (_run_folder() / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            write_whole(told, _started(kind, dict(environment)), mode=0o600)
    answer: dict[str, str] = json.loads(told.read_bytes())
    if "address" not in answer:
        raise Missing(f"no {kind}: {answer['failure']}")
    return answer["address"]


def _started(kind: Kind, environment: Mapping[str, str]) -> dict[str, str]:
    """What the keeper says: the address, or why there is none."""
    controller = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    log = _run_folder() / f"{kind}.log"
    with log.open("wb") as errors:
        try:
            said = subprocess.run(
                [sys.executable, "-m", "tests.support.keeper", kind, str(_run_folder()), str(controller)],
                cwd=PROJECT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=STARTED_WITHIN_S,
            ).stdout
        except subprocess.TimeoutExpired:
            return {"failure": f"it did not start within {STARTED_WITHIN_S:.0f} s"}
    answer: dict[str, str] = json.loads(said) if said else {"failure": log.read_text()[-2_000:]}
    return answer
