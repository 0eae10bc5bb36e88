import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.contracts.credit.events import CreditAccount
from shared.contracts.customers.answers import Customer, CustomerPage
from shared.contracts.customers.events import CustomerState
from shared.contracts.customers.requests import GetCustomerState
from shared.contracts.orders.events import OrderTotals
from shared.messaging import Answer
from shared.queries import Queries
from tests.support.builders import (
    a_contact_body,
    a_create,
    a_customer_id,
    a_find,
    a_get,
    a_new_contact,
    a_record,
    a_removed_contact,
    an_asking_envelope,
    an_erasure,
    an_export,
    an_update,
)
from tests.support.mailbox import Mailbox
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]
Said = Callable[[str], Awaitable[list[tuple[str, int]]]]
Outbox = Callable[[], Awaitable[list[Any]]]
Figures = dict[str, Any]

NOTHING = {"current_balance": "0.00", "lifetime_value": "0.00", "total_orders": "0"}


def an_account(customer_id: str, version: int, balance: str = "2500.00") -> CreditAccount:
    owed = Decimal(balance)
    return CreditAccount(
        version=version,
        customer_id=customer_id,
        currency="USD",
        credit_limit=Decimal("10000.00"),
        balance=owed,
        reserved=Decimal("0.00"),
        available=Decimal("10000.00") - owed,
        past_due=Decimal("0.00"),
    )


def some_totals(
    customer_id: str, version: int, lifetime_value: str = "45000.00", orders: int = 75
) -> OrderTotals:
    return OrderTotals(
        version=version,
        customer_id=customer_id,
        lifetime_value=Decimal(lifetime_value),
        total_orders=orders,
        last_order_date=datetime(2024, 1, 15, tzinfo=UTC),
    )


def shown_in(answer: Answer[Any]) -> Figures:
    """The figures as they are written, to the digit."""
    customer = json.loads(answer.body, parse_float=str, parse_int=str)
    return {name: customer[name] for name in NOTHING}


async def a_customer(tell: Told) -> str:
    command = a_create(contacts=[a_contact_body(is_primary=True)])
    await tell(command)
    return command.customer_id


