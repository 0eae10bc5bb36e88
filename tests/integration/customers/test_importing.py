import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.contracts.customers.events import CustomerState
from shared.contracts.customers.requests import ImportCustomer, imported_id
from shared.messaging import Answer
from tests.support.builders import (
    a_contact_body,
    a_create,
    a_customer_id,
    a_find,
    a_get,
    a_record,
    an_address,
    an_asking_envelope,
    an_envelope,
    an_erasure,
    an_import,
    an_update,
)
from tests.support.mailbox import Mailbox
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]
Outbox = Callable[[], Awaitable[list[Any]]]
Counted = Callable[[], Awaitable[dict[str, int]]]


async def imported(tell: Told, command: ImportCustomer) -> dict[str, Any]:
    answer = await tell(command, source="/erp")
    body: dict[str, Any] = json.loads(answer.body)
    return body


async def test_an_imported_customer_keeps_since_when_and_under_which_reference(
    tell: Told, ask: Told, outbox: Outbox
) -> None:
    command = an_import(external_ref="ERP-7", customer_since=datetime(2019, 3, 1, 9, 30, tzinfo=UTC))

    answer = await imported(tell, command)

    customer_id = imported_id("/erp", "ERP-7")
    assert answer == {"customer_id": customer_id, "version": 1}
    customer = json.loads((await ask(a_get(customer_id))).body)
    assert (customer["external_ref"], customer["customer_since"]) == ("ERP-7", "2019-03-01T09:30:00Z")
    assert customer["created_at"] == customer["updated_at"] > "2024"
    created, state = await outbox()
    assert json.loads(created.headers)["ce_type"] == "customer.created.v1"
    told = CustomerState.from_json(state.value)
    assert (told.external_ref, told.external_source) == ("ERP-7", "/erp")
    assert told.customer_since == command.customer_since
    assert json.loads(created.value)["customer_since"] == "2019-03-01T09:30:00Z"


async def test_an_import_keeps_the_id_it_names(tell: Told, ask: Told) -> None:
    customer_id = a_customer_id()

    answer = await imported(tell, an_import(customer_id=customer_id))

    assert answer["customer_id"] == customer_id
    assert json.loads((await ask(a_get(customer_id))).body)["id"] == customer_id


async def test_an_import_is_one_transaction_of_four_statements(tell: Told, engine: AsyncEngine) -> None:
    with sent_by(engine) as sent:
        await imported(tell, an_import())

    assert (sent.commits, len(sent.statements)) == (1, 4), sent.statements


async def test_the_same_content_again_is_a_success_that_changes_nothing(
    tell: Told, rows: Counted, outbox: Outbox
) -> None:
    command = an_import()
    first = await imported(tell, command)

    again = await imported(tell, command)

    assert again == first
    assert (await rows())["customers"] == 1
    assert len(await outbox()) == 2


async def test_the_same_content_in_another_order_and_with_defaults_left_out_is_the_same(
    consumer: Consumer, mailbox: Mailbox, rows: Counted
) -> None:
    body = {
        "external_ref": "ERP-7",
        "customer_since": "2019-03-01T01:00:00+01:00",
        "name": "Old Customer",
        "email": "old@customer.example",
        "billing_address": an_address(),
        "credit_limit": "10.00",
    }
    same = {
        **dict(reversed(body.items())),
        "customer_since": "2019-03-01T00:00:00Z",
        "credit_limit": "10",
        "currency": "USD",
        "fax": None,
        "contacts": [],
    }
    for each in (body, same):
        command = an_import()
        envelope = an_asking_envelope(command, source="/erp")
        await consumer.handle(replace(a_record(command, envelope), value=json.dumps(each).encode()))

    first, again = [json.loads(answer.body) for _, answer in mailbox.answers]
    assert first == again == {"customer_id": imported_id("/erp", "ERP-7"), "version": 1}
    assert (await rows())["customers"] == 1


