from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from shared.contracts.credit.requests import invoice_of_order, issued_invoice
from shared.ids import prefixed_id
from tests.support.builders import a_customer_id
from tests.support.credit_builders import (
    a_payment,
    an_invoice_command,
    an_invoice_id,
    an_order,
    cancelled,
    confirmed,
    delivered,
    returned,
    shipped,
)
from tests.support.credit_under_test import Credit

pytestmark = pytest.mark.integration

RELEASED, ISSUED, SETTLED = "credit.released.v1", "invoice.issued.v1", "invoice.settled.v1"
NOTE, STATE = "credit_note.issued.v1", "credit_account.state.v1"


async def shipped_order(credit: Credit, customer: str, **changes: object) -> str:
    order = an_order(customer_id=customer, **changes)
    await credit.hears_all(order, confirmed(order), shipped(order))
    return order.order_id


async def test_a_shipped_order_is_released_and_invoiced_under_one_version_each(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer, total_amount="120.50")
    await credit.hears_all(order, confirmed(order))

    await credit.hears(shipped(order, ship_date=datetime(2024, 3, 10, 23, 30, tzinfo=UTC)))

    released, issued, state = (await credit.said(customer))[-3:]
    assert (released["type"], released["reason"], released["version"]) == (RELEASED, "shipped", 3)
    assert (released["reserved"], released["balance"], released["available_after"]) == (
        "0.00",
        "0.00",
        "1000.00",
    )
    assert issued == {
        "type": ISSUED,
        "customer_id": customer,
        "invoice_id": invoice_of_order(order.order_id),
        "order_id": order.order_id,
        "version": 4,
        "amount": "120.50",
        "currency": "USD",
        "invoice_date": "2024-03-10",
        "due_date": "2024-04-09",
    }
    assert (state["type"], state["version"], state["balance"], state["reserved"]) == (
        STATE,
        4,
        "120.50",
        "0.00",
    )


async def test_a_shipment_that_is_said_again_changes_nothing(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, shipped(order), shipped(order), order)

    assert await credit.figures(customer) == ("100.00", "0.00")
    assert len(await credit.events(customer, ISSUED)) == 1


async def test_a_delivery_without_a_shipment_is_invoiced_by_its_own_date(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, delivered(order))

    (issued,) = await credit.events(customer, ISSUED)
    assert issued["invoice_date"] == "2024-03-12"
    assert await credit.figures(customer) == ("100.00", "0.00")


async def test_a_shipment_that_is_heard_after_the_delivery_leaves_the_invoice_its_date(
    credit: Credit,
) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, delivered(order), shipped(order, version=5, status="delivered"))

    (issued,) = await credit.events(customer, ISSUED)
    assert issued["invoice_date"] == "2024-03-12"


async def test_the_terms_of_the_order_count_and_not_those_of_today(credit: Credit) -> None:
    customer = await credit.opens_account(payment_terms="net_60")

    await shipped_order(credit, customer, payment_terms="net_15")

    (issued,) = await credit.events(customer, ISSUED)
    assert issued["due_date"] == "2024-03-25"


async def test_an_order_of_nothing_is_released_and_not_invoiced(credit: Credit) -> None:
    customer = await credit.opens_account(credit_limit="0.00")

    await shipped_order(credit, customer, total_amount="0.00")

    assert [each["amount"] for each in await credit.events(customer, RELEASED)] == ["0.00"]
    assert await credit.events(customer, ISSUED) == []


async def test_a_prepaid_order_is_invoiced_in_full_and_due_at_once(credit: Credit) -> None:
    customer = await credit.opens_account(payment_terms="prepaid", credit_limit="0.00")
    await credit.posts(a_payment(customer, received_at=datetime(2024, 3, 1, tzinfo=UTC)))

    await shipped_order(credit, customer, payment_terms="prepaid")

    (issued,) = await credit.events(customer, ISSUED)
    (settled,) = await credit.events(customer, SETTLED)
    assert (issued["due_date"], settled["settled_on"], settled["days_to_pay"]) == (
        "2024-03-10",
        "2024-03-10",
        0,
    )
    assert await credit.figures(customer) == ("0.00", "0.00")


async def test_money_on_account_settles_later_invoices_oldest_money_first(credit: Credit) -> None:
    customer = await credit.opens_account()
    days = [datetime(2024, 3, day, tzinfo=UTC) for day in (5, 2, 12)]
    for name, day in zip(("second", "first", "third"), days, strict=True):
        await credit.posts(a_payment(customer, payment_id=name, amount="60.00", received_at=day))

    await shipped_order(credit, customer)

    taken = await credit.rows("select id, cast(amount as text) from allocations order by position")
    assert taken == [{"id": "first", "amount": "60.00"}, {"id": "second", "amount": "40.00"}]
    (settled,) = await credit.events(customer, SETTLED)
    assert (settled["settled_on"], settled["days_to_pay"]) == ("2024-03-10", 0)
    assert await credit.figures(customer) == ("-80.00", "0.00")


