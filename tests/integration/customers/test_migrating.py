import asyncio

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from shared.database import migrate
from tests.support.postgres import Database
from tests.support.servers import PROJECT

pytestmark = pytest.mark.integration

FOLDER = PROJECT / "services" / "customers" / "migrations"
EMPTIED = """
    drop table contacts, customers, inbox, outbox, customer_counts, figures;
    drop schema migrations cascade;
"""
THREE_CUSTOMERS = """
    insert into customers (id, version, name, email, billing_address, payment_terms, currency,
        credit_limit, discount_rate, customer_since, is_active, created_at, updated_at)
    select 'cust_' || n, n, 'MÜLLER ' || n, 'Post' || n || '@Mail.example',
        '{"line1":"1 High St","city":"London","country":"GB"}', 'net_30', 'USD', 0, 0, now(), n <> 2, now(),
        now() from generate_series(1, 3) as n;
    insert into inbox (consumer, source, id, digest, answer, facts)
    values ('customers', '/erp', '1', '', '{"id":"cust_1"}', '{"version": "c1-p0"}');
"""


def upgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["url"] = url
    command.upgrade(config, revision)


async def test_customers_of_the_first_revision_are_kept_and_can_be_searched_and_counted(
    customers_database: Database,
) -> None:
    db = await asyncpg.connect(customers_database.owner)
    try:
        await db.execute(EMPTIED)
        await asyncio.to_thread(upgrade, customers_database.owner, "0001")
        await db.execute(THREE_CUSTOMERS)

        await asyncio.to_thread(migrate, customers_database.owner, FOLDER)

        counted = await db.fetchrow("select count(*), sum(active), sum(inactive) from customer_counts")
        searched = await db.fetch("select search_text from customers order by id")
        versions = await db.fetch("select version from customers where erased_at is null order by version")
        kept = await db.fetchrow("select concerns, answer from inbox")
    finally:
        await db.close()
    assert tuple(counted) == (16, 2, 1)
    assert searched[0]["search_text"] == "müller 1\npost1@mail.example"
    assert [row["version"] for row in versions] == [1, 2, 3]
    assert tuple(kept) == ("cust_1", b'{"id":"cust_1"}')
