import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.contracts.customers.answers import CustomerContact, CustomerExport
from shared.messaging import Answer
from tests.support.builders import (
    a_contact_body,
    a_create,
    a_customer_id,
    a_get,
    a_record,
    an_asking_envelope,
    an_export,
    an_import,
    an_update,
)
from tests.support.mailbox import Mailbox
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]


async def test_everything_that_is_held_is_in_the_export(
    tell: Told, ask: Told, consumer: Consumer, mailbox: Mailbox
) -> None:
    command = a_create(contacts=[a_contact_body(name="Ada"), a_contact_body(name="Bob")])
    envelope = an_asking_envelope(command)
    await consumer.handle(a_record(command, envelope))
    update = await tell(an_update(command.customer_id, notes="Pays on Mondays."))
    await tell(a_create())

    answer = await ask(an_export(command.customer_id))

    exported = json.loads(answer.body)
    assert CustomerExport.model_validate(exported)
    assert list(exported) == list(CustomerExport.model_fields)
    assert (exported["customer_id"], exported["version"]) == (command.customer_id, 2)
    assert (exported["erased_at"], exported["external_source"]) == (None, None)
    assert exported["customer"] == json.loads((await ask(a_get(command.customer_id))).body)
    assert [contact["name"] for contact in exported["contacts"]] == ["Ada", "Bob"]
    assert list(exported["contacts"][0]) == list(CustomerContact.model_fields)
    second, first = exported["kept_answers"]
    assert (first["source"], first["id"]) == (envelope.source, envelope.id)
    assert first["answer"] == json.loads(mailbox.answer_to(envelope).body)
    assert second["answer"] == json.loads(update.body)
    assert first["handled_at"].endswith("Z")


async def test_the_source_of_an_import_is_in_the_export(tell: Told, ask: Told) -> None:
    command = an_import()
    customer_id = json.loads((await tell(command, source="/erp")).body)["customer_id"]

    exported = json.loads((await ask(an_export(customer_id))).body)

    assert exported["external_source"] == "/erp"
    assert exported["customer"]["external_ref"] == command.external_ref


async def test_nothing_is_held_about_an_unknown_customer(ask: Told) -> None:
    assert (await ask(an_export(a_customer_id()))).facts == {"refusal": "customer_not_found"}


async def test_an_export_is_one_statement(tell: Told, ask: Told, engine: AsyncEngine) -> None:
    command = a_create()
    await tell(command)

    with sent_by(engine) as sent:
        await ask(an_export(command.customer_id))

    assert len(sent.statements) == 1