async def test_a_return_credits_the_invoice_of_its_order(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    sent = shipped(order)
    part = returned(sent, version=4, amount="30.00", is_partial=True, status="shipped")
    await credit.hears_all(order, confirmed(order), sent)

    await credit.hears_all(part, part)

    (note,) = await credit.events(customer, NOTE)
    assert note["allocations"] == [{"invoice_id": invoice_of_order(order.order_id), "amount": "30.00"}]
    assert (note["amount"], note["on_account"]) == ("30.00", "0.00")
    assert await credit.figures(customer) == ("70.00", "0.00")
    (fact,) = await credit.rows("select status, cast(returned_amount as text) as amount from order_facts")
    assert fact == {"status": "shipped", "amount": "30.00"}


async def test_what_an_order_s_invoice_does_not_take_of_a_return_is_on_account(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    await credit.hears_all(order, shipped(order))
    await credit.posts(a_payment(customer, amount="80.00"))

    await credit.hears(returned(order))

    (note,) = await credit.events(customer, NOTE)
    assert (note["allocations"][0]["amount"], note["on_account"]) == ("20.00", "80.00")
    (settled,) = await credit.events(customer, SETTLED)
    assert settled["days_to_pay"] == 4
    assert await credit.figures(customer) == ("-80.00", "0.00")


async def test_an_older_return_that_is_heard_late_still_counts(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    first = returned(order, version=4, amount="10.00", is_partial=True, status="shipped")
    second = returned(order, version=5, amount="90.00")

    await credit.hears_all(order, shipped(order), second, first)

    (fact,) = await credit.rows("select status, cast(returned_amount as text) as amount from order_facts")
    assert fact == {"status": "returned", "amount": "100.00"}
    assert await credit.figures(customer) == ("0.00", "0.00")


async def test_open_orders_of_an_erased_customer_go_on(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    await credit.hears(order)
    await credit.erases(customer)

    await credit.hears(shipped(order))

    assert await credit.figures(customer) == ("100.00", "0.00")


async def test_a_cancellation_after_the_shipment_takes_no_invoice_back(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)

    await credit.hears_all(order, shipped(order), cancelled(order, version=4))

    assert await credit.figures(customer) == ("100.00", "0.00")


# Invoices that others issue


async def test_an_opening_balance_is_due_by_the_customer_s_terms(credit: Credit) -> None:
    customer = await credit.opens_account(payment_terms="net_45")
    command = an_invoice_command(customer, external_ref="OPENING-1", amount="250.00")

    answer = await credit.is_told(command, source="/erp")

    invoice_id = issued_invoice("/erp", "OPENING-1")
    assert answer.body.decode() == (
        f'{{"customer_id": "{customer}", "id": "{invoice_id}", "version": 2,'
        ' "balance": 250.00, "on_account": 0.00}'
    )
    (issued,) = await credit.events(customer, ISSUED)
    assert (issued["order_id"], issued["due_date"]) == (None, "2024-02-15")


async def test_an_opening_balance_that_is_past_due_shows_so_at_once(credit: Credit) -> None:
    customer = await credit.opens_account()

    await credit.posts(an_invoice_command(customer, due_date=date(2024, 1, 31)))

    assert (await credit.said(customer))[-1]["past_due"] == "100.00"


async def test_the_same_invoice_again_is_the_same_success(credit: Credit) -> None:
    customer = await credit.opens_account()
    command = an_invoice_command(customer)

    first, second = await credit.posts(command), await credit.posts(command)

    assert first == second
    assert await credit.figures(customer) == ("100.00", "0.00")


async def test_a_reference_for_another_invoice_is_refused(credit: Credit) -> None:
    customer = await credit.opens_account()
    await credit.posts(an_invoice_command(customer, external_ref="OPENING-1"))

    other = an_invoice_command(customer, external_ref="OPENING-1", amount="99.00")

    assert await credit.refuses(other) == "external_ref_reused"
    assert await credit.posts(other, source="/another") != {}


async def test_an_invoice_id_is_given_once(credit: Credit) -> None:
    customer, invoice_id = await credit.opens_account(), an_invoice_id()
    await credit.posts(an_invoice_command(customer, invoice_id=invoice_id))

    assert await credit.refuses(an_invoice_command(customer, invoice_id=invoice_id)) == "invoice_id_taken"


async def test_an_id_that_may_come_to_be_that_of_an_orders_invoice_is_nobody_elses(credit: Credit) -> None:
    customer = await credit.opens_account()
    command = an_invoice_command(customer, invoice_id=prefixed_id("inv", uuid4()))

    assert await credit.refuses(command) == "invoice_id_taken"
    own = issued_invoice("/bank", command.external_ref)
    await credit.posts(an_invoice_command(customer, external_ref=command.external_ref, invoice_id=own))


async def test_what_cannot_be_invoiced_is_refused(credit: Credit) -> None:
    customer = await credit.opens_account()
    late = datetime.now(UTC).date() + timedelta(days=3)
    refused = {
        "unknown_customer": an_invoice_command(a_customer_id()),
        "currency_mismatch": an_invoice_command(customer, currency="EUR"),
        "date_in_future": an_invoice_command(customer, invoice_date=late),
        "due_before_issued": an_invoice_command(customer, due_date=date(2023, 12, 31)),
    }

    assert {code: await credit.refuses(command) for code, command in refused.items()} == {
        code: code for code in refused
    }
    assert await credit.figures(customer) == ("0.00", "0.00")
