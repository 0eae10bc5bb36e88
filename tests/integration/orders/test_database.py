import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from services.orders.pricing import FIRST_YEAR, LAST_YEAR
from services.orders.tables import metadata
from shared.database import new_engine
from tests.support.orders_under_test import Orders
from tests.support.postgres import Database

pytestmark = pytest.mark.integration


async def test_migrations_make_exactly_the_declared_tables(orders_database: Database) -> None:
    def differences(db: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(db, opts=options), metadata))

    engine = new_engine(orders_database.owner, pool_size=1, application_name="test")
    async with engine.connect() as db:
        assert await db.run_sync(differences) == []
    await engine.dispose()


async def test_every_year_that_is_numbered_has_a_sequence(orders: Orders) -> None:
    async with orders.engine.connect() as db:
        found = await db.execute(
            text("select sequencename from pg_sequences where sequencename like 'order_numbers_%' order by 1")
        )

        assert list(found.scalars()) == [f"order_numbers_{year}" for year in range(FIRST_YEAR, LAST_YEAR + 1)]
