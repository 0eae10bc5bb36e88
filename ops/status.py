"""The verb `status`: what runs, since when, and whether it is well and if not why."""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from ops import processes
from ops.kafka import KafkaServer
from ops.output import console, health
from ops.postgres import PostgresServer
from ops.settings import Settings
from ops.state import Record, StateFolder
from shared.heartbeats import read_heartbeat, why_unhealthy


@dataclass(frozen=True)
class Condition:
    """One process as people and scripts see it; why: empty when healthy. pid: None while it is down."""

    name: str
    pid: int | None
    since: str
    restarts: int
    healthy: bool
    why: str


async def conditions(settings: Settings) -> list[Condition]:
    """The condition of each process of the stack, in the order of their start; empty if none runs."""
    state = StateFolder(settings.state_dir)
    if state.holder() is None:
        return []
    found = state.records().values()
    return list(await asyncio.gather(*(_condition(record, state, settings) for record in found)))


async def _condition(record: Record, state: StateFolder, settings: Settings) -> Condition:
    is_up = processes.find(record) is not None
    why = await _complaint(record, state, settings) if is_up else "ended, is being restarted"
    if record.held:
        why = "held down on purpose"
    pid = record.pid if is_up else None
    return Condition(record.name, pid, record.started_at, record.restarts, healthy=not why, why=why)


async def _complaint(record: Record, state: StateFolder, settings: Settings) -> str:
    if record.health_file:
        heartbeat = read_heartbeat(Path(record.health_file))
        return why_unhealthy(heartbeat, time.time(), settings.heartbeat_limit_s)
    if record.port is None:
        return ""
    server = (
        PostgresServer(state.postgres, state.secrets, record.port)
        if record.name == PostgresServer.name
        else KafkaServer(state.kafka, record.port)
    )
    return "" if await server.answers() else f"does not answer on port {record.port}"


def status(settings: Settings, as_json: bool) -> int:
    """Print the table, or JSON; the exit code: 0 only if something runs and all of it is healthy."""
    found = asyncio.run(conditions(settings))
    if as_json:
        console.print(json.dumps([asdict(condition) for condition in found], indent=2))
    elif found:
        console.print(_table(found))
    else:
        console.say(f"nothing runs in {settings.state_dir}")
    return 0 if found and all(condition.healthy for condition in found) else 1


def _table(found: list[Condition]) -> Table:
    table = Table("name", "pid", "running since (UTC)", "restarts", "health", box=None, pad_edge=False)
    for one in found:
        since = one.since.removesuffix("+00:00").replace("T", " ")
        table.add_row(one.name, str(one.pid or "-"), since, str(one.restarts), health(one.why))
    return table
