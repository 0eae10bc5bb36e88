import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.customers.handlers import create_customer
from shared.consumer import Consumer
from shared.contracts.customers.answers import Customer
from shared.contracts.customers.events import CustomerCreated
from shared.contracts.customers.requests import CreateCustomer
from shared.contracts.customers.topics import EVENTS
from shared.handlers import Context, Handlers, Service
from shared.ids import derived_id
from shared.messaging import Answer, Event, Message
from tests.support.builders import (
    a_contact_body,
    a_create,
    a_record,
    an_address,
    an_asking_envelope,
    an_envelope,
)
from tests.support.mailbox import Mailbox
from tests.support.shapes import exact
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Counted = Callable[[], Awaitable[dict[str, int]]]
Outbox = Callable[[], Awaitable[list[Any]]]
NOTHING = {"customers": 0, "contacts": 0, "inbox": 0, "outbox": 0}
ONE = {"customers": 1, "contacts": 1, "inbox": 1, "outbox": 2}


class Oversized(Event):
    """An event that no broker takes."""

    topic = EVENTS
    type = "customer.oversized.v1"
    key = "customer_id"

    customer_id: str
    text: str


class Creates:
    """The product's handler, counting how often it ran; `then` is what it does afterwards."""

    def __init__(
        self, then: Callable[[Context, CreateCustomer], None] = lambda context, command: None
    ) -> None:
        self.ran = 0
        self.then = then
        self.handlers = Handlers("customers")
        self.handlers.on(CreateCustomer)(self.create)

    async def create(self, command: CreateCustomer, context: Context) -> Answer[Customer]:
        self.ran += 1
        answer: Answer[Customer] = await create_customer(command, context)
        self.then(context, command)
        return answer


async def test_a_create_is_one_transaction_of_at_most_four_statements(
    consumer: Consumer, engine: AsyncEngine, mailbox: Mailbox, rows: Counted
) -> None:
    command = a_create(contacts=[a_contact_body(name=f"Person {number}") for number in range(20)])

    with sent_by(engine) as sent:
        await consumer.handle(a_record(command, an_asking_envelope(command)))

    assert (sent.commits, sent.rollbacks) == (1, 0)
    assert len(sent.statements) <= 4, sent.statements
    assert await rows() == {"customers": 1, "contacts": 20, "inbox": 1, "outbox": 2}
    assert len(mailbox.answers) == 1


