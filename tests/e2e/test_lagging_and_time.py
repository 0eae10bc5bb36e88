from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.contracts.credit.topics import COMMANDS as CREDIT_COMMANDS
from shared.contracts.customers.topics import STATE as CUSTOMERS
from shared.contracts.orders.requests import ReturnOrder, ShipOrder
from shared.contracts.orders.topics import EVENTS
from tests.e2e.support import assert_problem, data, sent
from tests.e2e.trading import (
    CREDIT_EVENTS,
    ORDER_EVENTS,
    a_debtor,
    a_payment,
    a_step,
    an_order,
    events_of,
    orders_of,
    placed,
    rejection,
    until,
    until_detail,
    yesterday,
)
from tests.support.system import InProcess

pytestmark = pytest.mark.integration


def in_minutes(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


@pytest.mark.parametrize("services", [("orders",), ("credit",), ("orders", "credit")])
async def test_an_order_right_after_its_customer_is_not_refused_where_the_state_topic_lags(
    in_process: InProcess, services: tuple[str, ...]
) -> None:
    app = in_process
    held = [app.bus.holding(CUSTOMERS.name, service) for service in services]
    for each in held:
        await each.__aenter__()
    customer_id = await a_debtor(app)
    path = f"/api/customers/{customer_id}"

    assert (await orders_of(app, customer_id))["data"] == []
    assert (await app.http.get(f"{path}/credit-checks")).status_code == 200
    assert (await app.http.post(f"{path}/credit-check")).status_code == 200
    await placed(app, an_order(customer_id))
    await sent(app, a_payment(customer_id, "20.00"))

    for each in held:
        await each.__aexit__(None, None, None)
    await until_detail(app, customer_id, current_balance=-20.0, total_orders=1)


async def test_an_order_that_credit_does_not_answer_is_rejected_and_its_credit_comes_back(
    in_process: InProcess,
) -> None:
    app = in_process
    customer_id = await a_debtor(app, credit_limit=100)
    order = an_order(customer_id)

    async with app.bus.holding(EVENTS.name, "credit"):
        await placed(app, order, "pending")
        await app.bus.pass_time(in_minutes(4))
        await until(app, order, "pending")
        await app.bus.pass_time(in_minutes(6))
        assert (await until(app, order, "rejected"))["status_reason"] == "credit_timeout"

    await events_of(app, CREDIT_EVENTS, customer_id, "credit.reserved.v1", "credit.released.v1")
    await until(app, order, "rejected")
    await placed(app, an_order(customer_id))


async def test_a_command_whose_order_never_comes_delays_nothing_and_is_refused_in_the_end(
    in_process: InProcess,
) -> None:
    app = in_process
    customer_id = await a_debtor(app)
    never = an_order(customer_id)

    early = await sent(app, a_step(ShipOrder, never, ship_date=yesterday()))
    await placed(app, an_order(customer_id))
    await app.bus.pass_time(in_minutes(14))
    said = await events_of(app, ORDER_EVENTS, customer_id)
    assert [event for event in said if event.header["ce_type"] == "order.command_rejected.v1"] == []
    await app.bus.pass_time(in_minutes(16))

    refused = await rejection(app, ORDER_EVENTS, customer_id, early)
    assert (refused["code"], refused["external_ref"]) == ("unknown_order", never.external_ref)
    await placed(app, never)


async def test_a_step_whose_turn_never_comes_is_refused_as_not_yet_possible(in_process: InProcess) -> None:
    app = in_process
    customer_id = await a_debtor(app)
    order = an_order(customer_id)
    await placed(app, order)

    early = await sent(app, a_step(ReturnOrder, order, amount=Decimal("1.00")))
    await app.bus.pass_time(in_minutes(16))

    assert (await rejection(app, ORDER_EVENTS, customer_id, early))["code"] == "not_yet_possible"
    await until(app, order, "confirmed")


async def test_a_check_that_was_promised_while_credit_is_away_is_made_when_it_is_back(
    in_process: InProcess,
) -> None:
    app = in_process
    path = f"/api/customers/{await a_debtor(app)}"

    async with app.bus.holding(CREDIT_COMMANDS.name, "credit"):
        promised = await app.http.post(f"{path}/credit-check", headers={"Prefer": "respond-async"})
        waited = await app.http.post(f"{path}/credit-check", headers={"Prefer": "respond-async, wait=1"})
        assert (promised.status_code, waited.status_code) == (202, 202)
        assert data(await app.http.get(f"{path}/credit-checks")) == []

    for answer in (promised, waited):
        assert data(await app.http.get(answer.headers["Location"]))["status"] == "completed"


async def test_a_check_whose_requester_has_gone_is_made_and_found(in_process: InProcess) -> None:
    app = in_process
    path = f"/api/customers/{await a_debtor(app)}"

    async with app.bus.holding(CREDIT_COMMANDS.name, "credit"):
        unanswered = await app.http.post(f"{path}/credit-check", headers={"Prefer": "wait=1"})
        assert_problem(unanswered, 504, "upstream_timeout")

    (check,) = data(await app.http.get(f"{path}/credit-checks"))
    assert f"{path}/credit-checks/{check['check_id']}" in unanswered.json()["detail"]


async def test_an_invoice_becomes_overdue_as_time_passes_and_once(in_process: InProcess) -> None:
    app = in_process
    customer_id = await a_debtor(app, payment_terms="net_7")
    order = an_order(customer_id)
    await placed(app, order)
    await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))

    for days in (5, 8, 9):
        await app.bus.pass_time(datetime.now(UTC) + timedelta(days=days))

    said = await events_of(app, CREDIT_EVENTS, customer_id, "invoice.overdue.v1")
    (overdue,) = [event for event in said if event.header["ce_type"] == "invoice.overdue.v1"]
    assert (overdue.json["open_amount"], overdue.json["days_past_due"]) == ("100.00", 2)
