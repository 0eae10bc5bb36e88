import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.credit.requests import invoice_of_order, issued_invoice
from tests.support.builders import a_customer_id, a_record, an_envelope
from tests.support.credit_builders import (
    SHOP,
    a_credit_note,
    a_customer_state,
    a_payment,
    a_write_off,
    an_invoice_command,
    an_invoice_id,
    an_order,
    shipped,
)
from tests.support.credit_under_test import Credit, credit_on
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

PAID, NOTE, OFF, SETTLED = (
    "payment.recorded.v1",
    "credit_note.issued.v1",
    "receivable.written_off.v1",
    "invoice.settled.v1",
)


async def invoiced(credit: Credit, customer: str, **changes: object) -> str:
    command = an_invoice_command(customer, **changes)
    posted = await credit.posts(command, source=SHOP)
    return str(posted["id"])


async def open_amounts(credit: Credit) -> dict[str, str]:
    rows = await credit.rows("select invoice_id, cast(open_amount as text) as amount from invoices")
    return {row["invoice_id"]: row["amount"] for row in rows}


async def test_a_payment_goes_to_what_is_oldest_due_then_oldest_then_by_id(credit: Credit) -> None:
    customer = await credit.opens_account()
    ids = [f"inv_{name}" for name in ("d", "c", "b", "a")]
    later, sooner = date(2024, 3, 1), date(2024, 2, 1)
    for invoice_id, due, issued in zip(ids, (later, sooner, sooner, sooner), (1, 2, 1, 1), strict=True):
        day = date(2024, 1, issued)
        await invoiced(credit, customer, invoice_id=invoice_id, due_date=due, invoice_date=day)

    await credit.posts(a_payment(customer, amount="350.00"))

    (paid,) = await credit.events(customer, PAID)
    assert [each["invoice_id"] for each in paid["allocations"]] == ["inv_a", "inv_b", "inv_c", "inv_d"]
    assert [each["amount"] for each in paid["allocations"]] == ["100.00", "100.00", "100.00", "50.00"]
    assert await open_amounts(credit) == {"inv_a": "0.00", "inv_b": "0.00", "inv_c": "0.00", "inv_d": "50.00"}
    said = [each["version"] for each in await credit.said(customer)][-5:]
    assert said == [6, 7, 8, 9, 9]


async def test_a_payment_says_what_it_settled_and_in_how_many_days(credit: Credit) -> None:
    customer = await credit.opens_account()
    invoice = await invoiced(credit, customer, invoice_date=date(2024, 1, 1))
    early = datetime(2024, 1, 6, tzinfo=UTC)
    await credit.posts(a_payment(customer, amount="40.00", received_at=datetime(2024, 1, 21, tzinfo=UTC)))

    posted = await credit.posts(a_payment(customer, amount="75.00", received_at=early))

    (settled,) = await credit.events(customer, SETTLED)
    assert (settled["invoice_id"], settled["settled_on"], settled["days_to_pay"]) == (
        invoice,
        "2024-01-21",
        20,
    )
    assert (posted["balance"], posted["on_account"], posted["version"]) == (-15.0, 15.0, 5)


async def test_a_payment_is_allocated_as_its_sender_wishes(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer, external_ref="ORDER-1")
    await credit.hears_all(order, shipped(order))
    first = await invoiced(credit, customer, external_ref="CHARGE-1")
    second = await invoiced(credit, customer)
    wishes = [
        {"external_ref": "CHARGE-1", "amount": "10.00"},
        {"external_ref": "ORDER-1", "amount": "20.00"},
        {"invoice_id": second, "amount": "150.00"},
        {"external_ref": "CHARGE-1", "amount": "5.00"},
        {"invoice_id": an_invoice_id(), "amount": "7.00"},
    ]

    posted = await credit.posts(a_payment(customer, amount="200.00", allocations=wishes), source=SHOP)

    (paid,) = await credit.events(customer, PAID)
    assert {each["invoice_id"]: each["amount"] for each in paid["allocations"]} == {
        first: "15.00",
        invoice_of_order(order.order_id): "20.00",
        second: "100.00",
    }
    assert posted["on_account"] == 65.0


async def test_a_reference_is_its_sender_s_own(credit: Credit) -> None:
    customer = await credit.opens_account()
    await invoiced(credit, customer, external_ref="CHARGE-1")
    wishes = [{"external_ref": "CHARGE-1", "amount": "10.00"}]

    posted = await credit.posts(a_payment(customer, amount="10.00", allocations=wishes), source="/bank")

    assert posted["on_account"] == 10.0


async def test_an_invoice_of_another_customer_gets_nothing(credit: Credit) -> None:
    customer, other = await credit.opens_account(), await credit.opens_account()
    invoice = await invoiced(credit, other)
    wishes = [{"invoice_id": invoice, "amount": "100.00"}]

    posted = await credit.posts(a_payment(customer, allocations=wishes))

    assert posted["on_account"] == 100.0
    assert await open_amounts(credit) == {invoice: "100.00"}


