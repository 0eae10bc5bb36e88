import asyncio
from collections.abc import Callable

import pytest

from shared.messaging import Headers
from tests.support import kafka as topics
from tests.support.builders import a_create, a_customer_body, a_get, a_record, with_header, without
from tests.support.eventually import eventually
from tests.support.kafka import Published
from tests.support.system import ApplicationUnderTest, Composed

COMMANDS = "customers.customer.commands.v1"
QUERIES = "customers.customer.queries.v1"
REPLIES = "gateway.replies.v1"
PERSON = "Bob Wilson"

Spoilt = Callable[[Published], tuple[bytes | None, Headers]]

POISON: dict[str, tuple[Spoilt, str]] = {
    "not JSON": (lambda record: (b'{"name": "Bob Wilson', record.headers), "invalid_body"),
    "not the schema": (lambda record: (b'{"name": "Bob Wilson"}', record.headers), "invalid_body"),
    "not UTF-8": (lambda record: (b'{"name": "Bob Wilson\xff"}', record.headers), "invalid_body"),
    "no value": (lambda record: (None, record.headers), "bad_envelope"),
    "no id": (lambda record: (record.value, without(record.headers, "ce_id")), "bad_envelope"),
    "no type": (lambda record: (record.value, without(record.headers, "ce_type")), "bad_envelope"),
    "no headers": (lambda record: (record.value, []), "bad_envelope"),
    "another CloudEvents": (
        lambda record: (record.value, with_header(record.headers, "ce_specversion", b"0.3")),
        "bad_envelope",
    ),
    "structured mode": (
        lambda record: (
            record.value,
            with_header(record.headers, "content-type", b"application/cloudevents+json"),
        ),
        "bad_envelope",
    ),
    "binary in a header": (
        lambda record: (record.value, with_header(record.headers, "ce_subject", b"\xff\xfe")),
        "bad_envelope",
    ),
    "an expiry that is none": (
        lambda record: (record.value, with_header(record.headers, "ce_expirytime", b"soon")),
        "bad_envelope",
    ),
    "unknown type": (
        lambda record: (record.value, with_header(record.headers, "ce_type", b"customer.praise.v1")),
        "unknown_type",
    ),
}


async def dead_letter_of(app: ApplicationUnderTest, topic: str, key: bytes | None) -> Published:
    async def letters() -> list[Published]:
        return [letter for letter in await app.records_of(topic) if letter.key == key]

    (letter,) = await eventually(letters)
    return letter


def assert_untouched_but_for_the_reason(
    letter: Published, key: bytes | None, value: bytes | None, headers: Headers
) -> dict[str, str]:
    assert (letter.key, letter.value) == (key, value)
    assert list(letter.headers[: len(headers)]) == list(headers)
    return {name: text.decode() for name, text in letter.headers[len(headers) :]}


@pytest.mark.parametrize("kind", POISON)
async def test_a_command_that_cannot_be_read_is_set_aside_and_the_next_of_its_key_is_handled(
    app: ApplicationUnderTest, kind: str
) -> None:
    spoil, code = POISON[kind]
    command = a_create()
    good = a_record(command)
    value, headers = spoil(good)

    await app.publish(COMMANDS, good.key, value, headers)
    await app.publish(COMMANDS, good.key, good.value, good.headers)

    path = f"/api/customers/{command.customer_id}"
    await eventually(lambda: app.http.get(path), lambda answer: answer.status_code == 200)
    letter = await dead_letter_of(app, f"{COMMANDS}.customers.dlq", good.key)
    reason = assert_untouched_but_for_the_reason(letter, good.key, value, headers)
    assert reason["dlq_error"].startswith(f"{code}: ")
    assert (reason["dlq_topic"], reason["dlq_group"]) == (COMMANDS, "customers")
    assert (reason["dlq_error_class"], reason["dlq_attempts"]) == ("Poison", "1")
    assert {"dlq_partition", "dlq_offset", "dlq_first_seen"} <= reason.keys()
    assert PERSON not in reason["dlq_error"]


@pytest.mark.parametrize("kind", POISON)
async def test_a_query_that_cannot_be_read_is_set_aside_and_the_next_of_its_key_is_answered(
    app: ApplicationUnderTest, kind: str
) -> None:
    spoil, code = POISON[kind]
    created = await app.http.post("/api/customers", json=a_customer_body())
    query = a_record(a_get(created.json()["data"]["id"]))
    value, headers = spoil(query)

    await app.publish(QUERIES, query.key, value, headers)
    answer = await app.http.get(created.headers["Location"])

    assert answer.content == created.content
    letter = await dead_letter_of(app, f"{QUERIES}.customers-queries.dlq", query.key)
    reason = assert_untouched_but_for_the_reason(letter, query.key, value, headers)
    assert reason["dlq_error"].startswith(f"{code}: ")
    assert (reason["dlq_topic"], reason["dlq_group"]) == (QUERIES, "customers-queries")


async def test_a_command_without_a_key_is_handled(app: ApplicationUnderTest) -> None:
    command = a_create()
    record = a_record(command)

    await app.publish(COMMANDS, None, record.value, record.headers)

    path = f"/api/customers/{command.customer_id}"
    await eventually(lambda: app.http.get(path), lambda answer: answer.status_code == 200)


async def test_an_id_used_again_for_another_body_is_set_aside_where_nobody_asked(
    app: ApplicationUnderTest,
) -> None:
    first = a_record(a_create())
    other = a_create()

    await app.publish(COMMANDS, first.key, first.value, first.headers)
    await app.publish(COMMANDS, other.record_key, other.to_json(), first.headers)

    letter = await dead_letter_of(app, f"{COMMANDS}.customers.dlq", other.record_key)
    assert letter.header["dlq_error"].startswith("message_id_reused: ")
    answer = await app.http.get(f"/api/customers/{other.customer_id}")
    assert answer.status_code == 404


@pytest.mark.composed
async def test_answers_that_cannot_be_read_do_not_stop_the_gateway(composed: Composed, kafka: str) -> None:
    created = await composed.http.post("/api/customers", json=a_customer_body())
    commands = await topics.records_of(kafka, COMMANDS)
    texts = (dict(record.headers).get("reply_partition") for record in commands)
    partitions = {int(text) for text in texts if text is not None}

    for partition in partitions:
        for value, headers in (
            (b"\xff", [("ask_id", b"\xff\xfe")]),
            (None, [("ask_id", b"0" * 32)]),
            (b"{}", []),
            (b"not JSON", [("ask_id", b""), ("refusal", b"\xf0\x9f")]),
        ):
            await topics.publish(kafka, REPLIES, b"any", value, headers, partition=partition)

    answers = await asyncio.gather(*(composed.http.get(created.headers["Location"]) for _ in range(20)))
    assert {answer.content for answer in answers} == {created.content}
