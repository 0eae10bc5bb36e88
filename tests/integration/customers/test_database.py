import asyncio

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from services.customers.tables import metadata
from shared.database import migrate
from tests.support.postgres import Database, fresh_database
from tests.support.servers import PROJECT

pytestmark = pytest.mark.integration


async def executed(url: str, statement: str) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute(statement)
    finally:
        await db.close()


async def test_migrations_make_exactly_the_declared_tables(owner_engine: AsyncEngine) -> None:
    def differences(db: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(db, opts=options), metadata))

    async with owner_engine.connect() as db:
        assert await db.run_sync(differences) == []


async def test_migrating_again_changes_nothing(customers_database: Database) -> None:
    folder = PROJECT / "services" / "customers" / "migrations"
    await asyncio.to_thread(migrate, customers_database.owner, folder)
    await executed(customers_database.runtime, "select count(*) from customers")


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (id text)",
        "create schema mine",
        "drop table customers",
        "truncate outbox",
        "alter table customers add column mine text",
        "create index on customers (name)",
        "create function mine() returns int language sql as 'select 1'",
        "update migrations.alembic_version set version_num = '9999'",
        "create role somebody",
        "create database somebodys",
        "alter role current_user superuser",
        "create temporary table mine (id text)",
        "select * from pg_authid",
        "copy customers to program 'true'",
    ],
)
async def test_the_role_of_the_service_may_not(customers_database: Database, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await executed(customers_database.runtime, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select count(*) from customers",
        "insert into outbox (topic, headers) values ('a.v1', '{}')",
        "delete from outbox",
        "delete from inbox",
        "update contacts set name = name",
        "select pg_try_advisory_lock(1)",
    ],
)
async def test_the_role_of_the_service_may(customers_database: Database, statement: str) -> None:
    await executed(customers_database.runtime, statement)


async def test_no_service_enters_the_database_of_another(
    postgres_url: str, customers_database: Database
) -> None:
    async with fresh_database(postgres_url, "customers") as other:
        name = f"closed_{other.name}"
        await executed(postgres_url, f'create database "{name}"')
        try:
            await executed(postgres_url, f'revoke all on database "{name}" from public')
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await executed(customers_database.runtime.replace(customers_database.name, name), "select 1")
        finally:
            await executed(postgres_url, f'drop database "{name}"')
