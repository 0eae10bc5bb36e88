import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.orders_under_test import Orders, orders_on


@pytest.fixture
def orders(orders_engine: AsyncEngine) -> Orders:
    return orders_on(orders_engine)
