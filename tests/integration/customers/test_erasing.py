import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.messaging import Answer
from tests.support.builders import (
    a_changed_contact,
    a_contact_body,
    a_create,
    a_customer_id,
    a_find,
    a_get,
    a_new_contact,
    a_record,
    a_removed_contact,
    an_address,
    an_asking_envelope,
    an_envelope,
    an_erasure,
    an_export,
    an_import,
    an_update,
)
from tests.support.mailbox import Mailbox
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]
Said = Callable[[str], Awaitable[list[tuple[str, int]]]]
Outbox = Callable[[], Awaitable[list[Any]]]

ERASED, STATE = "customer.erased.v1", "customer.state.v1"
NOT_FOUND = {"refusal": "customer_not_found"}


async def erased(tell: Told) -> str:
    command = a_create()
    await tell(command)
    await tell(an_erasure(command.customer_id))
    return command.customer_id


async def everything_in(engine: AsyncEngine) -> str:
    """Every row of every table, as text."""
    async with engine.connect() as db:
        tables = await db.execute(text("select tablename from pg_tables where schemaname = 'public'"))
        rows: list[str] = []
        for (table,) in tables:
            rows += (await db.execute(text(f'select to_jsonb(t)::text from "{table}" t'))).scalars()
            bytes_of_it = "select column_name from information_schema.columns where table_name = :table"
            for (column,) in await db.execute(
                text(f"{bytes_of_it} and data_type = 'bytea'"), {"table": table}
            ):
                found = await db.execute(text(f'select "{column}" from "{table}"'))
                rows += [value.decode(errors="replace") for value in found.scalars() if value is not None]
    return "\n".join(rows)


async def test_an_erasure_is_said_as_an_event_and_as_a_tombstone(
    tell: Told, said: Said, outbox: Outbox
) -> None:
    command = a_create()
    await tell(command)

    answer = await tell(an_erasure(command.customer_id, reason="asked for by letter"))

    assert (answer.body, answer.facts) == (b"{}", {})
    assert await said(command.customer_id) == [(ERASED, 2), (STATE, 2)]
    event, tombstone = (await outbox())[2:]
    assert json.loads(event.value) == {"customer_id": command.customer_id, "version": 2}
    assert (tombstone.topic, tombstone.key) == ("customers.customer.state.v1", command.customer_id.encode())
    assert tombstone.value is None


async def test_an_erased_customer_is_nowhere_to_be_found(tell: Told, ask: Told) -> None:
    customer_id = await erased(tell)

    assert (await ask(a_get(customer_id))).facts == NOT_FOUND
    listed = json.loads((await ask(a_find())).body)
    assert listed == {"data": [], "meta": {"total": 0, "page": 1, "limit": 20, "hasMore": False}}
    searched = [a_find(search="Corp"), a_find(search="ne"), a_find(is_active=True)]
    for query in searched:
        assert json.loads((await ask(query)).body)["data"] == []


async def test_an_erased_customer_cannot_be_changed(tell: Told, said: Said) -> None:
    customer_id = await erased(tell)
    commands = [
        an_update(customer_id, name="Renamed Ltd"),
        a_new_contact(customer_id),
        a_changed_contact(customer_id, "cont_1", name="Ada"),
        a_removed_contact(customer_id, "cont_1"),
    ]

    assert [(await tell(command)).facts for command in commands] == [NOT_FOUND] * 4
    assert await said(customer_id) == [(ERASED, 2), (STATE, 2)]


async def test_a_second_erasure_is_carried_out_in_silence(tell: Told, said: Said) -> None:
    customer_id = await erased(tell)

    answer = await tell(an_erasure(customer_id))

    assert (answer.body, answer.facts) == (b"{}", {})
    assert await said(customer_id) == [(ERASED, 2), (STATE, 2)]


async def test_an_unknown_customer_cannot_be_erased(tell: Told) -> None:
    assert (await tell(an_erasure(a_customer_id()))).facts == NOT_FOUND


async def test_the_id_of_an_erased_customer_is_not_given_again(tell: Told, ask: Told) -> None:
    customer_id = await erased(tell)

    answer = await tell(a_create(customer_id=customer_id))

    assert answer.facts == {"refusal": "customer_erased"}
    assert (await ask(a_get(customer_id))).facts == NOT_FOUND


async def test_a_create_that_is_repeated_after_the_erasure_is_refused_to_whoever_asks(
    consumer: Consumer, tell: Told, mailbox: Mailbox, said: Said
) -> None:
    command = a_create()
    envelope = an_asking_envelope(command)
    again = envelope._replace(ask_id="again")
    await consumer.handle(a_record(command, envelope))
    await tell(an_erasure(command.customer_id))

    await consumer.handle(a_record(command, again))

    assert mailbox.answer_to(again).facts == {"refusal": "customer_erased"}
    assert await said(command.customer_id) == [(ERASED, 2), (STATE, 2)]


async def test_a_create_that_is_repeated_after_the_erasure_and_not_asked_for_is_done_with(
    consumer: Consumer, tell: Told, mailbox: Mailbox, said: Said
) -> None:
    command = a_create()
    envelope = an_envelope(command)
    await consumer.handle(a_record(command, envelope))
    await tell(an_erasure(command.customer_id))

    await consumer.handle(a_record(command, envelope))

    assert await said(command.customer_id) == [(ERASED, 2), (STATE, 2)]
    assert mailbox.letters == []