async def test_a_repeat_after_a_change_answers_with_the_present_version(tell: Told, ask: Told) -> None:
    command = an_import()
    customer_id = (await imported(tell, command))["customer_id"]
    await tell(an_update(customer_id, name="Renamed Ltd"))

    again = await imported(tell, command)

    assert again == {"customer_id": customer_id, "version": 2}
    assert json.loads((await ask(a_get(customer_id))).body)["name"] == "Renamed Ltd"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Somebody Else"},
        {"customer_since": datetime(2018, 1, 1, tzinfo=UTC)},
        {"contacts": [a_contact_body(name="Eve")]},
        {"notes": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_other_content_under_the_same_reference_is_refused(
    tell: Told, rows: Counted, changes: dict[str, object]
) -> None:
    command = an_import()
    await imported(tell, command)
    other = an_import(**changes)
    changed = command.model_copy(update={name: getattr(other, name) for name in changes})

    answer = await tell(changed, source="/erp")

    assert answer.facts == {"refusal": "customer_exists"}
    assert (await rows())["customers"] == 1


async def test_the_same_reference_of_another_sender_is_another_customer(
    tell: Told, ask: Told, rows: Counted
) -> None:
    command = an_import(external_ref="7")

    await tell(command, source="/erp")
    await tell(command, source="/crm")

    assert (await rows())["customers"] == 2
    found = json.loads((await ask(a_find(external_ref="7"))).body)
    assert (found["meta"]["total"], len(found["data"])) == (2, 2)


async def test_an_id_that_was_not_imported_so_is_refused(tell: Told) -> None:
    create = a_create()
    await tell(create)

    answer = await tell(an_import(customer_id=create.customer_id))

    assert answer.facts == {"refusal": "customer_exists"}


async def test_the_reference_says_more_than_another_customers_id(tell: Told) -> None:
    create, command = a_create(), an_import()
    await tell(create)
    first = await imported(tell, command)

    again = await imported(tell, command.model_copy(update={"customer_id": create.customer_id}))

    assert again == first


@pytest.mark.parametrize("content", ["same", "other"])
async def test_a_reference_whose_customer_was_erased_is_refused(
    tell: Told, rows: Counted, content: str
) -> None:
    command = an_import()
    customer_id = (await imported(tell, command))["customer_id"]
    await tell(an_erasure(customer_id))
    again = command if content == "same" else command.model_copy(update={"name": "Somebody Else"})

    answer = await tell(again, source="/erp")

    assert answer.facts == {"refusal": "customer_erased"}
    assert (await rows())["customers"] == 1


async def test_the_id_of_an_erased_customer_is_not_imported(tell: Told) -> None:
    create = a_create()
    await tell(create)
    await tell(an_erasure(create.customer_id))

    answer = await tell(an_import(customer_id=create.customer_id))

    assert answer.facts == {"refusal": "customer_erased"}


async def test_a_date_that_lies_ahead_more_than_a_day_is_refused_and_said(
    consumer: Consumer, outbox: Outbox
) -> None:
    command = an_import(customer_since=datetime.now(UTC) + timedelta(hours=25), external_ref="ERP-7")

    await consumer.handle(a_record(command, an_envelope(command)))

    (rejected,) = await outbox()
    told = json.loads(rejected.value)
    assert (told["code"], told["external_ref"]) == ("date_in_future", "ERP-7")


async def test_a_local_date_that_lies_ahead_less_than_a_day_is_taken(tell: Told) -> None:
    answer = await imported(tell, an_import(customer_since=datetime.now(UTC) + timedelta(hours=23)))

    assert answer["version"] == 1


async def test_two_primary_contacts_are_refused(tell: Told) -> None:
    people = [a_contact_body(is_primary=True), a_contact_body(is_primary=True)]

    answer = await tell(an_import(contacts=people))

    assert answer.facts == {"refusal": "several_primary_contacts"}


async def test_the_same_import_many_times_at_once_makes_one_customer(
    tell: Told, rows: Counted, outbox: Outbox
) -> None:
    command = an_import()

    answers = await asyncio.gather(*(imported(tell, command) for _ in range(16)))

    assert [answer["version"] for answer in answers] == [1] * 16
    assert (await rows())["customers"] == 1
    assert len(await outbox()) == 2
