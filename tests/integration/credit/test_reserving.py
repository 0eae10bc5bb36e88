import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.ids import new_message_id
from tests.support.builders import a_customer_id
from tests.support.credit_builders import (
    a_customer_state,
    an_invoice_command,
    an_order,
    cancelled,
    confirmed,
    rejected,
    shipped,
)
from tests.support.credit_under_test import Credit, credit_on
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

RESERVED, REFUSED, RELEASED = (
    "credit.reserved.v1",
    "credit.reservation_refused.v1",
    "credit.released.v1",
)
STATE = "credit_account.state.v1"


async def test_an_order_that_fits_is_held_and_said_with_all_numbers(credit: Credit) -> None:
    customer = await credit.opens_account(credit_limit="1000.00")
    order = an_order(customer_id=customer, total_amount="299.95")

    await credit.hears(order)

    opened, reserved, state = await credit.said(customer)
    assert (opened["type"], opened["version"]) == (STATE, 1)
    assert reserved.pop("as_of").endswith("Z")
    assert reserved == {
        "type": RESERVED,
        "customer_id": customer,
        "order_id": order.order_id,
        "version": 2,
        "amount": "299.95",
        "currency": "USD",
        "credit_limit": "1000.00",
        "balance": "0.00",
        "reserved": "299.95",
        "available_before": "1000.00",
        "available_after": "700.05",
    }
    assert state == {
        "type": STATE,
        "customer_id": customer,
        "version": 2,
        "currency": "USD",
        "credit_limit": "1000.00",
        "balance": "0.00",
        "reserved": "299.95",
        "available": "700.05",
        "past_due": "0.00",
    }


async def test_a_placed_order_that_is_said_again_under_another_id_is_decided_once(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, order, order)

    assert await credit.figures(customer) == ("0.00", "100.00")
    assert len(await credit.events(customer, RESERVED)) == 1
    assert (await credit.account(customer))["version"] == 2


async def test_orders_at_once_from_several_processes_are_admitted_up_to_the_limit(
    engine: AsyncEngine,
) -> None:
    processes = [credit_on(engine) for _ in range(4)]
    customer = await processes[0].opens_account(credit_limit="1000.00")
    orders = [an_order(customer_id=customer, total_amount="50.00") for _ in range(64)]

    await asyncio.gather(*(processes[n % 4].hears(order) for n, order in enumerate(orders)))

    assert await processes[0].figures(customer) == ("0.00", "1000.00")
    assert len(await processes[0].events(customer, RESERVED)) == 20
    refusals = await processes[0].events(customer, REFUSED)
    assert [each["reason"] for each in refusals] == ["insufficient_credit"] * 44
    states = await processes[0].events(customer, STATE)
    assert [each["version"] for each in states] == list(range(1, 66))


@pytest.mark.parametrize(
    ("customer", "order", "reason"),
    [
        ({"is_active": False}, {}, "customer_inactive"),
        ({}, {"currency": "EUR"}, "currency_mismatch"),
        ({"credit_limit": "99.99"}, {}, "insufficient_credit"),
    ],
)
async def test_what_does_not_fit_is_refused_and_holds_nothing(
    credit: Credit, customer: dict[str, object], order: dict[str, object], reason: str
) -> None:
    customer_id = await credit.opens_account(**customer)

    await credit.hears(an_order(customer_id=customer_id, **order))

    (refused,) = await credit.events(customer_id, REFUSED)
    assert (refused["reason"], refused["amount"], refused["version"]) == (reason, "100.00", 2)
    assert await credit.figures(customer_id) == ("0.00", "0.00")


@pytest.mark.parametrize(("days_past_due", "outcome"), [(60, RESERVED), (61, REFUSED)])
async def test_an_invoice_too_long_past_due_blocks_further_orders(
    credit: Credit, days_past_due: int, outcome: str
) -> None:
    customer = await credit.opens_account()
    due = datetime.now(UTC).date() - timedelta(days=days_past_due)
    await credit.posts(an_invoice_command(customer, invoice_date=due, due_date=due))

    await credit.hears(an_order(customer_id=customer))

    assert len(await credit.events(customer, outcome)) == 1


async def test_an_order_of_a_customer_that_is_not_known_yet_awaits_what_customers_says(
    credit: Credit,
) -> None:
    customer = a_customer_state()
    credit.customers.known[customer.customer_id] = customer

    await credit.hears(an_order(customer_id=customer.customer_id))

    assert credit.customers.asked == [customer.customer_id]
    assert await credit.figures(customer.customer_id) == ("0.00", "100.00")


async def test_an_order_of_a_customer_that_customers_does_not_know_is_refused(credit: Credit) -> None:
    customer_id = a_customer_id()

    await credit.hears(an_order(customer_id=customer_id, currency="EUR"))

    refused, state = await credit.said(customer_id)
    assert (refused["type"], refused["reason"], refused["version"]) == (REFUSED, "unknown_customer", 1)
    assert (refused["currency"], refused["credit_limit"]) == ("EUR", "0.00")
    assert (state["type"], state["version"]) == (STATE, 1)


