import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import is_away, is_locked, is_transient
from shared.kafka import REQUEST_MAX_BYTES
from shared.outbox import Outgoing, TooLarge, put

pytestmark = pytest.mark.integration


async def test_a_lock_that_is_held_for_long_is_awaited_and_not_given_up(engine: AsyncEngine) -> None:
    async with engine.begin() as holder, engine.begin() as waiting:
        await holder.execute(text("lock table inbox"))
        await waiting.execute(text("set local lock_timeout = '10ms'"))
        with pytest.raises(DBAPIError) as failed:
            await waiting.execute(text("select * from inbox"))

    assert is_locked(failed.value)
    assert not is_transient(failed.value)
    assert not is_away(failed.value)


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"k", b"x" * REQUEST_MAX_BYTES, []),
        (b"k" * REQUEST_MAX_BYTES, b"", []),
        (b"k", b"", [("ce_correlationid", b"x" * REQUEST_MAX_BYTES)]),
        (b"k" * 400_000, b"x" * 400_000, [("ce_subject", b"x" * 400_000)]),
    ],
    ids=["value", "key", "header", "all together"],
)
async def test_a_message_that_no_relay_could_publish_is_refused_before_the_commit(
    engine: AsyncEngine, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    async with engine.begin() as db:
        with pytest.raises(TooLarge):
            await put(db, [Outgoing("topic", key, value, headers)])
