import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.contracts.customers.answers import Customer
from shared.contracts.customers.events import CustomerState
from shared.messaging import Answer
from tests.support.builders import (
    a_contact_body,
    a_create,
    a_customer_id,
    a_get,
    a_record,
    an_address,
    an_asking_envelope,
    an_update,
)
from tests.support.shapes import exact
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]
Said = Callable[[str], Awaitable[list[tuple[str, int]]]]
Outbox = Callable[[], Awaitable[list[Any]]]

UPDATED, STATE = "customer.updated.v1", "customer.state.v1"


async def created(tell: Told, **changes: object) -> str:
    command = a_create(**changes)
    await tell(command)
    return command.customer_id


async def test_what_is_given_changes_and_the_rest_stays(tell: Told, ask: Told) -> None:
    customer_id = await created(tell)
    before = exact((await ask(a_get(customer_id))).body)

    answer = await tell(an_update(customer_id, name="Renamed Ltd", discount_rate=Decimal("7.25"), fax=None))

    after = exact(answer.body)
    changed = {"name": "Renamed Ltd", "discount_rate": "7.25", "fax": None}
    assert after == {**before, **changed, "updated_at": after["updated_at"]}
    assert list(after) == list(Customer.model_fields)
    assert answer.facts == {"version": "c2-p0", "changed": "name,fax,discount_rate"}
    assert (await ask(a_get(customer_id))).body == answer.body


async def test_an_update_is_one_transaction_of_five_statements(tell: Told, engine: AsyncEngine) -> None:
    customer_id = await created(tell, contacts=[a_contact_body(name=f"Person {each}") for each in range(20)])

    with sent_by(engine) as sent:
        await tell(an_update(customer_id, name="Renamed Ltd", is_active=False))

    assert (sent.commits, len(sent.statements)) == (1, 5), sent.statements


async def test_values_that_are_so_already_change_nothing(
    tell: Told, ask: Told, said: Said, engine: AsyncEngine
) -> None:
    customer_id = await created(tell, credit_limit=Decimal("100"), shipping_address=None)
    before = await ask(a_get(customer_id))
    shown = json.loads(before.body)
    same = {name: shown[name] for name in ("name", "billing_address", "shipping_address", "contacts")}

    with sent_by(engine) as sent:
        answer = await tell(an_update(customer_id, **same, credit_limit=Decimal("1e2")))

    assert answer.body == before.body
    assert answer.facts == {"version": "c1-p0", "changed": ""}
    assert await said(customer_id) == []
    assert len(sent.statements) == 4


async def test_nothing_given_changes_nothing(tell: Told, said: Said) -> None:
    customer_id = await created(tell)

    answer = await tell(an_update(customer_id))

    assert answer.facts == {"version": "c1-p0", "changed": ""}
    assert await said(customer_id) == []


async def test_every_event_has_a_version_of_its_own_and_the_state_has_the_last(
    tell: Told, said: Said, outbox: Outbox
) -> None:
    customer_id = await created(tell, credit_limit=Decimal("5000"))

    answer = await tell(an_update(customer_id, is_active=False, credit_limit=Decimal("7500.50")))

    assert answer.facts == {"version": "c4-p0", "changed": "credit_limit,is_active"}
    assert await said(customer_id) == [
        (UPDATED, 2),
        ("customer.credit_limit_changed.v1", 3),
        ("customer.deactivated.v1", 4),
        (STATE, 4),
    ]
    updated, limit, _, state = [json.loads(row.value) for row in (await outbox())[2:]]
    assert updated["changed"] == ["credit_limit", "is_active"]
    assert (updated["credit_limit"], updated["is_active"]) == ("7500.50", False)
    assert (limit["old"], limit["new"], limit["changed_by"]) == ("5000.00", "7500.50", "anonymous")
    assert (state["credit_limit"], state["is_active"], state["version"]) == ("7500.50", False, 4)


async def test_the_state_holds_all_of_the_customer_after_an_update(tell: Told, outbox: Outbox) -> None:
    command = a_create()
    await tell(command)

    await tell(an_update(command.customer_id, email="new@newcustomer.example"))

    state = CustomerState.from_json((await outbox())[-1].value)
    first = CustomerState.from_json((await outbox())[1].value)
    assert state == first.model_copy(
        update={"email": "new@newcustomer.example", "version": 2, "updated_at": state.updated_at}
    )
    assert state.updated_at > first.updated_at