async def test_allocations_that_add_up_to_more_than_the_payment_are_refused(credit: Credit) -> None:
    customer = await credit.opens_account()
    wishes = [{"invoice_id": an_invoice_id(), "amount": "50.01"}] * 2

    assert await credit.refuses(a_payment(customer, allocations=wishes)) == "allocations_exceed_payment"


async def test_the_same_payment_again_is_the_same_success(credit: Credit) -> None:
    customer = await credit.opens_account()
    payment = a_payment(customer, received_at=datetime(2024, 1, 6, 12, tzinfo=UTC))
    elsewhere = payment.model_copy(
        update={"received_at": datetime.fromisoformat("2024-01-06T14:00:00+02:00")}
    )

    answers = [await credit.posts(each) for each in (payment, payment, elsewhere)]

    assert answers == [answers[0]] * 3
    assert await credit.figures(customer) == ("-100.00", "0.00")
    assert len(await credit.events(customer, PAID)) == 1


async def test_a_payment_id_for_something_else_is_refused(credit: Credit) -> None:
    customer, other = await credit.opens_account(), await credit.opens_account()
    await credit.posts(a_payment(customer, payment_id="PAY-1"))

    assert await credit.refuses(a_payment(customer, payment_id="PAY-1", amount="1.00")) == "payment_id_reused"
    assert await credit.refuses(a_payment(other, payment_id="PAY-1")) == "payment_id_reused"
    assert (await credit.posts(a_payment(other, payment_id="PAY-1"), source="/cash"))["balance"] == -100.0


async def test_a_payment_that_comes_many_times_at_once_counts_once(
    credit: Credit, engine: AsyncEngine
) -> None:
    customer = await credit.opens_account()
    payment = a_payment(customer)
    processes = [credit_on(engine) for _ in range(4)]

    answers = await asyncio.gather(*(each.posts(payment) for each in processes for _ in range(4)))

    assert answers == [answers[0]] * 16
    assert await credit.figures(customer) == ("-100.00", "0.00")


async def test_one_id_for_two_customers_at_once_is_one_payment(credit: Credit, engine: AsyncEngine) -> None:
    customers = [await credit.opens_account() for _ in range(4)]
    processes = [credit_on(engine) for _ in customers]
    told = zip(processes, customers, strict=True)

    answers = await asyncio.gather(
        *(each.is_told(a_payment(customer, payment_id="PAY-1")) for each, customer in told)
    )

    refused = [answer.facts["refusal"] for answer in answers if "refusal" in answer.facts]
    assert refused == ["payment_id_reused"] * 3


async def test_money_that_cannot_be_recorded_is_refused(credit: Credit) -> None:
    customer = await credit.opens_account()
    future = datetime.now(UTC) + timedelta(hours=25)
    assert await credit.refuses(a_payment(a_customer_id())) == "unknown_customer"
    assert await credit.refuses(a_payment(customer, currency="EUR")) == "currency_mismatch"
    assert await credit.refuses(a_payment(customer, received_at=future)) == "date_in_future"
    assert await credit.figures(customer) == ("0.00", "0.00")


async def test_a_refusal_that_nobody_awaits_is_said_with_the_ids_it_named(credit: Credit) -> None:
    customer = await credit.opens_account()
    payment = a_payment(customer, currency="EUR")

    await credit.consumer.handle(a_record(payment, an_envelope(payment)))

    rejected = (await credit.said(customer))[-1]
    assert rejected == {
        "type": "receivable.command_rejected.v1",
        "command": "receivable.record_payment.v1",
        "code": "currency_mismatch",
        "detail": "the account is kept in USD",
        "customer_id": customer,
        "payment_id": payment.payment_id,
    }


async def test_a_payment_of_a_customer_that_is_not_known_yet_awaits_what_customers_says(
    credit: Credit,
) -> None:
    customer = a_customer_state()
    credit.customers.known[customer.customer_id] = customer

    posted = await credit.posts(a_payment(customer.customer_id))

    assert (posted["balance"], posted["version"]) == (-100.0, 2)


async def test_a_payment_of_an_erased_customer_is_recorded(credit: Credit) -> None:
    customer = await credit.opens_account()
    await invoiced(credit, customer)
    await credit.erases(customer)

    assert (await credit.posts(a_payment(customer)))["balance"] == 0.0


async def test_two_payments_at_once_never_give_an_invoice_more_than_is_open(
    credit: Credit, engine: AsyncEngine
) -> None:
    customer = await credit.opens_account()
    invoice = await invoiced(credit, customer)
    processes = [credit_on(engine) for _ in range(5)]

    await asyncio.gather(*(each.posts(a_payment(customer, amount="30.00")) for each in processes))

    assert await open_amounts(credit) == {invoice: "0.00"}
    (kept,) = await credit.rows("select cast(sum(on_account) as text) as amount from money")
    assert (kept["amount"], await credit.figures(customer)) == ("50.00", ("-50.00", "0.00"))


