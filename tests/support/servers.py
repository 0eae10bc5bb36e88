"""Which PostgreSQL and which Kafka the tests use: those that the environment names, else embedded ones.

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
    return os.environ.get("TEST_POSTGRES_URL") or _embedded("postgres")


def kafka_bootstrap_servers() -> str:
    """A Kafka in which topics may be made.

    Raises:
        Missing: there is none.
    """
    return os.environ.get("TEST_KAFKA_BOOTSTRAP_SERVERS") or _embedded("kafka")


def gateway_url() -> str:
    """The gateway of the system composed of processes, on these servers.

    Raises:
        Missing: there is no server for it.
        NotStarted: the system itself does not start.
    """
    named = {"TEST_POSTGRES_URL": postgres_url(), "TEST_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers()}
    try:
        return _embedded("stack", tuple(named.items()))
    except Missing as error:
        raise NotStarted(str(error)) from None


@cache
def _run_folder() -> Path:
    """A folder that all workers of this run share; the last keeper deletes it after the run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"customers-api-tests-{run[:12]}"
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder


@cache
def _embedded(kind: Kind, environment: tuple[tuple[str, str], ...] = ()) -> str:
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