async def test_a_create_answers_with_the_finished_customer(consumer: Consumer, mailbox: Mailbox) -> None:
    command = a_create(credit_limit=Decimal("12.3"), discount_rate=Decimal("7.25"))
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    answer = mailbox.answer_to(envelope)
    customer = exact(answer.body)
    assert answer.facts == {"version": "c1-p0"}
    assert Customer.model_validate_json(answer.body).id == command.customer_id
    assert list(customer) == list(Customer.model_fields)
    assert (customer["credit_limit"], customer["discount_rate"]) == ("12.30", "7.25")
    assert (customer["current_balance"], customer["lifetime_value"]) == ("0.00", "0.00")
    assert customer["total_orders"] == "0"
    for name in ("customer_since", "created_at", "updated_at"):
        assert datetime.strptime(customer[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize(("rate", "shown"), [("5", "5.0"), ("0", "0.0"), ("2.50", "2.5"), ("2.55", "2.55")])
async def test_a_rate_is_shown_with_one_decimal_or_two_where_it_has_two(
    consumer: Consumer, mailbox: Mailbox, rate: str, shown: str
) -> None:
    command = a_create(discount_rate=Decimal(rate))
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    assert exact(mailbox.answer_to(envelope).body)["discount_rate"] == shown


async def test_the_event_and_the_state_follow_from_the_command(consumer: Consumer, outbox: Outbox) -> None:
    command = a_create()
    envelope = an_asking_envelope(
        command, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    )

    await consumer.handle(a_record(command, envelope))

    created, state = await outbox()
    for row, wire_type in ((created, "customer.created.v1"), (state, "customer.state.v1")):
        headers = json.loads(row.headers)
        assert row.key == command.customer_id.encode()
        assert headers["ce_type"] == wire_type
        assert headers["ce_causationid"] == envelope.id
        assert headers["ce_correlationid"] == envelope.correlation_id
        assert headers["ce_traceparent"] == envelope.traceparent
        assert headers["ce_sequence"] == "000000000001"
        assert json.loads(row.value)["version"] == 1
    assert json.loads(created.headers)["ce_id"] != json.loads(state.headers)["ce_id"]


async def test_what_follows_from_a_message_without_a_conversation_carries_its_id(
    consumer: Consumer, outbox: Outbox
) -> None:
    command = a_create()
    envelope = an_envelope(command)

    await consumer.handle(a_record(command, envelope))

    assert {json.loads(row.headers)["ce_correlationid"] for row in await outbox()} == {envelope.id}


async def test_text_of_any_script_and_fifty_contacts_come_back_whole(
    consumer: Consumer, mailbox: Mailbox
) -> None:
    strange = "Zażółć 株式会社 \"quoted\" \\ 'x' {} %s :name 🚚"
    contacts = [a_contact_body(name=f"{strange} {number}") for number in range(50)]
    command = a_create(name=strange, notes=f"{strange}\n\t{strange}", contacts=contacts)
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    customer = json.loads(mailbox.answer_to(envelope).body)
    assert (customer["name"], customer["notes"]) == (command.name, command.notes)
    assert [contact["name"] for contact in customer["contacts"]] == [contact["name"] for contact in contacts]
    assert len({contact["id"] for contact in customer["contacts"]}) == 50


async def test_optional_members_of_an_address_that_are_not_set_are_left_out(
    consumer: Consumer, mailbox: Mailbox
) -> None:
    address = {"line1": "1 High St", "city": "London", "country": "GB"}
    command = a_create(billing_address=address, shipping_address=None)
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    customer = json.loads(mailbox.answer_to(envelope).body)
    assert customer["billing_address"] == customer["shipping_address"] == address


async def test_the_same_message_twice_has_one_effect_and_the_same_answer(
    consumer: Consumer, mailbox: Mailbox, rows: Counted
) -> None:
    command = a_create()
    first = an_asking_envelope(command)
    again = first._replace(ask_id="another")

    await consumer.handle(a_record(command, first))
    await consumer.handle(a_record(command, again))

    assert await rows() == ONE
    assert mailbox.answer_to(again).body == mailbox.answer_to(first).body
    assert "replayed" not in mailbox.answer_to(first).facts
    assert mailbox.answer_to(again).facts == {"version": "c1-p0", "replayed": "true"}


async def test_duplicates_at_once_run_the_handler_once_and_all_get_the_same_answer(
    engine: AsyncEngine, mailbox: Mailbox, rows: Counted
) -> None:
    creates = Creates()
    consumer = Consumer(Service(creates.handlers, engine), mailbox)
    command = a_create()
    first = an_asking_envelope(command)
    records = [a_record(command, first._replace(ask_id=str(number))) for number in range(5)]

    await asyncio.gather(*(consumer.handle(record) for record in records))

    assert creates.ran == 1
    assert await rows() == ONE
    assert len(mailbox.answers) == 5
    assert len({answer.body for _, answer in mailbox.answers}) == 1
    assert sum("replayed" in answer.facts for _, answer in mailbox.answers) == 4


async def test_a_repeat_by_another_sender_is_another_message(
    consumer: Consumer, mailbox: Mailbox, rows: Counted
) -> None:
    one, other = a_create(), a_create()
    envelope = an_asking_envelope(one)

    await consumer.handle(a_record(one, envelope))
    await consumer.handle(a_record(other, envelope._replace(source="/crm", ask_id="another")))

    assert (await rows())["customers"] == 2


async def test_an_id_used_again_for_another_body_is_refused(
    consumer: Consumer, mailbox: Mailbox, rows: Counted
) -> None:
    one, other = a_create(), a_create()
    envelope = an_asking_envelope(one)
    reused = envelope._replace(ask_id="another")

    await consumer.handle(a_record(one, envelope))
    await consumer.handle(a_record(other, reused))

    assert mailbox.answer_to(reused).facts == {"refusal": "idempotency_key_reused"}
    assert await rows() == ONE
    assert mailbox.letters == []


async def test_a_refusal_that_was_asked_for_leaves_nothing_so_that_the_id_may_succeed_later(
    consumer: Consumer, engine: AsyncEngine, owner_engine: AsyncEngine, mailbox: Mailbox, rows: Counted
) -> None:
    command = a_create()
    await consumer.handle(a_record(command))
    before = await rows()
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))
    assert mailbox.answer_to(envelope).facts == {"refusal": "customer_exists"}
    assert await rows() == before

    async with owner_engine.begin() as db:
        await db.execute(text("delete from contacts"))
        await db.execute(text("delete from customers"))
    later = envelope._replace(ask_id="later")
    await consumer.handle(a_record(command, later))
    assert mailbox.answer_to(later).facts == {"version": "c1-p0"}


