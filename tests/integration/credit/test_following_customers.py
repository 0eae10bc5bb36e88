import asyncio
import json
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.credit.requests import ExportCredit
from shared.contracts.customers.events import CustomerState
from shared.messaging import Tombstone
from tests.support.builders import a_customer_id, a_record, an_envelope
from tests.support.credit_builders import (
    a_customer_state,
    a_payment,
    a_write_off,
    an_invoice_command,
    an_order,
    shipped,
)
from tests.support.credit_under_test import Credit, credit_on

pytestmark = pytest.mark.integration

STATE = "credit_account.state.v1"


async def everything_in(engine: AsyncEngine) -> str:
    """Every row of every table, as text."""
    async with engine.connect() as db:
        tables = await db.execute(text("select tablename from pg_tables where schemaname = 'public'"))
        rows: list[str] = []
        for (table,) in tables:
            rows += (await db.execute(text(f'select to_jsonb(t)::text from "{table}" t'))).scalars()
        answers = await db.execute(text("select answer from inbox where answer is not null"))
        rows += [answer.decode() for answer in answers.scalars()]
    return "\n".join(rows)


async def test_a_new_customer_s_account_is_said_once(credit: Credit) -> None:
    customer = a_customer_state(credit_limit="5000.00")

    await credit.hears_all(customer, customer)

    assert await credit.said(customer.customer_id) == [
        {
            "type": STATE,
            "customer_id": customer.customer_id,
            "version": 1,
            "currency": "USD",
            "credit_limit": "5000.00",
            "balance": "0.00",
            "reserved": "0.00",
            "available": "5000.00",
            "past_due": "0.00",
        }
    ]


async def test_a_changed_limit_is_said_and_other_changes_are_only_followed(credit: Credit) -> None:
    customer = a_customer_state()
    changed = customer.model_copy(update={"version": 2, "credit_limit": Decimal("1.00")})
    inactive = changed.model_copy(update={"version": 3, "is_active": False})

    await credit.hears_all(customer, changed, inactive, changed, customer)

    states = await credit.events(customer.customer_id, STATE)
    assert [(each["version"], each["credit_limit"]) for each in states] == [(1, "1000.00"), (2, "1.00")]
    account = await credit.account(customer.customer_id)
    assert (account["customer_version"], account["is_active"], account["version"]) == (3, False, 2)


async def test_states_that_come_at_once_leave_the_newest(engine: AsyncEngine) -> None:
    customer = a_customer_state()
    processes = [credit_on(engine) for _ in range(4)]
    states = [
        customer.model_copy(update={"version": n, "credit_limit": Decimal(n * 100)}) for n in range(1, 13)
    ]

    await asyncio.gather(*(processes[n % 4].hears(state) for n, state in enumerate(states)))

    account = await processes[0].account(customer.customer_id)
    assert (account["customer_version"], account["credit_limit"]) == (12, Decimal("1200.00"))


async def test_after_an_erasure_the_figures_stay_and_new_orders_are_refused(credit: Credit) -> None:
    customer = a_customer_state()
    await credit.hears(customer)
    await credit.posts(an_invoice_command(customer.customer_id))

    await credit.erases(customer.customer_id, version=2)
    await credit.hears_all(customer, an_order(customer_id=customer.customer_id))

    (refused,) = await credit.events(customer.customer_id, "credit.reservation_refused.v1")
    assert (refused["reason"], refused["balance"]) == ("unknown_customer", "100.00")
    exported = json.loads((await credit.is_asked(ExportCredit(customer_id=customer.customer_id))).body)
    assert exported["erased_at"] is not None
    assert exported["balance"] == 100.0
    assert credit.customers.asked == []


async def test_a_tombstone_is_an_erasure_too(credit: Credit) -> None:
    customer = a_customer_state()
    await credit.hears(customer)
    gone = Tombstone(CustomerState, customer.customer_id, 2)
    envelope = an_envelope(customer, sequence=2)
    record = a_record(customer, envelope)

    await credit.consumer.handle(
        record.__class__(record.topic, gone.entity_id.encode(), None, record.headers, offset=0)
    )

    account = await credit.account(customer.customer_id)
    assert (account["customer_version"], account["erased_at"] is not None) == (2, True)


