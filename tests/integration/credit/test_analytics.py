import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.rebuilding import rebuild
from services.credit.settlements import spans
from services.credit.store import analytics
from shared.contracts.credit.answers import CreditReport
from shared.contracts.credit.requests import CheckCredit, GetCreditAnalytics
from shared.contracts.periods import PERIODS, Period
from shared.database import reading
from tests.support.builders import a_customer_id
from tests.support.credit_builders import (
    a_customer_state,
    a_payment,
    an_invoice_command,
    an_order,
    confirmed,
    shipped,
)
from tests.support.credit_checks import keep_account, keep_invoice
from tests.support.credit_under_test import Credit
from tests.support.rows_read import read_by
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
TODAY = NOW.date()


def a_question(customer_id: str, period: Period = "all", now: datetime = NOW) -> GetCreditAnalytics:
    return GetCreditAnalytics(customer_id=customer_id, period=period, now=now)


async def shown(
    credit: Credit, customer_id: str, period: Period = "all", now: datetime = NOW
) -> dict[str, Any]:
    answer = await credit.is_asked(a_question(customer_id, period, now))
    body: dict[str, Any] = json.loads(answer.body)
    return body


async def paid(credit: Credit, customer_id: str, on: date, days: int) -> None:
    """An invoice of 10.00 was settled on that day, so many days after its date."""
    issued = await credit.posts(
        an_invoice_command(customer_id, amount="10.00", invoice_date=on - timedelta(days=days))
    )
    received_at = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    wished = [{"invoice_id": issued["id"], "amount": "10.00"}]
    await credit.posts(
        a_payment(customer_id, amount="10.00", received_at=min(received_at, NOW), allocations=wished)
    )


# Figures


async def test_a_customer_with_nothing_posted_has_figures_of_nothing(credit: Credit) -> None:
    customer_id = await credit.opens_account(credit_limit="500.00")

    answer = await credit.is_asked(a_question(customer_id))

    assert answer.body == (
        b'{"current_balance":0.00,"credit_limit":500.00,"credit_utilization":0.0,"avg_payment_days":null,'
        b'"risk_score":"medium","model_version":"tcs-1.0.0","as_of":null}'
    )


async def test_figures_are_those_of_the_account_since_they_changed_last(credit: Credit) -> None:
    customer_id = await credit.opens_account(credit_limit="1000.00")
    await credit.posts(an_invoice_command(customer_id, amount="250.50"))

    found = await shown(credit, customer_id)

    as_of = (await credit.account(customer_id))["as_of"].astimezone(UTC)
    assert (found["current_balance"], found["credit_utilization"]) == (250.5, 25.1)
    assert found["as_of"] == f"{as_of:%Y-%m-%dT%H:%M:%SZ}"


async def test_days_to_pay_are_those_of_invoices_settled_in_the_period(credit: Credit) -> None:
    customer_id = await credit.opens_account()
    for ago, days in ((0, 5), (30, 10), (31, 20), (90, 40), (91, 80), (400, 200)):
        await paid(credit, customer_id, TODAY - timedelta(days=ago), days)

    found = {period: (await shown(credit, customer_id, period))["avg_payment_days"] for period in PERIODS}

    assert found == {"30d": 8, "90d": 19, "1y": 31, "all": 59}


async def test_a_customer_that_does_not_exist_has_no_analytics(credit: Credit) -> None:
    customer = a_customer_state()
    gone = await credit.opens_account()
    await credit.erases(gone)

    for customer_id in (customer.customer_id, gone):
        answer = await credit.is_asked(a_question(customer_id))
        assert answer.facts["refusal"] == "customer_not_found"
    assert credit.customers.asked == [customer.customer_id]

    credit.customers.known[customer.customer_id] = customer
    assert (await shown(credit, customer.customer_id))["current_balance"] == 0


async def test_a_customer_that_is_only_a_marker_is_asked_for(credit: Credit) -> None:
    customer_id = a_customer_id()
    await credit.hears(shipped(an_order(customer_id=customer_id)))

    assert (await credit.is_asked(a_question(customer_id))).facts["refusal"] == "customer_not_found"
    assert credit.customers.asked == [customer_id] * 2


# Rows read


async def many_paid(engine: AsyncEngine, customer_id: str, how_many: int) -> None:
    """On 40 days from today back, each invoice settled 10 days after its date."""
    async with engine.begin() as db:
        await db.execute(
            text(
                "insert into invoices (invoice_id, customer_id, amount, credited, written_off, paid,"
                "   invoice_date, due_on, settled_on, last_paid_on, overdue_said)"
                " select :id || n, :id, 1, 0, 0, 1, on_day - 10, on_day, on_day, on_day, false"
                " from generate_series(1, :how_many) as n,"
                " lateral (select cast(:today as date) - n % 40 as on_day) as days"
            ),
            {"id": customer_id, "how_many": how_many, "today": TODAY},
        )
        await db.execute(
            text(
                "insert into allocations (invoice_id, kind, source, id, amount, on_day)"
                " select invoice_id, 'payment', '/bank', invoice_id, 1, settled_on from invoices"
                " where customer_id = :id"
            ),
            {"id": customer_id},
        )
        await rebuild(db, customer_id, NOW)
        await db.execute(text("analyze settlements"))


async def test_as_many_rows_are_read_for_many_invoices_as_for_few(
    credit: Credit, owner_engine: AsyncEngine
) -> None:
    few, many = [await credit.opens_account() for _ in range(2)]
    await many_paid(owner_engine, few, 40)
    await many_paid(owner_engine, many, 4_000)

    for period in PERIODS:
        rows = []
        for customer_id in (few, many):
            assert (await shown(credit, customer_id, period))["avg_payment_days"] == 10
            with read_by(credit.engine) as read:
                await shown(credit, customer_id, period)
            rows.append(await read.rows())
        assert rows[0] == rows[1]
        assert rows[0]["settlements"] > 0
        assert not {"invoices", "allocations", "order_facts", "ledger"} & set(+rows[0])


