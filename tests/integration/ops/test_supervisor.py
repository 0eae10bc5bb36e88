import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import replace

import psutil
import pytest

from ops.children import Limits
from ops.orphans import end_orphans
from ops.processes import born
from ops.state import Record, StateFolder
from ops.supervisor import NotReady, Supervisor

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def a_supervisor(folder, limits=None):
    state = StateFolder(folder)
    state.acquire()
    supervisor = Supervisor(state, limits or Limits())
    try:
        yield supervisor
    finally:
        await supervisor.stop(list(supervisor.children))
        await supervisor.close()
        state.release()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_process_that_ends_is_started_again(tmp_path, stub, number):
    async with a_supervisor(tmp_path) as supervisor:
        child = supervisor.start(stub("ready"))
        await supervisor.wait_ready()
        first = child.pid
        child.send(number)
        await child.ended()
        await supervisor.wait_ready()
        assert child.pid not in {None, first}
        assert child.record.restarts == 1


async def test_a_process_without_a_fresh_heartbeat_is_killed_and_started_again(tmp_path, stub, until):
    async with a_supervisor(tmp_path, Limits(heartbeat_s=1.0)) as supervisor:
        child = supervisor.start(stub("hangs"))
        await supervisor.wait_ready()
        first = child.pid
        await until(lambda: child.pid not in {None, first})
        assert not psutil.pid_exists(first)


async def test_a_stopped_process_is_killed_and_started_again(tmp_path, stub, until):
    async with a_supervisor(tmp_path, Limits(heartbeat_s=1.0)) as supervisor:
        child = supervisor.start(stub("ready"))
        await supervisor.wait_ready()
        first = child.pid
        os.kill(first, signal.SIGSTOP)
        await until(lambda: child.pid not in {None, first})
        await supervisor.wait_ready()


async def test_a_process_that_never_shows_a_heartbeat_is_killed_and_started_again(tmp_path, stub, until):
    async with a_supervisor(tmp_path, Limits(heartbeat_s=0.2, first_heartbeat_s=1.0)) as supervisor:
        child = supervisor.start(stub("silent"))
        await until(lambda: child.record and child.record.restarts >= 1)


async def test_a_process_that_beats_lives(tmp_path, stub):
    async with a_supervisor(tmp_path, Limits(heartbeat_s=1.5)) as supervisor:
        beating, hung = (
            supervisor.start(stub("ready", "beating-0")),
            supervisor.start(stub("hangs", "hung-0")),
        )
        await supervisor.wait_ready()
        first = beating.pid
        hung_first = hung.pid
        while hung.pid == hung_first:
            await hung.ended()
        assert beating.pid == first


async def test_a_held_process_stays_down_until_it_is_resumed(tmp_path, stub, until):
    async with a_supervisor(tmp_path) as supervisor:
        child, other = supervisor.start(stub("ready")), supervisor.start(stub("ready", "other-0"))
        await supervisor.wait_ready()
        child.hold()
        for one in (child, other):
            one.send(signal.SIGKILL)
            await one.ended()
        await until(lambda: other.ready.is_set())
        assert child.pid is None
        assert StateFolder(tmp_path).records()["stub-0"].held
        child.start()
        await supervisor.wait_ready()
        assert not StateFolder(tmp_path).records()["stub-0"].held


async def test_a_process_that_dies_at_each_start_is_reported_with_what_it_said(tmp_path, stub):
    async with a_supervisor(tmp_path) as supervisor:
        supervisor.start(stub("dies"))
        with pytest.raises(NotReady, match=r"(?s)stub-0 died at each of its starts.*no use"):
            await supervisor.wait_ready()


async def test_stopping_ends_each_process_and_starts_none_again(tmp_path, stub):
    async with a_supervisor(tmp_path) as supervisor:
        children = [supervisor.start(stub("ready", f"stub-{n}")) for n in range(3)]
        await supervisor.wait_ready()
        pids = [child.pid for child in children]
        await supervisor.stop(supervisor.children)
        assert not any(psutil.pid_exists(pid) for pid in pids)
        assert [child.pid for child in children] == [None, None, None]


async def test_a_process_that_ignores_its_signal_is_killed_when_hastened(tmp_path, stub):
    async with a_supervisor(tmp_path) as supervisor:
        kind = stub("ready")
        deaf = replace(kind.program(), stop_signals=(signal.SIGCONT, signal.SIGKILL), grace_s=600.0)
        child = supervisor.start(replace(kind, program=lambda: deaf))
        await supervisor.wait_ready()
        stopping = asyncio.create_task(supervisor.stop(["stub-0"]))
        supervisor.hasten()
        await stopping
        assert child.pid is None


async def test_what_runs_is_recorded_with_its_creation_time(tmp_path, stub):
    async with a_supervisor(tmp_path) as supervisor:
        child = supervisor.start(stub("ready"))
        await supervisor.wait_ready()
        record = StateFolder(tmp_path).records()["stub-0"]
        assert (record.pid, record.born) == (child.pid, born(child.pid))
    assert StateFolder(tmp_path).records() == {}


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def a_record_of(process, **changes):
    whole = {"name": "stub-0", "pid": process.pid, "born": born(process.pid), "started_at": "", **changes}
    return Record(**whole)


def test_an_orphan_is_ended(sleeper):
    assert end_orphans([a_record_of(sleeper)]) == ["stub-0"]
    assert not psutil.pid_exists(sleeper.pid)


def test_a_process_that_only_has_the_pid_of_an_orphan_is_left_alone(sleeper):
    record = a_record_of(sleeper)
    assert end_orphans([replace(record, born=record.born - 60)]) == []
    assert sleeper.poll() is None
