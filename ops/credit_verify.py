"""The verb `credit verify`: every balance recomputed from what it is made of. Changes nothing."""

import asyncio
import json
import os
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from ops import databases
from ops.output import console, fail
from ops.postgres import PostgresServer
from ops.settings import Settings
from ops.state import StateFolder
from services.credit.verification import Difference, differences
from shared.database import is_away, new_engine, reading
from shared.settings import read

SHOWN_MAX = 1_000  # who has more has one cause to look for, not each of them


def verify(settings: Settings) -> int:
    """Print where credit's figures differ from what they are made of; the exit code.

    0: nowhere. 1: somewhere. 2: there is no database to look into.
    """
    url = database_url(settings, os.environ)
    if url is None:
        fail(f"DATABASE_URL_CREDIT is not set, and no local stack has been run in {settings.state_dir}")
        return 2
    try:
        found = asyncio.run(_found(url))
    except (OSError, SQLAlchemyError) as error:
        why = "does not answer" if is_away(error) else "is none of credit's, or an older one"
        fail(f"the database {why}: {type(error).__name__}")
        return 2
    if not found:
        console.say("no differences")
        return 0
    for each in found[:SHOWN_MAX]:
        kept, expected = f"{each.kept:.2f}", f"{each.expected:.2f}"
        console.say(f"{each.customer_id}  {each.figure}: {kept}, should be {expected}")
    if len(found) > SHOWN_MAX:
        console.say("… and more")
    return 1


def database_url(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """Where credit's data is, as the service connects: as the environment says, else in the local stack.

    None where neither is.
    """
    if url := read("DATABASE_URL_CREDIT", environment):
        return url
    state = StateFolder(settings.state_dir)
    try:
        password = json.loads(state.secrets.read_bytes())["credit"]
    except (OSError, ValueError, KeyError):
        return None
    server = state.records().get(PostgresServer.name)
    port = server.port if server and server.port else settings.postgres_port
    return databases.urls(port, "credit", (password, "")).runtime


async def _found(url: str) -> list[Difference]:
    """As many as are shown, and one more."""
    engine = new_engine(url, pool_size=1, application_name="credit-verify")
    found: list[Difference] = []
    try:
        async with reading(engine).connect() as db:
            async for each in differences(db):
                found.append(each)
                if len(found) > SHOWN_MAX:
                    break
    finally:
        await engine.dispose()
    return found