async def test_an_id_used_again_for_another_body_stays_refused_after_the_erasure(
    consumer: Consumer, tell: Told, mailbox: Mailbox
) -> None:
    command = a_create()
    envelope = an_asking_envelope(command)
    other = an_update(command.customer_id, name="Renamed Ltd")
    reused = envelope._replace(type=other.type, ask_id="reused")
    await consumer.handle(a_record(command, envelope))
    await tell(an_erasure(command.customer_id))

    await consumer.handle(a_record(other, reused))

    assert mailbox.answer_to(reused).facts == {"refusal": "idempotency_key_reused"}


async def test_an_erasure_that_is_repeated_gives_its_answer_again(
    consumer: Consumer, tell: Told, mailbox: Mailbox, said: Said
) -> None:
    command = a_create()
    await tell(command)
    erasure = an_erasure(command.customer_id)
    envelope = an_asking_envelope(erasure)
    again = envelope._replace(ask_id="again")

    await consumer.handle(a_record(erasure, envelope))
    await consumer.handle(a_record(erasure, again))

    assert (mailbox.answer_to(again).body, mailbox.answer_to(again).facts) == (b"{}", {"replayed": "true"})
    assert await said(command.customer_id) == [(ERASED, 2), (STATE, 2)]


async def test_answers_about_other_customers_are_not_forgotten(
    consumer: Consumer, tell: Told, mailbox: Mailbox
) -> None:
    command = a_create()
    envelope = an_asking_envelope(command)
    again = envelope._replace(ask_id="again")
    await consumer.handle(a_record(command, envelope))

    await erased(tell)
    await consumer.handle(a_record(command, again))

    assert mailbox.answer_to(again).body == mailbox.answer_to(envelope).body


async def test_nothing_personal_is_left_in_any_table(
    tell: Told, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    planted = "Zwiebelfisch"
    members = {name: f"{planted} {name}" for name in ("name", "notes")}
    members |= {
        "email": f"{planted}@mail.example",
        "website": f"https://{planted}.example",
        "tax_id": planted,
        "preferred_shipping": planted.upper(),
        "phone": "+49 40 7654321",
        "fax": "+49 40 7654321",
    }
    address = an_address(line1=planted, line2=planted, city=planted)
    person = a_contact_body(name=planted, title=planted, email=f"p@{planted}.example", phone="+49 40 7654321")
    command = an_import(
        **members,
        billing_address=address,
        shipping_address=address,
        contacts=[person, person],
        external_ref=planted,
    )
    customer_id = json.loads((await tell(command, source=f"/{planted}")).body)["customer_id"]
    await tell(an_update(customer_id, notes=f"{planted} again"))
    await tell(a_new_contact(customer_id, name=f"{planted} again"))
    hidden = [planted.lower(), "7654321"]
    before = (await everything_in(engine)).lower()
    assert all(value in before for value in hidden)

    await tell(an_erasure(customer_id, reason=planted))

    async with owner_engine.begin() as db:
        await db.execute(text("delete from outbox"))  # as the relay does with what the broker has
        await db.execute(text("update inbox set source = '/erp'"))  # who sent is the envelope's
    after = (await everything_in(engine)).lower()
    assert customer_id.lower() in after
    assert [value for value in hidden if value in after] == []


async def test_the_content_of_an_erased_import_is_not_kept_as_a_digest(
    tell: Told, engine: AsyncEngine
) -> None:
    command = an_import()
    customer_id = json.loads((await tell(command)).body)["customer_id"]

    await tell(an_erasure(customer_id))

    async with engine.connect() as db:
        row = (await db.execute(text("select import_digest, imported_as from customers"))).one()
    assert (row.import_digest, row.imported_as) == (None, customer_id)


async def test_a_contact_that_is_added_at_the_same_time_does_not_survive_its_customer(
    tell: Told, engine: AsyncEngine
) -> None:
    ids = [await _created(tell) for _ in range(6)]
    commands = [a_new_contact(customer_id) for customer_id in ids for _ in range(3)]
    erasures = [an_erasure(customer_id) for customer_id in ids]

    await asyncio.gather(
        *(tell(command) for pair in zip(commands[::3], erasures, strict=True) for command in pair)
    )

    async with engine.connect() as db:
        left = (await db.execute(text("select count(*) from contacts"))).scalar_one()
        kept = (
            await db.execute(text("select count(*) from inbox where answer is not null and answer <> '{}'"))
        ).scalar_one()
    assert (left, kept) == (0, 0)


async def _created(tell: Told) -> str:
    command = a_create()
    await tell(command)
    return command.customer_id


async def test_an_erasure_is_one_transaction_of_six_statements(tell: Told, engine: AsyncEngine) -> None:
    customer_id = await _created(tell)

    with sent_by(engine) as sent:
        await tell(an_erasure(customer_id))

    assert (sent.commits, len(sent.statements)) == (1, 6), sent.statements


async def test_of_an_erased_customer_only_the_marker_is_exported(tell: Told, ask: Told) -> None:
    customer_id = await erased(tell)

    exported = json.loads((await ask(an_export(customer_id))).body)

    assert exported["erased_at"]
    assert [answer["answer"] for answer in exported.pop("kept_answers")] == [{}]
    assert exported == {
        "customer_id": customer_id,
        "version": 2,
        "erased_at": exported["erased_at"],
        "customer": None,
        "external_source": None,
        "contacts": [],
    }
