"""The verb `status` within an installation of containers: what can be seen of it from its own network."""

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import asyncpg
from aiokafka.errors import KafkaError
from rich.table import Table

from ops import bus
from ops.groups import STABLE, groups
from ops.output import console, health
from ops.settings import SERVICES, Settings
from shared.contracts import TOPICS
from shared.settings import read

WITHIN_S = 5.0
OUTBOX_OLD_AFTER_S = 10.0  # an acknowledged write is on its topic by then
_OLDEST = """
    select count(*), extract(epoch from now() - min(cast(cast(headers as json) ->> 'ce_time' as timestamptz)))
    from outbox
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; why: empty when it is well."""

    name: str
    shows: str
    why: str = ""


def status(settings: Settings, gateway_url: str, as_json: bool) -> int:
    """Print the table, or JSON; the exit code: 0 only if all is well."""
    bus.keep_clients_quiet()
    found = asyncio.run(findings(settings, gateway_url, os.environ))
    if as_json:
        console.print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        console.print(_table(found))
    return 1 if any(each.why for each in found) else 0


async def findings(settings: Settings, gateway_url: str, environment: Mapping[str, str]) -> list[Finding]:
    """The gateway's readiness, the members and lag of each group, the outbox of each database in reach."""
    databases = {name: read(f"DATABASE_URL_{name.upper()}", environment) for name in SERVICES}
    gateway, of_groups, outboxes = await asyncio.gather(
        asyncio.to_thread(_gateway, gateway_url),
        _groups(bus.bootstrap_servers(settings)),
        asyncio.gather(*(_outbox(name, url) for name, url in databases.items() if url is not None)),
    )
    return [gateway, *of_groups, *outboxes]


def _gateway(url: str) -> Finding:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=WITHIN_S):  # noqa: S310  # a setting
            return Finding("gateway", "ready")
    except urllib.error.HTTPError as answer:
        return Finding("gateway", "-", f"not ready: {answer.read(500).decode(errors='replace')}")
    except OSError as error:
        return Finding("gateway", "-", f"does not answer: {type(error).__name__}")


async def _groups(bootstrap_servers: str) -> list[Finding]:
    try:
        async with asyncio.timeout(WITHIN_S):
            found = await groups(bootstrap_servers, TOPICS.values())
    except (KafkaError, OSError) as error:
        return [Finding("kafka", "-", f"does not answer: {type(error).__name__}")]
    return [
        Finding(
            f"group {each.name}",
            f"{each.members} members, lag {each.lag}",
            "" if each.state == STABLE else f"{each.state}: nobody reads",
        )
        for each in found
    ]


async def _outbox(service: str, url: str) -> Finding:
    name = f"outbox of {service}"
    try:
        db = await asyncpg.connect(url, timeout=WITHIN_S)
        try:
            rows, age_s = await db.fetchrow(_OLDEST, timeout=WITHIN_S)
        finally:
            await db.close()
    except (OSError, asyncpg.PostgresError) as error:
        return Finding(name, "-", f"the database does not answer: {type(error).__name__}")
    if not rows:
        return Finding(name, "empty")
    is_old = age_s > OUTBOX_OLD_AFTER_S
    return Finding(name, f"{rows} rows, oldest {age_s:.1f} s", "nobody publishes it" if is_old else "")


def _table(found: list[Finding]) -> Table:
    table = Table("what", "shows", "health", box=None, pad_edge=False)
    for each in found:
        table.add_row(each.name, each.shows, health(each.why))
    return table