@pytest.mark.parametrize("deliveries", [1, 3])
async def test_a_refusal_that_nobody_awaits_is_said_exactly_once(
    consumer: Consumer, mailbox: Mailbox, outbox: Outbox, deliveries: int
) -> None:
    command = a_create()
    await consumer.handle(a_record(command))
    before = len(await outbox())
    again = a_record(command, an_envelope(command))

    for _ in range(deliveries):
        await consumer.handle(again)

    (rejected,) = (await outbox())[before:]
    headers = json.loads(rejected.headers)
    assert rejected.topic == "customers.customer.events.v1"
    assert headers["ce_type"] == "customer.command_rejected.v1"
    assert "ce_sequence" not in headers
    assert json.loads(rejected.value) == {
        "command": "customer.create.v1",
        "code": "customer_exists",
        "detail": f"there is a customer {command.customer_id} already",
        "customer_id": command.customer_id,
    }
    assert (mailbox.letters, mailbox.answers) == ([], [])


async def test_a_refusal_of_a_record_whose_key_is_no_text_is_said_all_the_same(
    consumer: Consumer, mailbox: Mailbox, outbox: Outbox
) -> None:
    command = a_create()
    await consumer.handle(a_record(command))
    again = replace(a_record(command, an_envelope(command)), key=b"\xff\xfe")

    await consumer.handle(again)

    assert [json.loads(row.headers)["ce_type"] for row in await outbox()][2:] == [
        "customer.command_rejected.v1"
    ]
    assert mailbox.letters == []


async def test_a_refusal_is_said_under_the_id_that_the_command_names_whatever_the_key_of_its_record(
    consumer: Consumer, outbox: Outbox
) -> None:
    command = a_create()
    await consumer.handle(a_record(command))
    again = replace(a_record(command, an_envelope(command)), key=b"somebody@mail.example")

    await consumer.handle(again)

    rejected = (await outbox())[-1]
    assert rejected.key == command.customer_id.encode()
    assert "somebody" not in rejected.headers


async def test_a_command_that_never_expires_may_say_so_by_the_last_of_all_instants(
    consumer: Consumer, mailbox: Mailbox
) -> None:
    command = a_create()
    envelope = an_asking_envelope(command, expires_at=datetime.max.replace(tzinfo=UTC))

    await consumer.handle(a_record(command, envelope))

    assert "refusal" not in mailbox.answer_to(envelope).facts


async def test_an_exception_leaves_neither_a_claim_nor_a_message(
    engine: AsyncEngine, mailbox: Mailbox, rows: Counted
) -> None:
    def fail(context: Context, command: CreateCustomer) -> None:
        raise RuntimeError(command.email)

    consumer = Consumer(Service(Creates(fail).handlers, engine), mailbox)
    command = a_create()
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    assert await rows() == NOTHING
    assert mailbox.answer_to(envelope).facts == {"refusal": "internal_error"}
    (letter,) = mailbox.letters
    assert dict(letter.headers)["dlq_error_class"] == b"RuntimeError"
    assert command.email.encode() not in b"".join(value for _, value in letter.headers)
    assert command.email.encode() not in mailbox.answer_to(envelope).body


async def test_a_message_that_no_broker_takes_fails_before_the_commit(
    engine: AsyncEngine, mailbox: Mailbox, rows: Counted
) -> None:
    def emit_too_much(context: Context, command: CreateCustomer) -> None:
        context.emit(Oversized(customer_id=command.customer_id, text="x" * 1_048_576))

    consumer = Consumer(Service(Creates(emit_too_much).handlers, engine), mailbox)

    await consumer.handle(a_record(a_create()))

    assert await rows() == NOTHING
    assert [dict(letter.headers)["dlq_error_class"] for letter in mailbox.letters] == [b"TooLarge"]


