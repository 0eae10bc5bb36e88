import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from ops import bus
from ops.bus import NotGranted
from ops.erase import carry_out
from ops.export import Unanswered, exports, joined
from ops.ports import free_port
from shared.contracts import TOPICS
from shared.contracts.customers.requests import EraseCustomer
from shared.errors import DeadlineExceeded
from shared.kafka import create_topics
from shared.messaging import Answer, Done, Query, read_headers
from tests.support.builders import a_customer_body, a_customer_id
from tests.support.command_line import customers_api, customers_api_at_a_terminal
from tests.support.kafka import Published, a_topic
from tests.support.responder import responder
from tests.support.shapes import exact
from tests.support.system import Composed

VERBS = [("export",), ("erase", "--yes")]


class Look(Query[Done]):
    """Look something up."""

    topic = a_topic("queries")
    type = "thing.look.v1"
    key = "thing"

    thing: str


class EraseUnheard(EraseCustomer):
    """Erase a customer where nobody hears it."""

    topic = a_topic("commands")


@pytest.fixture
async def broker(kafka: str) -> str:
    await create_topics(kafka, [*TOPICS.values(), Look.topic, EraseUnheard.topic])
    return kafka


async def known(record: Published) -> Answer[Any] | None:
    match record.json["thing"]:
        case "unknown":
            return Answer(b'{"code": "not_found", "detail": "no such thing"}', {"refusal": "not_found"})
        case "unknown_customer":
            return Answer(b'{"code": "customer_not_found", "detail": "-"}', {"refusal": "customer_not_found"})
        case "unanswerable":
            return None
        case _:
            return Answer(b'{"price": 12.30}')


async def ask(broker: str, thing: str, deadline_s: float = 20.0) -> Answer[Done]:
    return await bus.answer(broker, "/operator", Look(thing=thing), deadline_s)


@pytest.mark.kafka
async def test_an_answer_comes_as_it_was_given_to_who_is_named_as_the_asker(broker: str) -> None:
    thing = uuid4().hex
    async with responder(broker, Look.topic.name, known) as asked:
        answer = await ask(broker, thing)

    (envelope,) = {
        read_headers(each.headers).id: read_headers(each.headers)
        for each in asked
        if each.json["thing"] == thing
    }.values()
    assert answer.body == b'{"price": 12.30}'
    assert (envelope.source, envelope.caller) == ("/operator", "/operator")


@pytest.mark.kafka
async def test_a_refusal_is_told_by_its_code_and_detail(broker: str) -> None:
    async with responder(broker, Look.topic.name, known):
        with pytest.raises(NotGranted, match="not_found: no such thing") as refused:
            await ask(broker, "unknown")
    assert refused.value.exit_code == 1


@pytest.mark.kafka
async def test_nobody_waits_longer_than_the_deadline(broker: str) -> None:
    async with responder(broker, Look.topic.name, known):
        with pytest.raises(DeadlineExceeded):
            await ask(broker, "unanswerable", deadline_s=0.5)


