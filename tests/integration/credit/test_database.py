import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.tables import metadata

pytestmark = pytest.mark.integration


async def test_migrations_make_exactly_the_declared_tables(owner_engine: AsyncEngine) -> None:
    def differences(db: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(db, opts=options), metadata))

    async with owner_engine.connect() as db:
        assert await db.run_sync(differences) == []
