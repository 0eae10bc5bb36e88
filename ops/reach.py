"""The databases of the services and the bus, as verbs that look into them reach them."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ops import bus, databases
from ops.postgres import PostgresServer
from ops.settings import Settings
from ops.state import StateFolder
from shared.database import LONG_STATEMENT_TIMEOUT_MS, is_away, is_locked, is_transient, new_engine, reading
from shared.settings import read

LOOK_EVERY_S = 0.02

_LAST_SAID = text("select coalesce(max(id), 0) from outbox")
_IS_LEFT = text("select exists (select from outbox where id <= :last)")


class OutOfReach(Exception):
    """A database or the bus does not answer, or a service does not go on; one line for people."""


class Busy(OutOfReach):
    """A database has not done what it was asked to because of others; again it may."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the databases and the bus are; databases are connected to when they are needed first."""

    settings: Settings
    environment: Mapping[str, str]
    _engines: dict[str, AsyncEngine] = field(default_factory=dict)

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker is."""
        return bus.bootstrap_servers(self.settings)

    @asynccontextmanager
    async def reading(self, service: str) -> AsyncIterator[AsyncConnection]:
        """A connection to a service's database whose statements run alone.

        Raises:
            OutOfReach: it is not known where it is, or it does not answer.
        """
        async with _in_words(service), reading(self._engine(service)).connect() as db:
            yield db

    @asynccontextmanager
    async def changing(self, service: str) -> AsyncIterator[AsyncConnection]:
        """A transaction in it, rolled back where the block fails.

        Raises:
            OutOfReach: as above.
        """
        async with _in_words(service), self._engine(service).begin() as db:
            yield db

    async def await_published(self, service: str, within_s: float) -> None:
        """Return once everything that a service has said until now is on its topics.

        Raises:
            OutOfReach: it is not within so many seconds, or the database does not answer.
        """
        given_up_at = monotonic() + within_s
        async with self.reading(service) as db:
            last = (await db.execute(_LAST_SAID)).scalar_one()
            while (await db.execute(_IS_LEFT, {"last": last})).scalar_one():
                if monotonic() > given_up_at:
                    raise OutOfReach(f"{service} does not publish what it has said (is it running? make run)")
                await asyncio.sleep(LOOK_EVERY_S)

    def _engine(self, service: str) -> AsyncEngine:
        if service not in self._engines:
            url = database_url(self.settings, service, self.environment)
            if url is None:
                raise OutOfReach(
                    f"DATABASE_URL_{service.upper()} is not set, and no local stack has been run in "
                    f"{self.settings.state_dir}"
                )
            self._engines[service] = new_engine(url, 3, "customers-api", LONG_STATEMENT_TIMEOUT_MS)
        return self._engines[service]

    async def close(self) -> None:
        """Give back all connections."""
        await asyncio.gather(*(engine.dispose() for engine in self._engines.values()))


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[Reach]:
    """The databases and the bus as the environment says, else those of the local stack."""
    reach = Reach(settings, os.environ)
    try:
        yield reach
    finally:
        await reach.close()


def database_url(settings: Settings, service: str, environment: Mapping[str, str]) -> str | None:
    """Where a service's data is, as the service connects: as the environment says, else in the local stack.

    None where neither is.
    """
    if url := read(f"DATABASE_URL_{service.upper()}", environment):
        return url
    state = StateFolder(settings.state_dir)
    try:
        password = json.loads(state.secrets.read_bytes())[service]
    except (OSError, ValueError, KeyError):
        return None
    server = state.records().get(PostgresServer.name)
    port = server.port if server and server.port else settings.postgres_port
    return databases.urls(port, service, (password, "")).runtime


@asynccontextmanager
async def _in_words(service: str) -> AsyncIterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        if is_locked(error) or is_transient(error):
            raise Busy(f"the database of {service} is busy: {type(error).__name__}; run it again") from error
        why = "does not answer" if is_away(error) else f"is none of {service}'s, or an older one"
        raise OutOfReach(f"the database of {service} {why}: {type(error).__name__}") from error
