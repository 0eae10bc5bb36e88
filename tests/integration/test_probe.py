import time, asyncpg, pytest
from sqlalchemy import text
from tests.support.kafka import publish, records_of, a_topic
from shared.kafka import create_topics
pytestmark=pytest.mark.integration
@pytest.mark.parametrize("n", range(6))
async def test_db(engine, n):
    async with engine.begin() as db:
        assert (await db.execute(text("select count(*) from customers"))).scalar_one() == 0
        await db.execute(text("insert into outbox (topic, headers) values ('x','{}')"))
@pytest.mark.kafka
@pytest.mark.parametrize("n", range(3))
async def test_kafka(kafka, n):
    t = a_topic("events")
    await create_topics(kafka, [t])
    await publish(kafka, t.name, b"k", b"{}", [("a", b"b")])
    got = await records_of(kafka, t.name)
    assert [g.key for g in got] == [b"k"] and got[0].header == {"a": "b"}
