"""Analytics of orders as tests ask for them, and how they stand beside the orders."""

from datetime import datetime
from typing import Any

from services.orders.rebuilding import rebuild
from services.orders.verification import differences
from shared.contracts.orders.answers import OrderAnalytics
from shared.contracts.orders.requests import GetOrderAnalytics
from shared.contracts.periods import Period
from shared.database import reading
from shared.figures import Difference, Rebuilt
from tests.support.order_builders import NOW
from tests.support.order_histories import exact
from tests.support.orders_under_test import Orders


async def analytics(
    orders: Orders, customer_id: str, period: Period = "all", now: datetime = NOW
) -> dict[str, Any]:
    """The figures as they are answered; money as decimals."""
    answer = await orders.is_asked(GetOrderAnalytics(customer_id=customer_id, period=period, now=now))
    assert "refusal" not in answer.facts, answer.facts
    OrderAnalytics.model_validate_json(answer.body)
    return exact(answer.body)


async def all_orders(orders: Orders, customer_id: str) -> list[dict[str, Any]]:
    """The rows of the customer's orders."""
    return await orders.rows("select * from orders where customer_id = :id", id=customer_id)


async def found_by(orders: Orders, customer_id: str | None = None) -> list[Difference]:
    """What verification finds, in one customer or in all."""
    async with reading(orders.engine).connect() as db:
        return [each async for each in differences(db, customer_id)]


async def rebuilt_by(orders: Orders, customer_id: str, now: datetime = NOW) -> Rebuilt:
    """What rebuilding the customer's figures leads to, committed."""
    async with orders.engine.begin() as db:
        return await rebuild(db, customer_id, now)
