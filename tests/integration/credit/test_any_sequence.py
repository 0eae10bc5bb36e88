import asyncio
import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.verification import differences
from shared.contracts.credit.requests import GetCreditAnalytics
from shared.contracts.periods import PERIODS, begin_of
from shared.database import reading
from shared.messaging import Command, Message
from tests.support.builders import a_record, an_envelope
from tests.support.credit_builders import (
    a_credit_note,
    a_customer_state,
    a_payment,
    a_write_off,
    an_invoice_command,
    an_order,
    cancelled,
    confirmed,
    delivered,
    processing_started,
    rejected,
    returned,
    shipped,
)
from tests.support.credit_under_test import Credit, credit_on

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


def an_amount(drawn: random.Random) -> str:
    return f"{drawn.randrange(1, 30_000) / 100:.2f}"


def a_story(drawn: random.Random, customer: str) -> list[Message]:
    """What may happen to an order, of which any part may be missing."""
    order = an_order(customer_id=customer, total_amount=an_amount(drawn))
    sent = shipped(order, ship_date=datetime(2024, 3, drawn.randrange(1, 28), tzinfo=UTC))
    ways: list[list[Message]] = [
        [order],
        [order, rejected(order)],
        [order, confirmed(order), processing_started(order), cancelled(order, version=4)],
        [order, confirmed(order), sent, delivered(sent), returned(sent)],
        [order, confirmed(order), delivered(order), shipped(order, version=5, status="delivered")],
        [order, sent, returned(sent, amount="0.01", version=4, status="shipped", is_partial=True)],
    ]
    return drawn.choice(ways)


def some_command(drawn: random.Random, customer: str) -> Message:
    """Ids are few, so that some come twice, for the same or for something else."""
    number, amount = str(drawn.randrange(12)), an_amount(drawn)
    due = date(2024, 1, 1) + timedelta(days=drawn.randrange(1_500))
    received_at = NOW - timedelta(days=drawn.randrange(450), hours=drawn.randrange(24))
    wishes = [{"external_ref": str(drawn.randrange(12)), "amount": "0.01"}]
    commands: list[Command[Any]] = [
        an_invoice_command(customer, external_ref=number, amount=amount, due_date=due),
        a_payment(customer, payment_id=number, amount=amount, received_at=received_at),
        a_payment(customer, payment_id=number, amount=amount, received_at=received_at, allocations=wishes),
        a_credit_note(customer, credit_note_id=number, amount=amount),
        a_write_off(customer, write_off_id=number, amount=amount),
    ]
    return drawn.choice(commands)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.timeout(120)
async def test_whatever_comes_however_often_and_from_wherever_the_books_agree(
    engine: AsyncEngine, seed: int
) -> None:
    drawn = random.Random(seed)
    processes = [credit_on(engine) for _ in range(3)]
    customers = [a_customer_state(credit_limit="900.00") for _ in range(2)]
    messages: list[Message] = []
    for customer in customers:
        await processes[0].hears(customer)
        messages += [each for _ in range(12) for each in a_story(drawn, customer.customer_id)]
        messages += [some_command(drawn, customer.customer_id) for _ in range(30)]
    messages += drawn.sample(messages, len(messages) // 2)
    messages.sort(key=lambda _: drawn.random())

    async def handled_by(number: int) -> None:
        for message in messages[number::3]:
            await processes[number].consumer.handle(a_record(message, an_envelope(message)))

    await asyncio.gather(*(handled_by(number) for number in range(3)))
    await processes[0].passes_time(datetime.now(UTC))

    assert [process.mailbox.letters for process in processes] == [[], [], []]
    async with reading(engine).connect() as db:
        assert [each async for each in differences(db)] == []
    for customer in customers:
        said = await processes[0].said(customer.customer_id)
        versions = [each["version"] for each in said if "version" in each and ".state." not in each["type"]]
        assert versions == list(range(2, len(versions) + 2))
        approved = [
            each for each in said if each["type"] == "credit.reserved.v1" and each["amount"] != "0.00"
        ]
        assert all(Decimal(each["available_after"]) >= 0 for each in approved)
        for period in PERIODS:
            await assert_days_to_pay_are_those_of_each_invoice(
                processes[0], GetCreditAnalytics(customer_id=customer.customer_id, period=period, now=NOW)
            )


async def assert_days_to_pay_are_those_of_each_invoice(credit: Credit, query: GetCreditAnalytics) -> None:
    invoices = await credit.rows(
        "select * from invoices where customer_id = :id and settled_on is not null and paid > 0",
        id=query.customer_id,
    )
    begin = begin_of(query.period, NOW)
    days = [
        max(0, (each["last_paid_on"] - each["invoice_date"]).days)
        for each in invoices
        if begin is None or begin.date() <= each["settled_on"] <= NOW.date()
    ]
    mean = Decimal(sum(days)) / len(days) if days else None

    shown = json.loads((await credit.is_asked(query)).body)["avg_payment_days"]

    assert shown == (None if mean is None else int(mean.quantize(Decimal(1), ROUND_HALF_UP)))
