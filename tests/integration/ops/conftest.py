import asyncio
import time
from pathlib import Path

import pytest

from ops.children import Kind
from ops.processes import Program, inherited_environment, python
from shared.heartbeats import read_heartbeat

FOLDER = Path(__file__).parent


@pytest.fixture
def until():
    """Waits until a condition holds; fails after 20 s."""

    async def wait(condition):
        give_up_at = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < give_up_at, "it never came true"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def stub(tmp_path):
    """A process that behaves as `stub.py` says."""

    def kind(behaviour, name="stub-0"):
        health_file = tmp_path / "health" / f"{name}.json"
        program = Program(
            name=name,
            argv=python(str(FOLDER / "stub.py"), behaviour),
            environment={**inherited_environment(), "HEALTH_FILE": str(health_file)},
            health_file=health_file,
        )

        async def is_ready():
            heartbeat = read_heartbeat(health_file)
            return heartbeat is not None and heartbeat.ready

        return Kind(name=name, program=lambda: program, is_ready=is_ready)

    return kind