@pytest.mark.kafka
async def test_of_an_erasure_without_an_answer_the_outcome_is_said_to_be_unknown(
    broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = EraseUnheard(customer_id=a_customer_id())

    code = await asyncio.to_thread(carry_out, broker, command, 0.5)

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert f"it is not known whether {command.customer_id} was erased" in said.err


@pytest.mark.kafka
async def test_whoever_does_not_know_the_customer_has_null_in_the_export(broker: str) -> None:
    thing = uuid4().hex
    queries = {"shop": Look(thing=thing), "attic": Look(thing="unknown_customer")}
    async with responder(broker, Look.topic.name, known):
        found = await exports(broker, queries, within_s=20.0)

    assert found == {"shop": b'{"price": 12.30}', "attic": None}
    assert joined(found) == b'{"shop":{"price": 12.30},"attic":null}'


@pytest.mark.kafka
async def test_a_service_that_has_not_answered_is_named(broker: str) -> None:
    async with responder(broker, Look.topic.name, known):
        with pytest.raises(Unanswered, match="attic has not answered within"):
            await exports(broker, {"attic": Look(thing="unanswerable")}, within_s=0.5)


@pytest.mark.parametrize("verb", VERBS)
async def test_where_no_broker_is_one_line_says_so_and_what_to_do(verb: tuple[str, ...]) -> None:
    port = free_port()

    ended = await customers_api(*verb, a_customer_id(), KAFKA_PORT=str(port))

    assert (ended.code, ended.output) == (2, "")
    assert ended.errors == f"error: no Kafka answers at 127.0.0.1:{port} (is it running? make run)\n"


@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_no_customer_id_is_not_asked_about(verb: tuple[str, ...]) -> None:
    ended = await customers_api(*verb, "4711")

    assert (ended.code, ended.output) == (2, "")
    assert ended.errors.startswith("error: customer_id: ")


@pytest.mark.parametrize("typed", ["n\n", "\n"])
async def test_at_a_terminal_nothing_is_erased_without_a_yes(typed: str) -> None:
    ended = await customers_api_at_a_terminal(
        "erase", a_customer_id(), typed=typed, KAFKA_PORT=str(free_port())
    )

    assert (ended.code, ended.errors) == (1, "")
    assert ended.output.endswith("nothing was erased\n")


async def test_at_a_terminal_a_yes_has_it_asked_for() -> None:
    ended = await customers_api_at_a_terminal(
        "erase", a_customer_id(), typed="y\n", KAFKA_PORT=str(free_port())
    )

    assert ended.code == 2
    assert "no Kafka answers" in ended.errors


async def test_away_from_any_terminal_nothing_is_erased_without_a_yes() -> None:
    ended = await customers_api("erase", a_customer_id(), given=b"y\n", KAFKA_PORT=str(free_port()))

    assert (ended.code, ended.output) == (2, "")
    (line,) = ended.errors.splitlines()
    assert line.startswith("error: nothing was erased: ")
    assert "say --yes" in line


async def a_customer_of(app: Composed) -> str:
    body = a_customer_body(credit_limit=5000, notes='Says "Gr\u00fc\u00df Gott"')
    created = await app.http.post("/api/customers", json=body)
    customer_id: str = created.json()["data"]["id"]
    return customer_id


@pytest.mark.composed
async def test_an_export_is_printed_with_its_numbers_as_they_are(composed: Composed, kafka: str) -> None:
    customer_id = await a_customer_of(composed)

    ended = await customers_api("export", customer_id, KAFKA_BOOTSTRAP_SERVERS=kafka)

    assert (ended.code, ended.errors) == (0, "")
    exported = exact(ended.output)
    assert list(exported) == ["customers", "orders", "credit"]
    customer = exported["customers"]["customer"]
    shown = (await composed.http.get(f"/api/customers/{customer_id}")).text
    assert customer == exact(shown)["data"]
    assert customer["credit_limit"] == "5000.00"


@pytest.mark.composed
async def test_an_erased_customer_is_gone_and_erasing_it_again_does_no_harm(
    composed: Composed, kafka: str
) -> None:
    customer_id = await a_customer_of(composed)

    erasures = [
        await customers_api("erase", customer_id, *options, KAFKA_BOOTSTRAP_SERVERS=kafka)
        for options in (["--yes", "--reason", "asked for by letter"], ["--yes"])
    ]

    for ended in erasures:
        assert (ended.code, ended.output, ended.errors) == (0, f"{customer_id} is erased\n", "")
    exported = await customers_api("export", customer_id, KAFKA_BOOTSTRAP_SERVERS=kafka)
    assert json.loads(exported.output)["customers"]["erased_at"] is not None
    assert "New Customer Corp" not in exported.output


@pytest.mark.composed
@pytest.mark.parametrize("verb", VERBS)
async def test_a_customer_that_is_not_there_is_said_not_to_be(
    composed: Composed, kafka: str, verb: tuple[str, ...]
) -> None:
    customer_id = a_customer_id()

    ended = await customers_api(*verb, customer_id, KAFKA_BOOTSTRAP_SERVERS=kafka)

    assert (ended.code, ended.output) == (1, "")
    assert ended.errors.startswith("error: customer_not_found: ")