async def test_an_expired_command_is_dropped(consumer: Consumer, mailbox: Mailbox, rows: Counted) -> None:
    command = a_create()
    envelope = an_asking_envelope(command, expires_at=datetime.now(UTC) - timedelta(seconds=60))

    await consumer.handle(a_record(command, envelope))

    assert await rows() == NOTHING
    assert (mailbox.answers, mailbox.letters) == ([], [])


async def test_clocks_may_disagree_about_the_expiry_a_little(consumer: Consumer, rows: Counted) -> None:
    command = a_create()
    envelope = an_asking_envelope(command, expires_at=datetime.now(UTC) - timedelta(seconds=0.5))

    await consumer.handle(a_record(command, envelope))

    assert await rows() == ONE


async def test_an_answer_is_not_sent_where_nobody_asked(
    consumer: Consumer, mailbox: Mailbox, rows: Counted
) -> None:
    command = a_create()
    envelope = an_envelope(command, reply_to="somebody.elses.topic")

    await consumer.handle(a_record(command, envelope))

    assert await rows() == ONE
    assert mailbox.answers == []


async def test_a_repeat_makes_the_same_ids(consumer: Consumer, engine: AsyncEngine, mailbox: Mailbox) -> None:
    command = a_create(contacts=[a_contact_body(name="Ada"), a_contact_body(name="Bob")])
    envelope = an_asking_envelope(command)

    await consumer.handle(a_record(command, envelope))

    ids = [contact["id"] for contact in json.loads(mailbox.answer_to(envelope).body)["contacts"]]
    assert ids == [derived_id("cont", envelope.source, envelope.id, str(number)) for number in range(2)]


async def test_the_relay_is_woken_by_each_commit_and_by_nothing_else(
    consumer: Consumer, mailbox: Mailbox
) -> None:
    command = a_create()
    await consumer.handle(a_record(command))
    assert mailbox.wakes == 1

    await consumer.handle(a_record(command, an_asking_envelope(command)))
    assert mailbox.wakes == 1


async def test_the_database_refuses_a_second_primary_contact(consumer: Consumer, engine: AsyncEngine) -> None:
    command = a_create(contacts=[a_contact_body(name="Ada"), a_contact_body(name="Bob")])
    await consumer.handle(a_record(command))

    with pytest.raises(IntegrityError, match="uq_contacts_one_primary"):
        async with engine.begin() as db:
            await db.execute(text("update contacts set is_primary = true"))


@pytest.mark.parametrize(
    ("message", "value", "code"),
    [
        (a_create(), b"{", "invalid_body"),
        (a_create(), None, "bad_envelope"),
    ],
    ids=["broken", "empty"],
)
async def test_what_cannot_be_read_becomes_a_dead_letter_and_an_answer_to_whoever_asked(
    consumer: Consumer, mailbox: Mailbox, rows: Counted, message: Message, value: bytes | None, code: str
) -> None:
    envelope = an_asking_envelope(message)
    record = replace(a_record(message, envelope), value=value)

    await consumer.handle(record)

    assert await rows() == NOTHING
    (letter,) = mailbox.letters
    assert (letter.key, letter.value) == (record.key, value)
    assert dict(letter.headers)["dlq_error"].decode().startswith(code)
    assert mailbox.answer_to(envelope).facts == {"refusal": code}


async def test_a_command_that_came_on_another_topic_is_a_dead_letter(
    consumer: Consumer, mailbox: Mailbox, rows: Counted
) -> None:
    command = a_create()
    created = CustomerCreated.model_construct(customer_id=command.customer_id)
    record = a_record(command, an_envelope(created))

    await consumer.handle(record)

    assert await rows() == NOTHING
    assert dict(mailbox.letters[0].headers)["dlq_error"].startswith(b"unknown_type")


async def test_an_address_in_another_country_needs_no_state(consumer: Consumer, rows: Counted) -> None:
    command = a_create(billing_address=an_address(country="DE", state=..., postal_code=...))

    await consumer.handle(a_record(command))

    assert await rows() == ONE