async def rows_of_figures(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as db:
        return list(await db.execute(text("select * from figures")))


async def test_a_new_customer_has_no_figures_and_shows_nothing(tell: Told, engine: AsyncEngine) -> None:
    answer = await tell(a_create())

    assert (shown_in(answer), answer.facts) == (NOTHING, {"version": "c1-p0"})
    assert await rows_of_figures(engine) == []


async def test_what_credit_and_orders_say_is_shown(consumer: Consumer, tell: Told, ask: Told) -> None:
    customer_id = await a_customer(tell)

    await consumer.handle(a_record(an_account(customer_id, version=4)))
    await consumer.handle(a_record(some_totals(customer_id, version=9)))

    answer = await ask(a_get(customer_id))
    assert Customer.model_validate_json(answer.body)
    assert shown_in(answer) == {
        "current_balance": "2500.00",
        "lifetime_value": "45000.00",
        "total_orders": "75",
    }
    assert answer.facts == {"version": "c1-p2"}


async def test_the_list_shows_the_balance(consumer: Consumer, tell: Told, ask: Told) -> None:
    owing, owing_nothing = await a_customer(tell), await a_customer(tell)
    await consumer.handle(a_record(an_account(owing, version=1, balance="-12.50")))

    page = await ask(a_find())

    assert CustomerPage.model_validate_json(page.body)
    listed = json.loads(page.body, parse_float=str)["data"]
    balances = {item["id"]: item["current_balance"] for item in listed}
    assert balances == {owing: "-12.50", owing_nothing: "0.00"}


async def test_the_export_shows_the_figures(consumer: Consumer, tell: Told, ask: Told) -> None:
    customer_id = await a_customer(tell)
    await consumer.handle(a_record(an_account(customer_id, version=1)))

    exported = json.loads((await ask(an_export(customer_id))).body)

    assert exported["customer"] == json.loads((await ask(a_get(customer_id))).body)
    assert exported["customer"]["current_balance"] == 2500


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
async def test_whatever_comes_when_the_newest_is_shown(
    consumer: Consumer, tell: Told, ask: Told, order: tuple[int, ...]
) -> None:
    customer_id = await a_customer(tell)

    for version in [*order, *order]:
        await consumer.handle(a_record(an_account(customer_id, version, balance=f"{version}00.00")))
        await consumer.handle(a_record(some_totals(customer_id, version, f"{version}00.00", version)))

    assert shown_in(await ask(a_get(customer_id))) == {
        "current_balance": "300.00",
        "lifetime_value": "300.00",
        "total_orders": "3",
    }


async def test_what_shows_nothing_else_leaves_the_tag_as_it_is(
    consumer: Consumer, tell: Told, ask: Told
) -> None:
    customer_id = await a_customer(tell)
    tags = []

    for version, balance in enumerate(["0.00", "100.00", "100.00", "0.00"], start=1):
        await consumer.handle(a_record(an_account(customer_id, version, balance)))
        tags.append((await ask(a_get(customer_id))).facts["version"])
    await consumer.handle(a_record(an_account(customer_id, version=3, balance="99.00")))

    assert tags == ["c1-p0", "c1-p1", "c1-p1", "c1-p2"]
    assert (await ask(a_get(customer_id))).facts["version"] == "c1-p2"


async def test_balance_and_totals_that_come_at_once_are_both_kept(
    consumer: Consumer, tell: Told, ask: Told
) -> None:
    customer_id = await a_customer(tell)
    states = [an_account(customer_id, 1), some_totals(customer_id, 1), an_account(customer_id, 2, "600.00")]

    await asyncio.gather(*(consumer.handle(a_record(state)) for state in states))

    answer = await ask(a_get(customer_id))
    assert shown_in(answer) == {
        "current_balance": "600.00",
        "lifetime_value": "45000.00",
        "total_orders": "75",
    }
    assert answer.facts["version"] in ("c1-p2", "c1-p3")


async def test_figures_are_no_change_of_the_customer(
    consumer: Consumer, tell: Told, ask: Told, said: Said
) -> None:
    customer_id = await a_customer(tell)
    before = json.loads((await ask(a_get(customer_id))).body)

    await consumer.handle(a_record(an_account(customer_id, version=1)))

    after = json.loads((await ask(a_get(customer_id))).body)
    assert {name for name in after if after[name] != before[name]} == {"current_balance"}
    assert await said(customer_id) == []


async def test_figures_that_came_before_their_customer_are_shown_from_the_first(
    consumer: Consumer, tell: Told
) -> None:
    command = a_create()
    await consumer.handle(a_record(an_account(command.customer_id, version=1, balance="12.00")))

    answer = await tell(command)

    assert shown_in(answer) == {**NOTHING, "current_balance": "12.00"}
    assert answer.facts == {"version": "c1-p1"}


async def test_every_answer_to_a_change_shows_the_figures(consumer: Consumer, tell: Told) -> None:
    customer_id = await a_customer(tell)
    await consumer.handle(a_record(an_account(customer_id, version=1)))

    changed = await tell(an_update(customer_id, fax="+1-555-0123"))
    unchanged = await tell(an_update(customer_id, fax="+1-555-0123"))

    for answer in (changed, unchanged):
        assert shown_in(answer) == {**NOTHING, "current_balance": "2500.00"}
        assert answer.facts["version"] == "c2-p1"


async def test_answers_about_contacts_carry_the_whole_version(consumer: Consumer, tell: Told) -> None:
    customer_id = await a_customer(tell)
    await consumer.handle(a_record(an_account(customer_id, version=1)))
    command = a_new_contact(customer_id)

    added = await tell(command)
    removed = await tell(a_removed_contact(customer_id, command.contact_id))

    assert [answer.facts["version"] for answer in (added, removed)] == ["c2-p1", "c3-p1"]


async def test_a_batch_is_one_transaction_of_one_statement(
    consumer: Consumer, tell: Told, engine: AsyncEngine
) -> None:
    ids = [await a_customer(tell) for _ in range(3)]

    for state_of in (an_account, some_totals):
        with sent_by(engine) as sent:
            await consumer.handle_batch([a_record(state_of(customer_id, version=1)) for customer_id in ids])
        assert (sent.commits, len(sent.statements)) == (1, 1), sent.statements
    assert len(await rows_of_figures(engine)) == 3


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
async def test_the_newest_of_a_batch_is_shown_and_counts_as_one_change_of_each_customer(
    consumer: Consumer, tell: Told, ask: Told, order: tuple[int, ...]
) -> None:
    ids = [await a_customer(tell) for _ in range(2)]
    states = [some_totals(each, version, f"{version}00.00", version) for version in order for each in ids]

    await consumer.handle_batch([a_record(state) for state in states])

    for customer_id in ids:
        answer = await ask(a_get(customer_id))
        assert shown_in(answer) == {**NOTHING, "lifetime_value": "300.00", "total_orders": "3"}
        assert answer.facts == {"version": "c1-p1"}


async def test_in_a_batch_an_erased_customer_keeps_no_other_from_being_shown(
    consumer: Consumer, tell: Told, engine: AsyncEngine
) -> None:
    erased, present = await a_customer(tell), await a_customer(tell)
    await tell(an_erasure(erased))

    await consumer.handle_batch([a_record(an_account(each, version=1)) for each in (erased, present)])

    assert [row.customer_id for row in await rows_of_figures(engine)] == [present]


async def test_an_erasure_takes_the_figures_along(
    consumer: Consumer, tell: Told, engine: AsyncEngine
) -> None:
    customer_id = await a_customer(tell)
    await consumer.handle(a_record(an_account(customer_id, version=1)))

    await tell(an_erasure(customer_id))

    assert await rows_of_figures(engine) == []


async def test_figures_of_an_erased_customer_are_kept_out(
    consumer: Consumer, tell: Told, engine: AsyncEngine
) -> None:
    customer_id = await a_customer(tell)
    await tell(an_erasure(customer_id))

    await consumer.handle(a_record(an_account(customer_id, version=2)))
    await consumer.handle(a_record(some_totals(customer_id, version=2)))

    assert await rows_of_figures(engine) == []


# The customer as services ask for it


async def test_a_customer_is_given_as_it_is_on_the_state_topic(tell: Told, ask: Told, outbox: Outbox) -> None:
    customer_id = await a_customer(tell)
    await tell(an_update(customer_id, discount_rate=Decimal("7.5"), notes="Pays on Mondays."))

    answer = await ask(GetCustomerState(customer_id=customer_id))

    *_, published = [row for row in await outbox() if row.topic == CustomerState.topic.name]
    assert json.loads(answer.body) == json.loads(published.value)
    assert CustomerState.from_json(answer.body).discount_rate == Decimal("7.50")


async def test_nobody_is_given_where_there_is_no_customer_or_no_more(tell: Told, ask: Told) -> None:
    customer_id = await a_customer(tell)
    await tell(an_erasure(customer_id))

    for absent in (customer_id, a_customer_id()):
        answer = await ask(GetCustomerState(customer_id=absent))
        assert answer.facts == {"refusal": "customer_not_found"}


async def test_one_statement_gives_the_states_of_a_whole_batch(
    tell: Told, queries: Queries, engine: AsyncEngine, mailbox: Mailbox
) -> None:
    ids = [await a_customer(tell) for _ in range(3)]
    asked = [GetCustomerState(customer_id=customer_id) for customer_id in [*ids, a_customer_id()]]
    envelopes = [an_asking_envelope(query) for query in asked]

    with sent_by(engine) as sent:
        await queries.take([a_record(*each) for each in zip(asked, envelopes, strict=True)])
        await queries.finish()

    assert len(sent.statements) == 1
    *answers, of_nobody = [mailbox.answer_to(envelope) for envelope in envelopes]
    assert [json.loads(answer.body)["customer_id"] for answer in answers] == ids
    assert of_nobody.facts == {"refusal": "customer_not_found"}
