"""The verbs `verify` and `rebuild` on databases alone; with topics: test_copies.py and tests/chaos."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.ports import HOST, free_port
from ops.reach import database_url
from ops.settings import SERVICES, Settings
from services.customers import rebuilding
from services.customers import verification as of_customers
from services.customers.handlers import handlers as customers_handlers
from shared.consumer import Consumer
from shared.database import new_engine, reading
from shared.figures import Difference
from shared.handlers import Service
from tests.support.builders import a_create, a_customer_id, a_record, an_asking_envelope, an_erasure
from tests.support.command_line import customers_api
from tests.support.mailbox import Mailbox
from tests.support.orders_under_test import orders_on
from tests.support.postgres import Database, fresh_databases

pytestmark = pytest.mark.integration


@pytest.fixture
async def urls(postgres_url: str) -> AsyncIterator[dict[str, str]]:
    """Fresh databases of every service, and a broker that does not answer."""
    async with fresh_databases(postgres_url, SERVICES) as databases:
        found = {f"DATABASE_URL_{name.upper()}": each.runtime for name, each in databases.items()}
        yield {**found, "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{free_port()}"}


async def a_customer_with_an_order(url: str) -> str:
    """The id of one whose confirmed order of 100.00 stands in the database of orders."""
    engine = new_engine(url, pool_size=2, application_name="test")
    orders = orders_on(engine)
    customer_id = await orders.has_customer()
    await orders.has_order("confirmed", customer_id=customer_id)
    await engine.dispose()
    return customer_id


async def write(url: str, statement: str) -> None:
    engine = new_engine(url, pool_size=1, application_name="test")
    async with engine.begin() as db:
        await db.execute(text(statement))
    await engine.dispose()


async def test_a_planted_difference_is_named_repaired_and_gone(urls: dict[str, str]) -> None:
    customer_id = await a_customer_with_an_order(urls["DATABASE_URL_ORDERS"])
    await a_customer_with_an_order(urls["DATABASE_URL_ORDERS"])
    await write(
        urls["DATABASE_URL_ORDERS"],
        f"update totals set lifetime_value = 7 where customer_id = '{customer_id}'",
    )

    found = await customers_api("verify", "orders", **urls)
    repaired = await customers_api("rebuild", "orders", **urls)
    again = await customers_api("rebuild", "orders", **urls)
    after = await customers_api("verify", "orders", **urls)

    assert (found.code, found.output.splitlines()) == (
        1,
        [f"{customer_id}  lifetime_value: 7.00, should be 100.00", "orders: 2 customers, 1 difference"],
    )
    assert (repaired.code, repaired.output.splitlines()) == (
        0,
        [f"{customer_id}  lifetime_value: 7.00, now 100.00", "orders: 1 difference repaired"],
    )
    assert (again.code, again.output) == (0, "orders: no differences\n")
    assert (after.code, after.output) == (0, "orders: 2 customers, no differences\n")


async def test_a_repair_is_said_under_the_next_version(urls: dict[str, str]) -> None:
    url = urls["DATABASE_URL_ORDERS"]
    customer_id = await a_customer_with_an_order(url)
    await write(url, "delete from outbox")
    await write(url, "update totals set lifetime_value = 7, version = 5")

    await customers_api("rebuild", "orders", "--customer", customer_id, **urls)

    engine = new_engine(url, pool_size=1, application_name="test")
    async with reading(engine).connect() as db:
        (said,) = await db.execute(text("select topic, value from outbox"))
    await engine.dispose()
    told = json.loads(said.value)
    assert said.topic == "orders.account.state.v1"
    assert (told["customer_id"], told["version"], told["lifetime_value"]) == (customer_id, 6, "100.00")


async def test_of_a_customer_that_is_not_there_it_is_said_so(urls: dict[str, str]) -> None:
    nobody = a_customer_id()

    ended = await customers_api("rebuild", "--customer", nobody, **urls)

    assert (ended.code, ended.output) == (1, "")
    assert f"there is no customer {nobody}" in ended.errors


@pytest.mark.parametrize("verb", ["verify", "rebuild"])
async def test_without_a_broker_what_is_kept_of_others_is_not_said_to_be_well(
    urls: dict[str, str], verb: str
) -> None:
    ended = await customers_api(verb, **urls)

    assert ended.code == 2
    assert "credit:" not in ended.output
    assert "no Kafka answers" in ended.errors


@pytest.mark.parametrize("verb", [("verify",), ("rebuild",), ("credit", "verify")])
async def test_without_a_database_nothing_is_said_to_be_well(tmp_path: Path, verb: tuple[str, ...]) -> None:
    ended = await customers_api(*verb, STATE_DIR=str(tmp_path / "nothing"))

    assert (ended.code, ended.output) == (2, "")
    assert "is not set, and no local stack has been run" in ended.errors


async def test_a_database_that_does_not_answer_is_named_as_the_cause() -> None:
    url = "postgresql://credit:secret@127.0.0.1:1/credit"

    ended = await customers_api("credit", "verify", DATABASE_URL_CREDIT=url)

    assert (ended.code, ended.output) == (2, "")
    assert "the database of credit does not answer" in ended.errors
    assert "secret" not in ended.errors


async def test_another_service_s_database_is_told_from_the_right_one(urls: dict[str, str]) -> None:
    ended = await customers_api("verify", "orders", DATABASE_URL_ORDERS=urls["DATABASE_URL_CUSTOMERS"])

    assert (ended.code, ended.output) == (2, "")
    assert "is none of orders's, or an older one" in ended.errors


@pytest.mark.parametrize("verb", ["verify", "rebuild"])
async def test_a_service_that_there_is_not_is_not_said_to_be_well(verb: str) -> None:
    ended = await customers_api(verb, "shipping")

    assert (ended.code, ended.output) == (2, "")
    assert "there is: orders, credit, customers" in ended.errors


def test_the_local_stack_is_found_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({"credit": "hush"}))
    settings = Settings(state_dir=tmp_path, postgres_port=5999)

    found = database_url(settings, "credit", {"SECRETS_DIR": "/nowhere"})

    assert found == "postgresql://credit:hush@127.0.0.1:5999/credit"


async def test_counts_of_customers_that_are_not_those_of_the_rows_are_found_and_made_anew(
    engine: AsyncEngine, customers_database: Database
) -> None:
    consumer = Consumer(Service(customers_handlers, engine), Mailbox())
    active, inactive, gone = (a_create(is_active=each) for each in (True, False, True))
    for command in (active, inactive, gone, an_erasure(gone.customer_id)):
        await consumer.handle(a_record(command, an_asking_envelope(command)))
    assert await counts(engine) == []

    await write(customers_database.runtime, "update customer_counts set active = active + 2 where slot = 3")
    expected = [Difference(None, "active customers", "3", "1")]
    assert await counts(engine) == expected
    async with engine.begin() as db:
        assert await rebuilding.recount(db) == expected
    assert await counts(engine) == []


async def counts(engine: AsyncEngine) -> list[Difference]:
    async with reading(engine).connect() as db:
        return [each async for each in of_customers.differences(db)]
