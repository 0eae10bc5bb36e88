"""Databases for tests: fresh, migrated, with the owner and the runtime role of production.

Migrations run once, into a template from which each database is made in some tens of milliseconds. The
template is named by what the migrations say, so that a server which outlives the run keeps one of each.
"""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

from ops import databases
from ops.databases import Superuser
from ops.ports import HOST
from shared.database import migrate
from tests.support.servers import PROJECT

_made: dict[tuple[str, str], str] = {}
_migrating = threading.Lock()  # Alembic does one thing at a time in a process


@dataclass(frozen=True, slots=True)
class Database:
    """Where a test's database is: `runtime` as a service connects, `owner` as its migrations do (URLs)."""

    name: str
    runtime: str
    owner: str


@asynccontextmanager
async def fresh_database(superuser_url: str, service: str) -> AsyncIterator[Database]:
    """A database of `service` with its migrations applied and no rows, dropped afterwards."""
    template = await _template(superuser_url, service)
    name = f"test_{uuid4().hex}"
    server = _superuser(superuser_url)
    await _executed(
        server,
        f'create database "{name}" template "{template}" owner "{template}_owner"',
        f'revoke all on database "{name}" from public',
        f'grant connect on database "{name}" to "{template}"',
    )
    try:
        yield _database(superuser_url, name, roles=template)
    finally:
        await _executed(server, f'drop database "{name}" with (force)')


@asynccontextmanager
async def fresh_databases(
    superuser_url: str, services: Collection[str]
) -> AsyncIterator[dict[str, Database]]:
    """One of each service, by its name, made at the same time; dropped afterwards."""
    async with AsyncExitStack() as stack:
        entered = (stack.enter_async_context(fresh_database(superuser_url, service)) for service in services)
        yield dict(zip(services, await asyncio.gather(*entered), strict=True))


async def _template(superuser_url: str, service: str) -> str:
    if (superuser_url, service) not in _made:
        _made[superuser_url, service] = await _make_template(superuser_url, service)
    return _made[superuser_url, service]


async def _make_template(superuser_url: str, service: str) -> str:
    """Of several processes, one makes it; a template that was left half made is made anew."""
    name = f"{service}_{_digest(service)}"
    server = _superuser(superuser_url)
    db = await server.connect()
    try:
        await db.execute("select pg_advisory_lock(hashtext($1))", f"test-template {service}")
        if not await db.fetchval("select datistemplate from pg_database where datname = $1", name):
            await db.execute(f'drop database if exists "{name}" with (force)')
            passwords = (_password(superuser_url, name), _password(superuser_url, f"{name}_owner"))
            await databases.create_database(server, name, passwords)
            await asyncio.to_thread(_migrate, service, _database(superuser_url, name, roles=name))
            await db.execute(f'alter database "{name}" with is_template true allow_connections false')
    finally:
        await db.close()
    return name


def _migrate(service: str, database: Database) -> None:
    with _migrating:
        migrate(database.owner, PROJECT / "services" / service / "migrations")


def _digest(service: str) -> str:
    sources = [*sorted((PROJECT / "services" / service / "migrations").rglob("*.py"))]
    sources.append(PROJECT / "ops" / "databases.py")
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _database(superuser_url: str, name: str, roles: str) -> Database:
    return Database(
        name=name,
        runtime=_url(superuser_url, roles, name),
        owner=_url(superuser_url, f"{roles}_owner", name),
    )


def _url(superuser_url: str, role: str, database: str) -> str:
    parts = urlsplit(superuser_url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{role}:{_password(superuser_url, role)}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


def _password(superuser_url: str, role: str) -> str:
    """The same in every process, and known only to those who know the superuser's."""
    return hashlib.sha256(f"{urlsplit(superuser_url).password} {role}".encode()).hexdigest()[:40]


def _superuser(url: str) -> Superuser:
    parts = urlsplit(url)
    return Superuser(
        port=parts.port or 5432,
        password=unquote(parts.password or ""),
        host=parts.hostname or HOST,
        user=parts.username or "postgres",
    )


async def _executed(server: Superuser, *statements: str) -> None:
    db = await server.connect()
    try:
        for statement in statements:
            await db.execute(statement)
    finally:
        await db.close()