# Risk


async def a_customer_with_a_past(credit: Credit) -> str:
    """Whose risk is low, and becomes medium as soon as it is known to have ordered nothing for long."""
    async with credit.engine.begin() as db:
        account = await keep_account(db, credit_limit=Decimal("10000.00"), customer_version=1)
        for ago in range(40, 400, 10):
            await keep_invoice(
                db,
                account.customer_id,
                TODAY - timedelta(days=ago),
                [("payment", TODAY - timedelta(days=ago), "1000.00")],
            )
    return account.customer_id


async def risk(credit: Credit, customer_id: str, now: datetime = NOW) -> tuple[str, int]:
    """What is shown of it, and how many statements that took."""
    with sent_by(credit.engine) as sent:
        found = await shown(credit, customer_id, now=now)
    return found["risk_score"], len(sent.statements)


async def checked(credit: Credit, customer_id: str) -> str:
    answer = await credit.is_told(CheckCredit(customer_id=customer_id, check_id=f"chk_{uuid4().hex}"))
    return CreditReport.model_validate_json(answer.body).risk_assessment


async def test_a_risk_is_computed_once_and_then_remembered(credit: Credit) -> None:
    customer_id = await a_customer_with_a_past(credit)

    first, statements = await risk(credit, customer_id)
    assert statements == 2

    assert await risk(credit, customer_id) == (first, 1)
    assert await checked(credit, customer_id) == first


async def test_a_risk_is_computed_again_when_something_is_posted(credit: Credit) -> None:
    customer_id = await a_customer_with_a_past(credit)
    before = await risk(credit, customer_id)
    overdue = TODAY - timedelta(days=100)
    await credit.posts(
        an_invoice_command(customer_id, amount="5000.00", invoice_date=overdue, due_date=overdue)
    )

    after = await risk(credit, customer_id)

    assert (before, after) == (("low", 2), ("high", 2))
    assert await checked(credit, customer_id) == "high"


async def test_a_risk_is_computed_again_when_an_order_is_heard_of(credit: Credit) -> None:
    customer_id = await a_customer_with_a_past(credit)
    assert await risk(credit, customer_id) == ("low", 2)
    long_ago = NOW - timedelta(days=200)
    order = confirmed(an_order(customer_id=customer_id, order_date=long_ago))

    await credit.hears_at_once(order)
    after = await risk(credit, customer_id)
    await credit.hears_at_once(order)

    assert after == ("medium", 2)
    assert await risk(credit, customer_id) == ("medium", 1)
    assert await checked(credit, customer_id) == "medium"


async def test_a_risk_is_computed_again_when_the_customer_changes(credit: Credit) -> None:
    customer_id = await credit.opens_account(credit_limit="0.00")
    assert (await risk(credit, customer_id))[1] == 2

    changed = a_customer_state(
        customer_id=customer_id, version=2, credit_limit="0.00", payment_terms="net_60"
    )
    await credit.hears(changed)

    assert (await credit.account(customer_id))["version"] == 1
    assert (await risk(credit, customer_id))[1] == 2


async def test_a_risk_is_computed_again_on_another_day(credit: Credit) -> None:
    customer_id = await a_customer_with_a_past(credit)
    await credit.hears_at_once(
        confirmed(an_order(customer_id=customer_id, order_date=NOW - timedelta(days=180)))
    )

    assert await risk(credit, customer_id) == ("low", 2)
    assert await risk(credit, customer_id, NOW + timedelta(days=1)) == ("medium", 2)


async def test_a_risk_that_was_computed_of_older_facts_is_not_taken_for_that_of_newer_ones(
    credit: Credit,
) -> None:
    customer_id = await a_customer_with_a_past(credit)
    order = confirmed(an_order(customer_id=customer_id, order_date=NOW - timedelta(days=200)))

    async with reading(credit.engine).connect() as db:
        read = await analytics.find(db, customer_id, TODAY, spans("all", NOW))
        assert read is not None
        await credit.hears_at_once(order)
        await analytics.remember_risk(db, read, TODAY, "low")
    assert await risk(credit, customer_id) == ("medium", 2)

    async with reading(credit.engine).connect() as db:
        await analytics.remember_risk(db, read, TODAY, "low")
        older = replace(read, facts_version=1, account=replace(read.account, version=0))
        await analytics.remember_risk(db, older, TODAY, "low")
        await analytics.remember_risk(db, read, TODAY - timedelta(days=1), "low")
    assert await risk(credit, customer_id) == ("medium", 1)


async def test_asking_for_a_risk_leaves_no_trace_but_the_risk(credit: Credit) -> None:
    customer_id = await a_customer_with_a_past(credit)
    account = await credit.account(customer_id)

    await risk(credit, customer_id)

    assert await credit.rows("select * from credit_checks") == []
    assert await credit.said(customer_id) == []
    assert await credit.account(customer_id) == account


async def test_whoever_asks_does_not_wait_for_what_is_being_posted(credit: Credit) -> None:
    customer_id = await a_customer_with_a_past(credit)
    await risk(credit, customer_id)

    async with credit.engine.begin() as db:
        await analytics.facts_changed(db, [customer_id])
        await db.execute(text("update accounts set balance = 1, version = version + 1"))
        assert await risk(credit, customer_id) == ("low", 1)
        assert await risk(credit, customer_id, NOW + timedelta(days=1)) == ("low", 2)