async def test_a_limit_changed_by_another_system_is_put_down_to_it(
    consumer: Consumer, tell: Told, outbox: Outbox
) -> None:
    customer_id = await created(tell)

    await tell(an_update(customer_id, credit_limit=Decimal(1)), source="/erp", caller=None)

    assert json.loads((await outbox())[3].value)["changed_by"] == "/erp"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "EUR"}, "currency_locked"),
        ({"contacts": []}, "contacts_have_routes_of_their_own"),
        ({"expected_versions": [2, 3], "name": "Renamed Ltd"}, "precondition_failed"),
        ({"expected_versions": []}, "precondition_failed"),
    ],
)
async def test_what_is_refused_changes_nothing(
    tell: Told, ask: Told, said: Said, changes: dict[str, object], code: str
) -> None:
    customer_id = await created(tell, currency="USD")
    before = await ask(a_get(customer_id))

    answer = await tell(an_update(customer_id, **changes))

    assert answer.facts == {"refusal": code}
    assert (await ask(a_get(customer_id))).body == before.body
    assert await said(customer_id) == []


@pytest.mark.parametrize("changes", [{"name": "Nobody"}, {"expected_versions": [7]}])
async def test_an_unknown_customer_is_not_found_whatever_is_expected(
    tell: Told, changes: dict[str, object]
) -> None:
    answer = await tell(an_update(a_customer_id(), **changes))

    assert answer.facts == {"refusal": "customer_not_found"}


async def test_a_version_that_is_expected_lets_the_update_through(tell: Told) -> None:
    customer_id = await created(tell)

    answer = await tell(an_update(customer_id, expected_versions=[3, 1], currency="USD", name="Renamed Ltd"))

    assert answer.facts["version"] == "c2-p0"


async def test_a_shipping_address_that_is_the_new_billing_address_is_none_of_its_own(
    tell: Told, outbox: Outbox
) -> None:
    customer_id = await created(tell, shipping_address=None)
    moved = an_address(line1="1 New Road")

    answer = await tell(an_update(customer_id, billing_address=moved, shipping_address=moved))

    assert answer.facts["changed"] == "billing_address,shipping_address"
    assert json.loads(answer.body)["shipping_address"] == moved
    updated, state = [json.loads(row.value) for row in (await outbox())[2:]]
    assert (updated["changed"], state["shipping_address"]) == (["billing_address"], None)


async def test_a_shipping_address_of_its_own_comes_and_goes(tell: Told) -> None:
    customer_id = await created(tell, shipping_address=None)
    elsewhere = an_address(line1="2 Far Away")

    there = await tell(an_update(customer_id, shipping_address=elsewhere))
    back = await tell(an_update(customer_id, shipping_address=None))

    assert json.loads(there.body)["shipping_address"] == elsewhere
    assert json.loads(back.body)["shipping_address"] == json.loads(back.body)["billing_address"]


async def test_updates_of_different_members_at_once_all_survive(tell: Told, ask: Told, said: Said) -> None:
    customer_id = await created(tell, credit_limit=Decimal(1))
    wishes: list[dict[str, object]] = [
        {"name": "Renamed Ltd"},
        {"email": "new@newcustomer.example"},
        {"phone": "+49 30 1234567"},
        {"website": "https://renamed.example"},
        {"notes": "Pays on Mondays."},
        {"payment_terms": "net_60"},
        {"preferred_shipping": "DHL"},
        {"tax_id": "DE 123456789"},
    ]

    await asyncio.gather(*(tell(an_update(customer_id, **wish)) for wish in wishes))

    customer = json.loads((await ask(a_get(customer_id))).body)
    for wish in wishes:
        assert customer.items() >= wish.items()
    versions = [version for kind, version in await said(customer_id) if kind != STATE]
    assert versions == list(range(2, 10))


async def test_the_same_update_twice_is_done_once(consumer: Consumer, tell: Told, said: Said) -> None:
    customer_id = await created(tell)
    command = an_update(customer_id, name="Renamed Ltd")
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))
    await consumer.handle(a_record(command, envelope._replace(ask_id="another")))

    assert await said(customer_id) == [(UPDATED, 2), (STATE, 2)]


async def test_versions_follow_each_other_in_the_order_of_the_outbox(
    tell: Told, said: Said, engine: AsyncEngine
) -> None:
    customer_id = await created(tell)

    await asyncio.gather(
        *(
            tell(an_update(customer_id, credit_limit=Decimal(number), is_active=number % 2 == 0))
            for number in range(40)
        )
    )

    said_of_it = await said(customer_id)
    versions = [version for kind, version in said_of_it if kind != STATE]
    assert versions == list(range(2, 2 + len(versions)))
    states = [version for kind, version in said_of_it if kind == STATE]
    assert states == sorted(states)
    assert states[-1] == versions[-1]
    async with engine.connect() as db:
        stored = await db.execute(text("select version from customers where id = :id"), {"id": customer_id})
        assert stored.scalar_one() == versions[-1]
