import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.credit.handlers import handlers as credit
from services.customers.handlers import handlers as customers
from services.orders.handlers import handlers as orders
from shared.contracts import MESSAGES, TOPICS
from shared.contracts.credit.requests import WishedAllocation
from shared.contracts.customers.requests import EraseCustomer
from shared.contracts.examples import LEFT_OUT
from shared.handlers import Handlers
from shared.messaging import Message, Poison, Request, Value, answer_type, read_headers
from tests.support.builders import a_customer_body, a_record, an_envelope
from tests.support.conversation import ERP, TRACEPARENT, Conversation
from tests.support.kafka import Published
from tests.support.shapes import exact, shape_of
from tests.support.system import InProcess

FOLDER = Path(__file__).parent / "messages"
NAMES = {(message.topic.name, message.type): name for name, message in MESSAGES.items()}


@dataclass(frozen=True)
class Sample:
    topic: str
    key: str | None
    headers: Mapping[str, str]
    body: Any

    @property
    def name(self) -> str:
        return NAMES[self.topic, self.headers["ce_type"]]

    @property
    def message(self) -> type[Message]:
        return MESSAGES[self.name]

    def decoded(self, **changes: object) -> Message:
        return self.message.from_json(json.dumps({**self.body, **changes}).encode())


def read(file: Path) -> Sample:
    return Sample(**json.loads(file.read_text()))


SAMPLES = {file.stem: read(file) for file in sorted(FOLDER.glob("*.json"))}
NEWEST = {sample.name: sample for _, sample in sorted(SAMPLES.items())}


def decimals_of(message: type[Message]) -> list[str]:
    schema = message.model_json_schema()["properties"]
    return [name for name, member in schema.items() if "Decimal, at most" in json.dumps(member)]


def has_its_key(message: type[Message]) -> bool:
    """A rejection may lack it, and an import; a list has none."""
    return message.key is not None and message.model_fields[message.key].is_required()


@pytest.mark.parametrize("name", SAMPLES)
def test_everything_that_was_ever_published_is_still_read(name: str) -> None:
    sample = SAMPLES[name]

    envelope = read_headers([(header, value.encode()) for header, value in sample.headers.items()])
    message = sample.decoded()

    assert sample.name == name.rpartition(".")[0]
    assert envelope.type == sample.message.type
    assert envelope.partition_key in (None, sample.key)  # other systems need not repeat the key
    assert message.partition_key == sample.key
    assert json.loads(message.to_json()) == sample.body


@pytest.mark.parametrize("name", MESSAGES)
def test_every_registered_message_has_a_sample(name: str) -> None:
    assert name in NEWEST


@pytest.mark.parametrize("service", [customers, orders, credit], ids=lambda service: str(service.service))
def test_a_service_follows_exactly_the_topics_that_name_its_groups(service: Handlers) -> None:
    for group, kinds in (
        (service.service, ("commands", "events", "state")),
        (f"{service.service}-queries", ("queries",)),
    ):
        followed = service.topics(*kinds).keys()
        assert followed == {name for name, topic in TOPICS.items() if group in topic.groups}


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_what_an_example_leaves_out_may_be_left_out(name: str) -> None:
    contract, _, member = name.partition(".")
    (found,) = [each for each in [*MESSAGES.values(), WishedAllocation] if each.__name__ == contract]

    assert not found.model_fields[member].is_required()


@pytest.mark.parametrize("name", MESSAGES)
def test_every_request_names_its_answer(name: str) -> None:
    message = NEWEST[name].decoded()

    if isinstance(message, Request):
        assert issubclass(answer_type(message), Value)


@pytest.mark.parametrize("name", SAMPLES)
def test_members_of_newer_senders_are_ignored(name: str) -> None:
    sample = SAMPLES[name]

    assert sample.decoded(member_of_tomorrow={"a": [1]}) == sample.decoded()


@pytest.mark.parametrize(
    ("name", "member"),
    [(name, member) for name, sample in SAMPLES.items() for member in decimals_of(sample.message)],
)
def test_a_number_where_a_decimal_belongs_is_poison(name: str, member: str) -> None:
    with pytest.raises(Poison, match=f"{member}: invalid_decimal"):
        SAMPLES[name].decoded(**{member: 5000.00})


def test_decimals_are_found_by_their_schema() -> None:
    assert decimals_of(MESSAGES["customer.created.v1"]) == ["credit_limit", "discount_rate"]


@pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if has_its_key(sample.message)])
def test_a_message_without_its_key_is_poison(name: str) -> None:
    sample = SAMPLES[name]

    with pytest.raises(Poison, match="invalid_body"):
        sample.decoded(**{sample.message.key: None})


@pytest.mark.integration
async def test_what_is_published_today_looks_like_its_newest_sample(in_process: InProcess) -> None:
    await Conversation(in_process).hold()

    said = [record for record in in_process.bus.records if record.value is not None]
    assert {name_of(record) for record in said} == MESSAGES.keys()
    for name, sample in NEWEST.items():
        records = [record for record in said if name_of(record) == name and is_ours(record)]
        if is_from_outside(sample):
            assert records == [], name
            continue
        assert sample.headers.keys() in [record.header.keys() for record in records], name
        shape = shape_of(exact(json.dumps(sample.body)))
        assert shape in [shape_of(exact(record.value or b"")) for record in records], name
        for header in ("ce_time", "ce_dataschema"):
            lengths = {len(record.header[header]) for record in records}
            assert lengths == {len(sample.headers[header])}, name


@pytest.mark.integration
async def test_a_sample_of_what_other_systems_send_looks_like_what_is_carried_out(
    in_process: InProcess,
) -> None:
    await Conversation(in_process).hold()

    sent = [record for record in in_process.bus.records if not is_ours(record)]
    for sample in filter(is_from_outside, NEWEST.values()):
        shapes = [shape_of(exact(record.value or b"")) for record in sent if name_of(record) == sample.name]
        assert shape_of(exact(json.dumps(sample.body))) in shapes, sample.name


@pytest.mark.integration
async def test_a_tombstone_has_the_headers_of_the_state_and_no_value(in_process: InProcess) -> None:
    created = await in_process.http.post(
        "/api/customers", json=a_customer_body(), headers={"traceparent": TRACEPARENT}
    )
    erase = EraseCustomer(customer_id=created.json()["data"]["id"])
    record = a_record(erase, an_envelope(erase, traceparent=TRACEPARENT))
    await in_process.publish(record.topic, record.key, record.value, record.headers)

    (tombstone,) = [record for record in in_process.bus.records if record.value is None]
    sample = NEWEST["customer.state.v1"]
    assert tombstone.topic == sample.topic
    assert tombstone.header.keys() == sample.headers.keys()
    assert tombstone.key == erase.record_key


def name_of(record: Published) -> str:
    return NAMES[record.topic, record.header["ce_type"]]


def is_from_outside(sample: Sample) -> bool:
    return sample.headers["ce_source"] == ERP


def is_ours(record: Published) -> bool:
    """Not what the conversation publishes as another team's system would."""
    return record.header["ce_source"] != ERP
