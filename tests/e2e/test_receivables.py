import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.credit.requests import IssueCreditNote, IssueInvoice, WriteOff
from shared.contracts.orders.requests import DeliverOrder, ReturnOrder, ShipOrder
from shared.messaging import Message
from tests.e2e.support import sent
from tests.e2e.trading import (
    CREDIT_EVENTS,
    a_debtor,
    a_payment,
    a_step,
    an_order,
    placed,
    rejection,
    until,
    until_detail,
    yesterday,
)
from tests.support.builders import a_customer_id, a_record
from tests.support.eventually import eventually
from tests.support.kafka import Published
from tests.support.system import ApplicationUnderTest

RECEIVABLES = "credit.receivable.commands.v1"
TOMORROW = datetime.now(UTC) + timedelta(days=2)


def an_invoice(customer_id: str, amount: str = "100.00", **changes: object) -> IssueInvoice:
    least = {
        "customer_id": customer_id,
        "external_ref": f"OB-{uuid4().hex[:12]}",
        "amount": Decimal(amount),
        "currency": "USD",
        "invoice_date": yesterday().date(),
    }
    return IssueInvoice.model_validate({**least, **changes})


def a_note(customer_id: str, amount: str = "10.00", **changes: object) -> IssueCreditNote:
    least = {
        "credit_note_id": f"CN-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "amount": Decimal(amount),
        "currency": "USD",
        "issued_at": yesterday(),
    }
    return IssueCreditNote.model_validate({**least, **changes})


def a_write_off(customer_id: str, amount: str = "10.00", **changes: object) -> WriteOff:
    least = {
        "write_off_id": f"WO-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "amount": Decimal(amount),
        "currency": "USD",
        "reason": "insolvent",
    }
    return WriteOff.model_validate({**least, **changes})


async def test_an_opening_balance_is_paid_credited_and_written_off(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app)

    await sent(app, an_invoice(customer_id, "100.00"))
    await until_detail(app, customer_id, current_balance=100.0)
    await sent(app, a_payment(customer_id, "50.00"))
    await sent(app, a_write_off(customer_id, "20.00"))
    await until_detail(app, customer_id, current_balance=30.0)
    await sent(app, a_note(customer_id, "40.00"))

    await until_detail(app, customer_id, current_balance=-10.0)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (lambda customer: a_payment(customer, "1.00", currency="EUR"), "currency_mismatch"),
        (lambda customer: a_payment(customer, "1.00", received_at=TOMORROW), "date_in_future"),
        (lambda customer: a_payment(a_customer_id(), "1.00"), "unknown_customer"),
        (lambda customer: an_invoice(customer, currency="EUR"), "currency_mismatch"),
        (lambda customer: an_invoice(customer, invoice_date=TOMORROW.date()), "date_in_future"),
        (lambda customer: a_note(customer, issued_at=TOMORROW), "date_in_future"),
        (lambda customer: a_note(customer, invoice_id="inv_none"), "unknown_invoice"),
        (lambda customer: a_write_off(customer, invoice_id="inv_none"), "unknown_invoice"),
        (lambda customer: a_write_off(customer), "exceeds_open"),
    ],
)
async def test_what_is_refused_leaves_one_trace(
    app: ApplicationUnderTest, message: Callable[[str], Message], code: str
) -> None:
    command = message(await a_debtor(app))
    record = await sent(app, command)

    refused = await rejection(app, CREDIT_EVENTS, str(command.partition_key), record)

    assert (refused["code"], refused["command"]) == (code, command.type)


async def test_a_payment_is_recorded_once_and_its_id_is_not_for_another_amount(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app)
    await sent(app, an_invoice(customer_id, "100.00"))
    payment = a_payment(customer_id, "30.00")

    for _ in range(3):
        await sent(app, payment)
    other = await sent(app, payment.model_copy(update={"amount": Decimal("31.00")}))

    assert (await rejection(app, CREDIT_EVENTS, customer_id, other))["code"] == "payment_id_reused"
    await until_detail(app, customer_id, current_balance=70.0)


@pytest.mark.parametrize("amount", ["0.00", "-5.00", "1.001", "free"])
async def test_an_amount_that_is_none_is_a_dead_letter_and_stops_nothing(
    app: ApplicationUnderTest, amount: str
) -> None:
    customer_id = await a_debtor(app)
    good = a_record(a_payment(customer_id, "5.00"))
    poison = a_record(a_payment(customer_id, "5.00"))
    body = (poison.value or b"").replace(b'"5.00"', f'"{amount}"'.encode())

    await app.publish(poison.topic, poison.key, body, poison.headers)
    await app.publish(good.topic, good.key, good.value, good.headers)

    await until_detail(app, customer_id, current_balance=-5.0)
    (letter,) = await eventually(lambda: letters_of(app, customer_id))
    assert letter.header["dlq_error"].startswith("invalid_body")
    assert letter.value == body


async def letters_of(app: ApplicationUnderTest, customer_id: str) -> list[Published]:
    letters = await app.records_of(f"{RECEIVABLES}.credit.dlq")
    return [letter for letter in letters if letter.key == customer_id.encode()]


@pytest.mark.parametrize("seed", range(4))
async def test_in_whatever_order_commands_come_and_however_often_the_end_is_the_same(
    app: ApplicationUnderTest, seed: int
) -> None:
    chance = random.Random(seed)
    customer_id = await a_debtor(app)
    order = an_order(customer_id, "300.00")
    commands: list[Message] = [
        order,
        a_step(ShipOrder, order, ship_date=yesterday()),
        a_step(DeliverOrder, order, delivery_date=yesterday() + timedelta(hours=1)),
        a_step(ReturnOrder, order, amount=Decimal("100.00"), return_id="R-1"),
        a_payment(customer_id, "50.00"),
        an_invoice(customer_id, "10.00"),
    ]
    chance.shuffle(commands)

    for command in itertools.chain(commands, chance.choices(commands, k=4)):
        await sent(app, command)

    await until(app, order, "delivered")
    await until_detail(app, customer_id, current_balance=160.0, lifetime_value=200.0, total_orders=1)
    found: dict[str, Any] = await until(app, order, "delivered")
    assert found["ship_date"] == f"{yesterday():%Y-%m-%dT%H:%M:%SZ}"
    assert found["delivery_date"] == f"{yesterday() + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


async def test_an_overdue_customer_gets_no_more_credit_and_a_payment_lifts_that(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app, payment_terms="net_30")
    long_ago = (yesterday() - timedelta(days=100)).date()
    await sent(app, an_invoice(customer_id, "100.00", invoice_date=long_ago))
    await until_detail(app, customer_id, current_balance=100.0)

    refused = await placed(app, an_order(customer_id), "rejected")
    assert refused["status_reason"] == "account_past_due"
    await sent(app, a_payment(customer_id, "100.00"))
    await until_detail(app, customer_id, current_balance=0.0)

    await placed(app, an_order(customer_id))
