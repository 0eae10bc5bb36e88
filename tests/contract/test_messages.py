import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts import MESSAGES
from shared.messaging import Message, Poison, Request, Value, answer_type, read_headers
from tests.support.builders import (
    a_contact_body,
    a_create,
    a_customer_body,
    a_record,
    an_address,
    an_envelope,
)
from tests.support.kafka import Published
from tests.support.shapes import exact, shape_of
from tests.support.system import InProcess

FOLDER = Path(__file__).parent / "messages"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Sample:
    topic: str
    key: str
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> type[Message]:
        return MESSAGES[self.headers["ce_type"]]

    def decoded(self, **changes: object) -> Message:
        return self.message.from_json(json.dumps({**self.body, **changes}).encode())


def read(file: Path) -> Sample:
    return Sample(**json.loads(file.read_text()))


SAMPLES = {file.stem: read(file) for file in sorted(FOLDER.glob("*.json"))}
NEWEST = {sample.headers["ce_type"]: sample for _, sample in sorted(SAMPLES.items())}


def decimals_of(message: type[Message]) -> list[str]:
    schema = message.model_json_schema()["properties"]
    return [name for name, member in schema.items() if "Decimal" in member.get("description", "")]


def has_its_key(message: type[Message]) -> bool:
    """A rejection may lack it: the command it speaks of may have named no id."""
    return message.model_fields[message.key].is_required()


@pytest.mark.parametrize("name", SAMPLES)
def test_everything_that_was_ever_published_is_still_read(name: str) -> None:
    sample = SAMPLES[name]

    envelope = read_headers([(header, value.encode()) for header, value in sample.headers.items()])
    message = sample.decoded()

    assert envelope.type == sample.message.type == name.rpartition(".")[0]
    assert sample.message.topic.name == sample.topic
    assert envelope.partition_key == message.partition_key == sample.key
    assert json.loads(message.to_json()) == sample.body


@pytest.mark.parametrize("wire_type", MESSAGES)
def test_every_registered_message_has_a_sample(wire_type: str) -> None:
    assert wire_type in NEWEST


@pytest.mark.parametrize("wire_type", MESSAGES)
def test_every_request_names_its_answer(wire_type: str) -> None:
    message = NEWEST[wire_type].decoded()

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


async def everything_said_of_a_customer(app: InProcess) -> dict[str, Published]:
    body = a_customer_body(
        phone="+1-555-0456",
        fax="+1-555-0457",
        website="https://customerxyz.example",
        tax_id="98-7654321",
        billing_address=an_address(line2="Floor 3"),
        shipping_address=an_address(),
        contacts=[a_contact_body(is_primary=True)],
        payment_terms="net_30",
        currency="USD",
        credit_limit=5000,
        discount_rate=2.5,
        preferred_shipping="UPS_GROUND",
        is_active=True,
        notes="High-value customer with consistent orders",
    )
    created = await app.http.post("/api/customers", json=body, headers={"traceparent": TRACEPARENT})
    await app.http.get(created.headers["Location"], headers={"traceparent": TRACEPARENT})
    again = a_create(customer_id=created.json()["data"]["id"])
    envelope = an_envelope(again, correlation_id=str(uuid4()), traceparent=TRACEPARENT)
    refused = a_record(again, envelope)
    said = [*app.bus.records]
    await app.publish(refused.topic, refused.key, refused.value, refused.headers)
    said += app.bus.records[len(said) + 1 :]
    return {record.header["ce_type"]: record for record in said}


@pytest.mark.integration
async def test_what_is_published_today_looks_like_its_newest_sample(in_process: InProcess) -> None:
    said = await everything_said_of_a_customer(in_process)

    assert said.keys() == MESSAGES.keys()
    for wire_type, record in said.items():
        sample = NEWEST[wire_type]
        assert record.topic == sample.topic
        assert record.header.keys() == sample.headers.keys(), wire_type
        assert shape_of(exact(record.value or b"")) == shape_of(exact(json.dumps(sample.body))), wire_type
        assert {name: len(record.header[name]) for name in ("ce_time", "ce_dataschema")} == {
            name: len(sample.headers[name]) for name in ("ce_time", "ce_dataschema")
        }
