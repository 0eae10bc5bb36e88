from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support import system
from tests.support.system import InProcess


@pytest.fixture
async def in_process(
    engine: AsyncEngine, orders_engine: AsyncEngine, credit_engine: AsyncEngine
) -> AsyncIterator[InProcess]:
    # on databases of its own: the documented conversation names its orders and payments as documents do
    engines = {"customers": engine, "orders": orders_engine, "credit": credit_engine}
    async with system.in_process(engines) as app:
        yield app