async def test_an_erasure_that_overtakes_the_customer_keeps_it_out(credit: Credit) -> None:
    customer = a_customer_state()

    await credit.erases(customer.customer_id, version=2)
    await credit.hears(customer)

    assert await credit.said(customer.customer_id) == []
    assert (await credit.account(customer.customer_id))["erased_at"] is not None
    assert await credit.refuses(a_payment(customer.customer_id)) == "unknown_customer"


async def test_nothing_personal_is_kept_at_all(credit: Credit, owner_engine: AsyncEngine) -> None:
    planted = "Zwiebelfisch"
    members = {name: f"{planted}{name}" for name in ("name", "tax_id", "external_ref", "external_source")}
    customer = a_customer_state(**members, email=f"{planted}@mail.example", phone="+49 40 7654321")
    await credit.hears(customer)
    order = an_order(customer_id=customer.customer_id)
    await credit.hears_all(order, shipped(order))
    await credit.posts(a_payment(customer.customer_id))

    kept = await everything_in(owner_engine)

    assert customer.customer_id in kept
    assert [value for value in (planted, "7654321") if value in kept] == []


async def test_answers_about_an_erased_customer_are_forgotten(credit: Credit) -> None:
    customer = await credit.opens_account()
    await credit.posts(a_payment(customer))

    await credit.erases(customer)

    assert await credit.rows("select id from inbox where answer is not null") == []


async def test_everything_that_is_held_is_exported(credit: Credit) -> None:
    customer = await credit.opens_account()
    order = an_order(customer_id=customer)
    await credit.hears_all(order, shipped(order))
    await credit.posts(a_payment(customer, amount="60.00", received_at="2024-03-20T00:00:00Z"))
    await credit.posts(a_write_off(customer))

    answer = await credit.is_asked(ExportCredit(customer_id=customer))

    assert b'"balance":30.00,"reserved":0.00' in answer.body
    exported = json.loads(answer.body)
    (invoice,) = exported.pop("invoices")
    assert (invoice["order_id"], invoice["amount"], invoice["open_amount"]) == (order.order_id, 100.0, 30.0)
    entries = [(each["kind"], each["receivable"], each["reserved"]) for each in exported.pop("ledger")]
    assert entries == [
        ("write_off", -10.0, 0.0),
        ("payment", -60.0, 0.0),
        ("invoice", 100.0, 0.0),
        ("release", 0.0, -100.0),
        ("reserve", 0.0, 100.0),
    ]
    assert exported == {
        "customer_id": customer,
        "version": 6,
        "erased_at": None,
        "currency": "USD",
        "credit_limit": 1000.0,
        "balance": 30.0,
        "reserved": 0.0,
        "checks": [],
    }


async def test_of_a_customer_nobody_knows_nothing_is_exported(credit: Credit) -> None:
    customer_id = a_customer_id()

    answer = await credit.is_asked(ExportCredit(customer_id=customer_id))

    assert answer.facts["refusal"] == "customer_not_found"
    assert credit.customers.asked == [customer_id]


async def test_a_customer_that_is_not_known_yet_is_asked_for_and_exported(credit: Credit) -> None:
    customer = a_customer_state()
    credit.customers.known[customer.customer_id] = customer

    exported = json.loads((await credit.is_asked(ExportCredit(customer_id=customer.customer_id))).body)

    assert (exported["version"], exported["credit_limit"]) == (1, 1000.0)


@pytest.mark.parametrize("table", ["ledger", "allocations"])
@pytest.mark.parametrize("verb", ["update {0} set amount = 0", "delete from {0}", "truncate {0}"])
async def test_what_was_posted_cannot_be_changed(engine: AsyncEngine, table: str, verb: str) -> None:
    statement = verb.format(table).replace("ledger set amount", "ledger set reserved")
    async with engine.connect() as db:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await db.execute(text(statement))
