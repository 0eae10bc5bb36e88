from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.verification import customer_ids, differences
from shared.database import reading
from shared.figures import Difference
from tests.support.builders import a_customer_id
from tests.support.credit_books import CONTRADICTIONS, WRONG_ACCOUNTS, WRONG_DOCUMENTS, lively_account
from tests.support.credit_under_test import Credit
from tests.support.servers import PROJECT

pytestmark = pytest.mark.integration

PLANTED = {**WRONG_ACCOUNTS, **WRONG_DOCUMENTS, **CONTRADICTIONS}


async def found(engine: AsyncEngine, customer_id: str | None = None, page: int = 1000) -> list[Difference]:
    async with reading(engine).connect() as db:
        return [each async for each in differences(db, customer_id, page)]


async def plant(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as db:
        await db.execute(text(statement))


async def test_books_that_were_kept_in_the_ordinary_way_have_no_difference(
    credit: Credit, engine: AsyncEngine
) -> None:
    for _ in range(3):
        await lively_account(credit)

    assert await found(engine) == []


@pytest.mark.parametrize(("planted", "expected"), PLANTED.items(), ids=PLANTED)
async def test_a_planted_difference_is_found(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine, planted: str, expected: list[str]
) -> None:
    customer = await lively_account(credit)
    await plant(owner_engine, planted)

    differing = await found(engine)

    assert {each.customer_id for each in differing} == {customer}
    assert len(differing) == len(expected)
    for each, figure in zip(differing, expected, strict=True):
        assert each.figure.startswith(figure)
        assert each.kept != each.true


async def test_figures_are_told_as_texts_and_none_where_there_is_no_row(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customer = await lively_account(credit)
    await plant(owner_engine, "update settlements set starts_on = '2024-04-01' where grain = 'month'")
    await plant(owner_engine, "update accounts set reserved = 0")

    assert await found(engine) == [
        Difference(customer, "days to pay, month of 2024-03-01", None, "73"),
        Difference(customer, "days to pay, month of 2024-04-01", "73", None),
        Difference(customer, "invoices settled, month of 2024-03-01", None, "1"),
        Difference(customer, "invoices settled, month of 2024-04-01", "1", None),
        Difference(customer, "reserved, by the ledger", "0.00", "90.00"),
        Difference(customer, "reserved, by what is held", "0.00", "90.00"),
    ]


async def test_pages_leave_no_account_out(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customers = [await credit.opens_account() for _ in range(5)]
    await plant(owner_engine, "update accounts set balance = 1")

    differing = await found(engine, page=2)

    assert [each.customer_id for each in differing] == sorted(customers * 2)
    assert {(each.kept, each.true) for each in differing} == {("1.00", "0.00")}


async def test_of_one_customer_its_differences_alone_are_found(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customers = [await credit.opens_account() for _ in range(3)]
    await plant(owner_engine, "update accounts set past_due = 1")

    assert [each.customer_id for each in await found(engine, customers[1])] == [customers[1]]
    assert await found(engine, a_customer_id()) == []


async def test_whoever_has_figures_or_documents_is_named_once_in_the_order_of_ids(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customers = sorted([await lively_account(credit), *[await credit.opens_account() for _ in range(3)]])
    await plant(owner_engine, "delete from accounts where version > 1")

    async with reading(engine).connect() as db:
        assert await customer_ids(db, "", 100) == customers
        assert await customer_ids(db, customers[0], 2) == customers[1:3]
        assert await customer_ids(db, customers[-1], 2) == []


async def test_what_was_settled_before_there_were_figures_of_it_is_counted_by_the_migration(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    for _ in range(2):
        await lively_account(credit)
    await plant(owner_engine, "delete from settlements")
    assert len(await found(engine)) == 12

    await plant(owner_engine, migration("0003_settlements_and_risks").SETTLED_SO_FAR)

    assert await found(engine) == []


def migration(name: str) -> Any:
    spec = spec_from_file_location(name, PROJECT / f"services/credit/migrations/versions/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
