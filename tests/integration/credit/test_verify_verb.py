import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.credit_verify import database_url
from ops.settings import Settings
from tests.support.command_line import customers_api
from tests.support.credit_builders import a_payment
from tests.support.credit_under_test import Credit
from tests.support.postgres import Database

pytestmark = pytest.mark.integration


async def test_books_without_a_difference_are_said_to_be_so(
    credit: Credit, credit_database: Database
) -> None:
    await credit.posts(a_payment(await credit.opens_account()))

    ended = await customers_api("credit", "verify", DATABASE_URL_CREDIT=credit_database.runtime)

    assert (ended.code, ended.output) == (0, "no differences\n")


async def test_every_difference_is_shown(
    credit: Credit, credit_database: Database, owner_engine: AsyncEngine
) -> None:
    customer = await credit.opens_account()
    await credit.posts(a_payment(customer))
    async with owner_engine.begin() as db:
        await db.execute(text("update accounts set balance = -99.50"))

    ended = await customers_api("credit", "verify", DATABASE_URL_CREDIT=credit_database.runtime)

    assert ended.code == 1
    assert ended.output.splitlines() == [
        f"{customer}  balance, by invoices and money: -99.50, should be -100.00",
        f"{customer}  balance, by the ledger: -99.50, should be -100.00",
    ]


async def test_without_a_database_nothing_is_said_to_be_well(tmp_path: Path) -> None:
    ended = await customers_api("credit", "verify", STATE_DIR=str(tmp_path / "nothing"))

    assert (ended.code, ended.output) == (2, "")
    assert "DATABASE_URL_CREDIT" in ended.errors


async def test_a_database_that_does_not_answer_is_named_as_the_cause() -> None:
    url = "postgresql://credit:secret@127.0.0.1:1/credit"

    ended = await customers_api("credit", "verify", DATABASE_URL_CREDIT=url)

    assert (ended.code, ended.output) == (2, "")
    assert "does not answer" in ended.errors
    assert "secret" not in ended.errors


def test_the_local_stack_is_found_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({"credit": "hush"}))

    found = database_url(Settings(state_dir=tmp_path, postgres_port=5999), {"SECRETS_DIR": "/nowhere"})

    assert found == "postgresql://credit:hush@127.0.0.1:5999/credit"
