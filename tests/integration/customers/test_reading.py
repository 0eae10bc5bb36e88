import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.contracts.customers.answers import Customer
from shared.queries import BATCH_MAX, Queries
from tests.support.builders import a_contact_body, a_create, a_get, a_record, an_asking_envelope, an_envelope
from tests.support.mailbox import Mailbox
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration


async def created(consumer: Consumer, count: int) -> list[str]:
    commands = [a_create(contacts=[a_contact_body()]) for _ in range(count)]
    for command in commands:
        await consumer.handle(a_record(command))
    return [command.customer_id for command in commands]


async def test_one_statement_answers_a_whole_batch(
    consumer: Consumer, queries: Queries, engine: AsyncEngine, mailbox: Mailbox
) -> None:
    ids = await created(consumer, 3)
    asked = {
        customer_id: an_asking_envelope(a_get(customer_id)) for customer_id in [*ids, a_get().customer_id]
    }

    with sent_by(engine) as sent:
        await queries.take(a_record(a_get(customer_id), envelope) for customer_id, envelope in asked.items())
        await queries.finish()

    assert len(sent.statements) == 1
    for customer_id in ids:
        answer = mailbox.answer_to(asked[customer_id])
        assert json.loads(answer.body)["id"] == customer_id
        assert answer.facts == {"version": "c1-p0"}
    *_, of_nobody = asked.values()
    assert mailbox.answer_to(of_nobody).facts == {"refusal": "customer_not_found"}


async def test_one_statement_answers_at_most_a_batch(
    queries: Queries, engine: AsyncEngine, mailbox: Mailbox
) -> None:
    asked = [an_asking_envelope(a_get()) for _ in range(BATCH_MAX + 1)]

    with sent_by(engine) as sent:
        await queries.take(a_record(a_get(), envelope) for envelope in asked)
        await queries.finish()

    assert len(sent.statements) == 2
    assert len(mailbox.answers) == BATCH_MAX + 1


async def test_a_read_gives_the_bytes_that_the_create_gave(
    consumer: Consumer, queries: Queries, mailbox: Mailbox
) -> None:
    command = a_create(contacts=[a_contact_body(name=name) for name in ("Ada", "Bob", "Cy")])
    create, get = an_asking_envelope(command), an_asking_envelope(a_get(command.customer_id))

    await consumer.handle(a_record(command, create))
    await queries.take([a_record(a_get(command.customer_id), get)])
    await queries.finish()

    assert mailbox.answer_to(get).body == mailbox.answer_to(create).body
    assert Customer.model_validate_json(mailbox.answer_to(get).body)


async def test_the_same_customer_asked_for_twice_is_answered_twice(
    consumer: Consumer, queries: Queries, mailbox: Mailbox
) -> None:
    (customer_id,) = await created(consumer, 1)
    asked = [an_asking_envelope(a_get(customer_id)) for _ in range(2)]

    await queries.take(a_record(a_get(customer_id), envelope) for envelope in asked)
    await queries.finish()

    assert len({mailbox.answer_to(envelope).body for envelope in asked}) == 1


async def test_a_query_that_has_expired_is_not_answered(queries: Queries, mailbox: Mailbox) -> None:
    expired = an_asking_envelope(a_get(), expires_at=datetime.now(UTC) - timedelta(seconds=60))
    wanted = an_asking_envelope(a_get())

    await queries.take([a_record(a_get(), expired), a_record(a_get(), wanted)])
    await queries.finish()

    assert [envelope.ask_id for envelope, _ in mailbox.answers] == [wanted.ask_id]
    assert mailbox.letters == []


async def test_a_query_that_nobody_asked_is_no_work(
    queries: Queries, engine: AsyncEngine, mailbox: Mailbox
) -> None:
    with sent_by(engine) as sent:
        await queries.take([a_record(a_get(), an_envelope(a_get()))])
        await queries.finish()

    assert (sent.statements, mailbox.answers, mailbox.letters) == ([], [], [])


async def test_poison_among_queries_does_not_keep_the_others_from_their_answers(
    queries: Queries, mailbox: Mailbox
) -> None:
    good, bad = an_asking_envelope(a_get()), an_asking_envelope(a_get())

    await queries.take([replace(a_record(a_get(), bad), value=b"{"), a_record(a_get(), good)])
    await queries.finish()

    assert mailbox.answer_to(good).facts == {"refusal": "customer_not_found"}
    assert mailbox.answer_to(bad).facts == {"refusal": "invalid_body"}
    assert len(mailbox.letters) == 1


async def test_a_query_that_fails_is_told_so_at_once(
    queries: Queries, owner_engine: AsyncEngine, mailbox: Mailbox
) -> None:
    async with owner_engine.begin() as db:
        await db.execute(text("alter table customers rename to lost"))
    envelope = an_asking_envelope(a_get())

    await queries.take([a_record(a_get(), envelope)])
    await queries.finish()

    assert mailbox.answer_to(envelope).facts == {"refusal": "internal_error"}
    assert mailbox.letters == []
