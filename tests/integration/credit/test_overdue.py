from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.handlers import overdue
from tests.support.credit_builders import a_payment, an_invoice_command
from tests.support.credit_under_test import Credit
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

OVERDUE, STATE = "invoice.overdue.v1", "credit_account.state.v1"


def in_days(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=days)


def at(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def test_an_invoice_is_overdue_the_day_after_it_was_due(credit: Credit) -> None:
    customer = await credit.opens_account()
    posted = await credit.posts(an_invoice_command(customer, due_date=in_days(5)))
    await credit.posts(a_payment(customer, amount="40.00"))

    await credit.passes_time(at(days=5))
    assert await credit.events(customer, OVERDUE) == []
    await credit.passes_time(at(days=6))

    said, state = (await credit.said(customer))[-2:]
    assert (said["type"], said["invoice_id"], said["open_amount"]) == (OVERDUE, posted["id"], "60.00")
    assert (said["days_past_due"], said["version"]) == (1, 4)
    assert (state["type"], state["version"], state["past_due"]) == (STATE, 4, "60.00")


async def test_an_overdue_invoice_is_said_once(credit: Credit) -> None:
    customer = await credit.opens_account()
    await credit.posts(an_invoice_command(customer, due_date=in_days(-3)))

    for days in (0, 0, 1, 30):
        await credit.passes_time(at(days))

    assert [each["days_past_due"] for each in await credit.events(customer, OVERDUE)] == [3]


async def test_what_is_paid_is_never_overdue(credit: Credit) -> None:
    customer = await credit.opens_account()
    await credit.posts(an_invoice_command(customer, due_date=in_days(1)))
    await credit.posts(a_payment(customer))

    await credit.passes_time(at(days=30))

    assert await credit.events(customer, OVERDUE) == []


async def test_past_due_shows_all_that_is_past_due_not_only_what_is_said_now(credit: Credit) -> None:
    customer, other = await credit.opens_account(), await credit.opens_account()
    await credit.posts(an_invoice_command(other, amount="7.00", due_date=in_days(-9)))
    await credit.posts(an_invoice_command(customer, due_date=in_days(-9)))
    await credit.passes_time(at(days=0))
    await credit.posts(an_invoice_command(customer, amount="50.00", due_date=in_days(1)))

    await credit.passes_time(at(days=2))

    assert (await credit.said(customer))[-1]["past_due"] == "150.00"
    assert (await credit.said(other))[-1]["past_due"] == "7.00"


async def test_many_are_said_in_bounded_transactions_until_all_are(
    credit: Credit, engine: AsyncEngine
) -> None:
    customers = [await credit.opens_account() for _ in range(3)]
    each = overdue.AT_ONCE // 3 + 5
    await credit.writes(
        "insert into invoices (invoice_id, customer_id, amount, credited, written_off, paid,"
        " invoice_date, due_on, overdue_said) select 'inv_' || n || customer_id, customer_id, 1, 0, 0, 0,"
        " '2024-01-01', '2024-01-31', false from accounts, generate_series(1, :each) as n",
        each=each,
    )

    with sent_by(engine) as sent:
        await credit.passes_time(at(days=0))

    said = [len(await credit.events(customer, OVERDUE)) for customer in customers]
    assert said == [each] * 3
    assert sent.commits == 2
    states = [(await credit.said(customer))[-1] for customer in customers]
    assert [(state["past_due"], state["version"]) for state in states] == [(f"{each}.00", each + 1)] * 3
