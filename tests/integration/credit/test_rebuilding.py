import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.rebuilding import rebuild
from services.credit.verification import differences
from shared.contracts.credit.events import CreditAccount
from shared.contracts.credit.requests import GetCreditAnalytics
from shared.database import reading
from shared.figures import Difference, Rebuilt
from tests.support.builders import a_customer_id
from tests.support.credit_books import CONTRADICTIONS, WRONG_ACCOUNTS, WRONG_DOCUMENTS, lively_account
from tests.support.credit_builders import a_payment
from tests.support.credit_under_test import Credit

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


async def found(engine: AsyncEngine) -> Sequence[Difference]:
    async with reading(engine).connect() as db:
        return [each async for each in differences(db)]


async def rebuilt(engine: AsyncEngine, customer_id: str) -> Rebuilt:
    async with engine.begin() as db:
        return await rebuild(db, customer_id, NOW)


async def plant(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as db:
        for statement in statements:
            await db.execute(text(statement))


async def analytics(credit: Credit, customer_id: str) -> dict[str, Any]:
    answer = await credit.is_asked(GetCreditAnalytics(customer_id=customer_id, period="all", now=NOW))
    shown: dict[str, Any] = json.loads(answer.body)
    return shown


@pytest.mark.parametrize("planted", WRONG_ACCOUNTS)
async def test_a_wrong_figure_of_an_account_is_repaired_and_said_under_the_next_version(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine, planted: str
) -> None:
    customer = await lively_account(credit)
    before = await credit.account(customer)
    await plant(owner_engine, planted)
    differing = await found(engine)

    done = await rebuilt(engine, customer)

    assert (done.found, await found(engine)) == (differing, [])
    after = await credit.account(customer)
    assert (after["version"], after["as_of"]) == (before["version"] + 1, NOW)
    (state,) = done.states
    assert isinstance(state, CreditAccount)
    assert (state.version, state.balance, state.reserved, state.past_due) == (
        *(after["version"], after["balance"], after["reserved"], after["past_due"]),
    )


@pytest.mark.parametrize("planted", WRONG_DOCUMENTS)
async def test_a_wrong_figure_beside_the_account_is_repaired_and_the_account_says_nothing(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine, planted: str
) -> None:
    customer = await lively_account(credit)
    before = await credit.account(customer)
    await plant(owner_engine, planted)
    differing = await found(engine)

    done = await rebuilt(engine, customer)

    assert done == Rebuilt(differing, [])
    assert await found(engine) == []
    assert await credit.account(customer) == before


@pytest.mark.parametrize("planted", CONTRADICTIONS)
async def test_where_ledger_and_documents_contradict_each_other_that_is_told_and_left(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine, planted: str
) -> None:
    customer = await lively_account(credit)
    await plant(owner_engine, planted)
    accounts = await credit.rows("select * from accounts")
    differing = await found(engine)

    done = await rebuilt(engine, customer)

    assert done == Rebuilt(differing, [])
    assert (await found(engine), await credit.rows("select * from accounts")) == (differing, accounts)


async def test_rebuilding_what_is_right_writes_nothing(credit: Credit, engine: AsyncEngine) -> None:
    customer = await lively_account(credit)
    tables = ("accounts", "invoices", "money", "settlements", "fact_versions")
    rows = [await credit.rows(f"select *, xmin::text from {table}") for table in tables]

    assert await rebuilt(engine, customer) == Rebuilt([], [])
    assert await rebuilt(engine, a_customer_id()) == Rebuilt([], [])

    assert [await credit.rows(f"select *, xmin::text from {table}") for table in tables] == rows


async def test_other_customers_are_left_alone(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    one, other = [await lively_account(credit) for _ in range(2)]
    await plant(owner_engine, "update accounts set balance = 1", "delete from settlements")

    await rebuilt(engine, one)

    assert {each.customer_id for each in await found(engine)} == {other}


async def test_what_is_posted_meanwhile_waits_and_counts(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customer = await lively_account(credit)
    await plant(owner_engine, "update accounts set balance = 0, reserved = 0", "delete from settlements")

    async with engine.begin() as db:
        await rebuild(db, customer, NOW)
        paying = asyncio.create_task(credit.posts(a_payment(customer, amount="5.00")))
        waiting = "select count(*) as n from pg_stat_activity where wait_event_type = 'Lock'"
        waiting += " and datname = current_database()"
        while (await credit.rows(waiting))[0]["n"] == 0:
            assert not paying.done()
        shown = await analytics(credit, customer)
        assert (shown["current_balance"], shown["avg_payment_days"]) == (0, None)
    await paying

    assert await found(engine) == []
    shown = await analytics(credit, customer)
    assert (shown["current_balance"], shown["avg_payment_days"]) == (105.00, 73)


async def test_a_risk_that_was_computed_of_what_was_wrong_is_forgotten(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customer = await lively_account(credit)
    await plant(owner_engine, "update invoices set paid = paid - 1 where paid = 45")
    await analytics(credit, customer)

    await rebuilt(engine, customer)

    (row,) = await credit.rows("select * from risks join fact_versions using (customer_id)")
    assert row["version"] == row["facts_version"] + 1


async def test_a_risk_that_is_remembered_wrongly_is_found_and_computed_anew(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    """Found where nothing else is wrong, and no more once it is of what is no longer so."""
    customer = await lively_account(credit)
    true = (await analytics(credit, customer))["risk_score"]
    assert await found(engine) == []
    wrong = "low" if true != "low" else "high"
    await plant(owner_engine, f"update risks set risk = '{wrong}'")
    assert (await analytics(credit, customer))["risk_score"] == wrong
    before = await credit.account(customer)
    differing = [Difference(customer, f"risk as of {NOW.date()}", wrong, true)]
    assert await found(engine) == differing

    done = await rebuilt(engine, customer)

    assert (done, await found(engine)) == (Rebuilt(differing, []), [])
    assert (await analytics(credit, customer))["risk_score"] == true
    assert await credit.account(customer) == before

    await plant(owner_engine, f"update risks set risk = '{wrong}'")
    await credit.posts(a_payment(customer, amount="5.00"))
    assert await found(engine) == []


async def test_what_is_past_due_is_made_anew_as_of_today(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    """Also where it is by chance what it should be today, kept as of another day."""
    customer = await lively_account(credit)
    await plant(owner_engine, "update accounts set as_of = '2024-02-28'")
    assert [each.figure for each in await found(engine)] == ["past due"]

    done = await rebuilt(engine, customer)

    assert [state.version for state in done.states if isinstance(state, CreditAccount)] == [
        (await credit.account(customer))["version"]
    ]
    assert await found(engine) == []
