from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import new_engine
from tests.support.credit_under_test import Credit, credit_on
from tests.support.postgres import Database


@pytest.fixture
def engine(credit_engine: AsyncEngine) -> AsyncEngine:
    return credit_engine


@pytest.fixture
async def owner_engine(credit_database: Database) -> AsyncIterator[AsyncEngine]:
    engine = new_engine(credit_database.owner, pool_size=2, application_name="test")
    yield engine
    await engine.dispose()


@pytest.fixture
def credit(engine: AsyncEngine) -> Credit:
    return credit_on(engine)