# Credit notes and write-offs


async def test_a_credit_note_without_an_invoice_is_money_on_account(credit: Credit) -> None:
    customer = await credit.opens_account()
    await invoiced(credit, customer)

    posted = await credit.posts(a_credit_note(customer))

    assert (posted["balance"], posted["on_account"]) == (90.0, 10.0)


async def test_a_credit_note_takes_of_its_invoice_what_is_open(credit: Credit) -> None:
    customer = await credit.opens_account()
    invoice = await invoiced(credit, customer)

    posted = await credit.posts(a_credit_note(customer, invoice_id=invoice, amount="130.00"))

    (note,) = await credit.events(customer, NOTE)
    assert note["allocations"] == [{"invoice_id": invoice, "amount": "100.00"}]
    assert posted["on_account"] == 30.0
    (settled,) = await credit.events(customer, SETTLED)
    assert settled["days_to_pay"] is None


async def test_a_write_off_without_an_invoice_goes_oldest_due_first(credit: Credit) -> None:
    customer = await credit.opens_account()
    newer = await invoiced(credit, customer, due_date=date(2024, 3, 1))
    older = await invoiced(credit, customer, due_date=date(2024, 2, 1))

    posted = await credit.posts(a_write_off(customer, amount="120.00"))

    (off,) = await credit.events(customer, OFF)
    assert [each["invoice_id"] for each in off["allocations"]] == [older, newer]
    assert (off["on_account"], posted["balance"]) == ("0.00", 80.0)
    (kept,) = await credit.rows("select reason from money")
    assert kept["reason"] == "small balance"


async def test_nothing_beyond_what_is_open_is_written_off(credit: Credit) -> None:
    customer = await credit.opens_account()
    invoice = await invoiced(credit, customer)
    await invoiced(credit, customer)

    assert await credit.refuses(a_write_off(customer, amount="200.01")) == "exceeds_open"
    named = a_write_off(customer, amount="100.01", invoice_id=invoice)
    assert await credit.refuses(named) == "exceeds_open"


async def test_a_note_or_write_off_of_an_invoice_the_customer_has_not_is_refused(credit: Credit) -> None:
    customer, other = await credit.opens_account(), await credit.opens_account()
    invoice = await invoiced(credit, other)

    assert await credit.refuses(a_credit_note(customer, invoice_id=invoice)) == "unknown_invoice"
    assert await credit.refuses(a_write_off(customer, invoice_id=an_invoice_id())) == "unknown_invoice"


async def test_ids_of_notes_and_write_offs_stand_for_one_thing_too(credit: Credit) -> None:
    customer = await credit.opens_account()
    await invoiced(credit, customer)
    await credit.posts(a_credit_note(customer, credit_note_id="1"))
    await credit.posts(a_write_off(customer, write_off_id="1"))

    note, off = a_credit_note(customer, credit_note_id="1"), a_write_off(customer, write_off_id="1")

    assert (await credit.posts(note))["balance"] == 80.0
    assert (await credit.posts(off))["balance"] == 80.0
    assert await credit.refuses(note.model_copy(update={"amount": off.amount * 2})) == "credit_note_id_reused"
    assert await credit.refuses(off.model_copy(update={"reason": "other"})) == "write_off_id_reused"


async def test_amounts_of_nothing_and_below_are_poison(credit: Credit) -> None:
    customer = await credit.opens_account()
    for amount in ("0.00", "-1.00", "1.001"):
        payment = a_payment(customer)
        record = a_record(payment, an_envelope(payment))
        body = {**json.loads(payment.to_json()), "amount": amount}
        record = record.__class__(
            record.topic, record.key, json.dumps(body).encode(), record.headers, offset=record.offset
        )

        await credit.consumer.handle(record)

    reasons = [dict(letter.headers)["dlq_error"].decode() for letter in credit.mailbox.letters]
    assert [reason.split(":")[0] for reason in reasons] == ["invalid_body"] * 3


async def test_a_payment_is_one_transaction_of_seven_statements(credit: Credit, engine: AsyncEngine) -> None:
    customer = await credit.opens_account()
    await invoiced(credit, customer)

    with sent_by(engine) as sent:
        await credit.posts(a_payment(customer))

    # claim, lock, its id, what is owed, everything that changes, outbox, answer
    assert (sent.commits, len(sent.statements)) == (1, 7), sent.statements


async def test_an_invoice_keeps_the_id_its_sender_and_reference_make(credit: Credit) -> None:
    customer = await credit.opens_account()

    assert await invoiced(credit, customer, external_ref="R") == issued_invoice(SHOP, "R")
