import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ops.settings import SERVICES
from ops.state import StateFolder, write_whole

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

FOLDER = Path(__file__).parent
PROCESSES = [f"{name}-{number}" for name in (*SERVICES, "gateway") for number in range(2)]


@pytest.fixture
def environment(tmp_path):
    """Of a stack with a PostgreSQL, stubs for services, and a broker nobody asks."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "KAFKA_"))}
    own = {"STATE_DIR": str(tmp_path / "state"), "GATEWAY_PORT": "0", "POSTGRES_PORT": "0", "REPLICAS": "2"}
    return {**kept, **own, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.fixture
async def run(environment, until):
    """Starts `run` and waits until it serves; whatever is left of it is ended afterwards."""
    started = []

    async def start():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(FOLDER / "run_stubs.py")),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        said = b""
        while b"Serving on" not in said:
            line = await process.stdout.readline()
            assert line, said.decode()
            said += line
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.fixture
def state(environment):
    return StateFolder(Path(environment["STATE_DIR"]))


async def cli(environment, *arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from ops.cli import main; main()", *arguments),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


def pids(state):
    return [record.pid for record in state.records().values()]


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_terminated_run_ends_everything_it_started(run, state):
    process = await run()
    running = pids(state)
    assert set(state.records()) == {"postgres", *PROCESSES}
    process.terminate()
    await process.communicate()
    assert process.returncode == 0
    assert all(is_gone(pid) for pid in running)
    assert state.holder() is None


async def test_what_serves_is_said_to_ask_nobody_who_they_are(run):
    process = await run()
    assert b"reachable from this machine only" in await process.stdout.readline()


async def test_a_second_run_says_that_one_is_running(run, environment):
    first = await run()
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, str(FOLDER / "run_stubs.py")),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await second.communicate()
    assert second.returncode == 1
    assert f"already running (pid {first.pid}, since " in output.decode()


async def test_status_is_good_while_all_is_healthy_and_says_so_to_scripts(run, environment, state):
    await run()
    code, output = await cli(environment, "status", "--json")
    assert code == 0
    assert {one["name"] for one in json.loads(output)} == set(state.records())
    assert all(one["healthy"] for one in json.loads(output))


async def test_status_tells_who_is_unwell_and_why(run, environment, state):
    await run()
    record = state.records()["customers-1"]
    os.kill(record.pid, signal.SIGSTOP)
    write_whole(Path(record.health_file), {"at": time.time(), "ready": False, "reasons": ["no database"]})
    code, output = await cli(environment, "status")
    os.kill(record.pid, signal.SIGCONT)
    assert code == 1
    assert "no database" in output


async def test_stop_ends_a_run_from_elsewhere_and_waits_for_its_end(run, environment, state):
    process = await run()
    running = pids(state)
    code, output = await cli(environment, "stop")
    assert code == 0
    assert f"stopped (supervisor was pid {process.pid})" in output
    assert all(is_gone(pid) for pid in running)


async def test_stop_says_so_when_nothing_runs(environment):
    code, output = await cli(environment, "stop")
    assert code == 0
    assert "nothing runs" in output


async def test_reset_deletes_the_data(run, environment, state):
    await run()
    code, _ = await cli(environment, "reset")
    assert code == 0
    assert not state.path.exists()


async def test_logs_shows_one_process(run, environment):
    await run()
    code, output = await cli(environment, "logs", "postgres", "--no-follow")
    assert code == 0
    assert "ready to accept connections" in output


async def test_logs_of_an_unknown_process_names_the_known_ones(run, environment):
    await run()
    code, output = await cli(environment, "logs", "invoices-0", "--no-follow")
    assert code == 1
    assert "customers-0" in output


async def test_nothing_outlives_a_supervisor_that_was_killed(run, state, until):
    process = await run()
    running = pids(state)
    process.kill()
    await until(lambda: all(is_gone(pid) for pid in running))


async def test_a_run_after_a_killed_one_serves_again(run, state):
    first = await run()
    running = pids(state)
    first.kill()
    await run()
    assert all(is_gone(pid) for pid in running)
    assert len(state.records()) == 1 + len(PROCESSES)


async def test_a_taken_port_is_named_with_the_variable_that_changes_it(environment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(FOLDER / "run_stubs.py")),
            env={**environment, "POSTGRES_PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 1
    assert f"port {port} is in use" in output.decode()
    assert "POSTGRES_PORT" in output.decode()
