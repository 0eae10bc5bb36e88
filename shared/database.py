"""The database of a service: engine, naming of constraints, migrations, and which errors mean what."""

import asyncio
import json
from pathlib import Path

import asyncpg
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

STATEMENT_TIMEOUT_MS = 10_000  # longer than any deadline of a request: whoever asked has gone by then
LONG_STATEMENT_TIMEOUT_MS = 3_600_000  # where nobody waits: an index of a large table, a page of figures
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000  # a stopped process must not hold row locks for longer
POOL_TIMEOUT_S = 5.0
MIGRATIONS_SCHEMA = "migrations"  # what has been migrated is the owner's business, not the runtime role's

_CONNECTION_LOST = (
    OSError,  # refused, reset, and every time-out of ours: the server's own come first, with a state
    PoolTimeout,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_LOCKED_STATE = "55P03"
_TRANSIENT_STATES = frozenset({"40001", "40P01", "57014"})  # serialization, deadlock, statement time-out


def new_metadata() -> MetaData:
    """Metadata whose constraints have predictable names, so that migrations can speak of them."""
    return MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def new_engine(
    url: str, pool_size: int, application_name: str, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
) -> AsyncEngine:
    """An engine with bounded waits everywhere; `url` is an ordinary `postgresql://` URL."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=False,
        json_serializer=_json,
        hide_parameters=True,  # they are personal data, and errors end up in logs
        connect_args={
            "timeout": POOL_TIMEOUT_S,
            "command_timeout": statement_timeout_ms / 1000 + 1,
            "server_settings": {
                "application_name": application_name,
                "statement_timeout": str(statement_timeout_ms),
                "lock_timeout": str(LOCK_TIMEOUT_MS),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
                "jit": "off",
            },
        },
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def reading(engine: AsyncEngine) -> AsyncEngine:
    """A view of the engine whose statements run alone, without BEGIN and ROLLBACK around them."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def is_away(error: BaseException) -> bool:
    """Whether the error says that the database cannot be reached now: it will be tried until it can."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_caused_by(error, _CONNECTION_LOST)
    return isinstance(error, _CONNECTION_LOST)


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed when tried again at once: deadlock, lock time-out, …."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") in _TRANSIENT_STATES


def is_locked(error: BaseException) -> bool:
    """Whether the error says that somebody else holds a lock for long: it will be tried until it is free."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") == _LOCKED_STATE


def _is_caused_by(error: DBAPIError, kinds: tuple[type[BaseException], ...]) -> bool:
    cause: BaseException | None = error.orig
    while cause is not None:
        if isinstance(cause, kinds):
            return True
        cause = cause.__cause__
    return False


async def answers(engine: AsyncEngine, within_s: float) -> bool:
    """Whether the database answers a statement within `within_s` seconds."""
    try:
        async with asyncio.timeout(within_s), reading(engine).connect() as db:
            await db.execute(text("select 1"))
    except (TimeoutError, DBAPIError, OSError, PoolTimeout):
        return False
    return True


def migrate(url: str, migrations: Path) -> None:
    """Bring the database to the newest revision in `migrations`; two at once wait for each other."""
    from alembic import command  # imported here: a service that serves needs no Alembic in memory
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def run_migrations(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls: run the revisions in one transaction under one lock."""
    from alembic import context

    url = context.config.attributes["url"]
    engine = new_engine(url, 1, "migrations", LONG_STATEMENT_TIMEOUT_MS)

    async def upgrade() -> None:
        async with engine.connect() as db:
            await db.execute(text("select pg_advisory_lock(hashtext('migrations'))"))
            await db.execute(text(f"create schema if not exists {MIGRATIONS_SCHEMA}"))
            await db.commit()
            await db.run_sync(_run, metadata)
        await engine.dispose()

    asyncio.run(upgrade())


def _run(connection: object, metadata: MetaData) -> None:
    from alembic import context

    context.configure(connection=connection, target_metadata=metadata, version_table_schema=MIGRATIONS_SCHEMA)  # type: ignore[arg-type]  # run_sync hands over a sync Connection
    with context.begin_transaction():
        context.run_migrations()