async def test_a_customer_that_comes_after_its_refused_order_gets_its_account(credit: Credit) -> None:
    customer = a_customer_state()
    await credit.hears(an_order(customer_id=customer.customer_id, currency="EUR"))
    credit.customers.known[customer.customer_id] = customer

    await credit.hears(an_order(customer_id=customer.customer_id))

    opened, reserved, state = (await credit.said(customer.customer_id))[2:]
    assert (opened["type"], opened["version"], opened["credit_limit"]) == (STATE, 2, "1000.00")
    assert (reserved["type"], reserved["version"], state["currency"]) == (RESERVED, 3, "USD")


async def test_prepaid_orders_hold_nothing_and_need_no_limit(credit: Credit) -> None:
    customer = await credit.opens_account(credit_limit="0.00", payment_terms="prepaid")

    await credit.hears(an_order(customer_id=customer, payment_terms="prepaid"))

    (reserved,) = await credit.events(customer, RESERVED)
    assert (reserved["amount"], reserved["reserved"]) == ("0.00", "0.00")


@pytest.mark.parametrize(("ended", "reason"), [(cancelled, "cancelled"), (rejected, "rejected")])
async def test_an_order_that_ends_is_released_once(credit: Credit, ended: object, reason: str) -> None:
    assert callable(ended)
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    await credit.hears(order)

    await credit.hears_all(ended(order), ended(order))

    (released,) = await credit.events(customer, RELEASED)
    assert (released["reason"], released["amount"], released["reserved"]) == (reason, "100.00", "0.00")
    assert (released["available_before"], released["available_after"]) == ("900.00", "1000.00")
    assert await credit.figures(customer) == ("0.00", "0.00")


async def test_a_refused_order_releases_nothing_when_it_is_rejected(credit: Credit) -> None:
    customer = await credit.opens_account(credit_limit="0.00")
    order = an_order(customer_id=customer)

    await credit.hears_all(order, rejected(order, reason="insufficient_credit"))

    assert await credit.events(customer, RELEASED) == []
    assert (await credit.account(customer))["version"] == 2


async def test_a_placed_order_that_is_heard_after_its_end_holds_nothing(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(rejected(order), order)

    assert await credit.figures(customer) == ("0.00", "0.00")
    assert await credit.events(customer, RESERVED) == []


async def test_the_rejected_order_of_a_customer_nobody_knows_leaves_only_what_is_known_of_it(
    credit: Credit,
) -> None:
    order = an_order(customer_id=a_customer_id(), payment_terms=None)

    await credit.hears(rejected(order, version=1, previous_status=None, reason="unknown_customer"))

    assert await credit.rows("select customer_id from accounts") == []
    assert [each["status"] for each in await credit.rows("select status from order_facts")] == ["rejected"]


async def test_a_lowered_limit_counts_from_the_next_order_on(credit: Credit) -> None:
    customer = a_customer_state()
    await credit.hears_all(customer, an_order(customer_id=customer.customer_id, total_amount="600.00"))

    lowered = customer.model_copy(update={"version": 2, "credit_limit": Decimal("500.00")})
    await credit.hears_all(lowered, an_order(customer_id=customer.customer_id, total_amount="0.01"))

    (refused,) = await credit.events(customer.customer_id, REFUSED)
    assert (refused["available_before"], refused["reason"]) == ("-100.00", "insufficient_credit")
    assert await credit.figures(customer.customer_id) == ("0.00", "600.00")


async def test_what_is_known_of_an_order_never_goes_back(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, confirmed(order), cancelled(order), confirmed(order), order)

    (fact,) = await credit.rows("select status, was_accepted, version from order_facts")
    assert fact == {"status": "cancelled", "was_accepted": True, "version": 3}


async def test_an_order_that_was_cancelled_while_pending_was_never_accepted(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, cancelled(order, version=2, previous_status="pending"))

    (fact,) = await credit.rows("select status, was_accepted from order_facts")
    assert fact == {"status": "cancelled", "was_accepted": False}


async def test_events_say_which_conversation_they_belong_to(credit: Credit) -> None:
    customer = await credit.opens_account()
    conversation = new_message_id()

    await credit.hears(an_order(customer_id=customer), correlation_id=conversation)

    rows = await credit.rows("select cast(headers as json) ->> 'ce_correlationid' as named from outbox")
    assert [row["named"] for row in rows[1:]] == [conversation, conversation]


async def test_a_reservation_is_one_transaction_of_five_statements(
    credit: Credit, engine: AsyncEngine
) -> None:
    customer = await credit.opens_account()

    with sent_by(engine) as sent:
        await credit.hears(an_order(customer_id=customer))

    # claim, lock, what is known of it, everything that changes, outbox
    assert (sent.commits, len(sent.statements)) == (1, 5), sent.statements


async def test_the_shipment_is_one_transaction_of_six_statements(credit: Credit, engine: AsyncEngine) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    await credit.hears(order)

    with sent_by(engine) as sent:
        await credit.hears(shipped(order))

    assert (sent.commits, len(sent.statements)) == (1, 6), sent.statements


async def test_as_of_is_when_a_figure_changed_last(credit: Credit) -> None:
    customer = await credit.opens_account(credit_limit="100.00")
    assert (await credit.account(customer))["as_of"] is None

    await credit.hears(an_order(customer_id=customer))
    changed_at = (await credit.account(customer))["as_of"]
    await credit.hears(an_order(customer_id=customer))

    assert changed_at is not None
    assert (await credit.account(customer))["as_of"] == changed_at
