import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messaging import Answer
from tests.support.builders import a_create, an_erasure, an_import, an_update

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]

DIFFERENCE = text(
    "select kept.active - there.active as active, kept.inactive - there.inactive as inactive, kept.slots"
    " from (select sum(active) as active, sum(inactive) as inactive,"
    " count(*) filter (where active <> 0 or inactive <> 0) as slots from customer_counts) as kept,"
    " (select count(*) filter (where is_active) as active, count(*) filter (where not is_active) as inactive"
    " from customers where erased_at is null) as there"
)


async def life_of_a_customer(tell: Told, number: int) -> None:
    command = a_create(is_active=number % 3 != 0)
    await tell(command)
    customer_id = command.customer_id
    await asyncio.gather(
        *(tell(an_update(customer_id, is_active=is_active)) for is_active in (True, False, True)),
        tell(a_create(customer_id=customer_id)),
    )
    if number % 4 == 0:
        await asyncio.gather(tell(an_erasure(customer_id)), tell(an_erasure(customer_id)))


async def test_the_kept_counts_are_those_of_the_table_after_many_writers_at_once(
    tell: Told, engine: AsyncEngine
) -> None:
    numbers = random.sample(range(64), 64)
    repeated = an_import(is_active=False)

    await asyncio.gather(
        *(life_of_a_customer(tell, number) for number in numbers), *(tell(repeated) for _ in range(4))
    )

    async with engine.connect() as db:
        difference = (await db.execute(DIFFERENCE)).one()
    assert (difference.active, difference.inactive) == (0, 0)
    assert difference.slots > 1  # one row for all would have them wait for each other


async def test_what_is_refused_is_not_counted(tell: Told, engine: AsyncEngine) -> None:
    command = a_create()
    await tell(command)

    await tell(command.model_copy(update={"name": "Somebody Else"}))
    await tell(an_import(customer_id=command.customer_id))

    async with engine.connect() as db:
        counted = await db.execute(text("select sum(active), sum(inactive) from customer_counts"))
        assert tuple(counted.one()) == (1, 0)
