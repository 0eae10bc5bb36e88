"""One database per service, with two roles that can do no more than they must.

`<service>_owner` owns the database and runs migrations; `<service>` reads and writes rows.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncpg

from ops.ports import HOST
from ops.settings import DatabaseUrls

OWN_DATABASE = """
    revoke all on database "{name}" from public;
    grant connect on database "{name}" to "{name}";
"""
# Default privileges of the owner: what a migration makes later in this schema is the runtime role's to use.
OWN_SCHEMA = """
    create extension if not exists pg_trgm;
    alter schema public owner to "{name}_owner";
    revoke all on schema public from public;
    grant usage on schema public to "{name}";
    alter default privileges for role "{name}_owner" in schema public
        grant select, insert, update, delete on tables to "{name}";
    alter default privileges for role "{name}_owner" in schema public
        grant usage, update on sequences to "{name}";
"""
CLOSED_TO_ALL = """
    revoke all on database postgres from public;
    revoke all on database template1 from public;
"""


@dataclass(frozen=True)
class Superuser:
    """How to reach a server as the one role that may do everything."""

    port: int
    password: str
    host: str = HOST
    user: str = "postgres"

    async def connect(self, database: str = "postgres", timeout_s: float = 5.0) -> Any:
        """A connection (asyncpg's, which has no types)."""
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            timeout=timeout_s,
        )


async def create_database(server: Superuser, name: str, passwords: tuple[str, str]) -> None:
    """Make the database and its roles as far as they are missing, and set both passwords.

    Args:
        server: Where.
        name: Of the database and the runtime role; letters, digits and underscores.
        passwords: The runtime role's and the owner's; letters and digits.
    """
    if not name.isidentifier() or not all(password.isalnum() for password in passwords):
        raise ValueError("names and passwords go into statements that take no parameters")
    connection = await server.connect()
    try:
        for role, password in zip((name, f"{name}_owner"), passwords, strict=True):
            exists = await connection.fetchval("select true from pg_roles where rolname = $1", role)
            verb = "alter" if exists else "create"
            await connection.execute(f"{verb} role \"{role}\" login password '{password}'")
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            await connection.execute(f'create database "{name}" owner "{name}_owner"')
        await connection.execute(OWN_DATABASE.format(name=name))
    finally:
        await connection.close()
    connection = await server.connect(name)
    try:
        await connection.execute(OWN_SCHEMA.format(name=name))
    finally:
        await connection.close()


async def close_to_all(server: Superuser) -> None:
    """Take from everybody the right to connect to the databases that belong to no service."""
    connection = await server.connect()
    try:
        await connection.execute(CLOSED_TO_ALL)
    finally:
        await connection.close()


def urls(port: int, name: str, passwords: tuple[str, str], host: str = HOST) -> DatabaseUrls:
    """What the service and its migrations connect with; passwords: the runtime role's and the owner's."""
    runtime, owner = (quote(password) for password in passwords)
    return DatabaseUrls(
        runtime=f"postgresql://{name}:{runtime}@{host}:{port}/{name}",
        owner=f"postgresql://{name}_owner:{owner}@{host}:{port}/{name}",
    )


def new_password() -> str:
    """Unguessable, of letters and digits only, so that it needs no quoting anywhere."""
    return secrets.token_hex(20)
