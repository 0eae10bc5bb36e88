"""Everything that is published of the registry's messages, once for all documents."""

import json
from dataclasses import dataclass

from ops.documents.headers import example_headers
from shared.contracts import MESSAGES
from shared.contracts.customers.events import CustomerState
from shared.contracts.examples import Json, example_of
from shared.contracts.schemas import Description, Schema, described, schemas_of
from shared.errors import Refusal
from shared.messaging import Message, Request, Value, answer_type


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as it is published.

    Attributes:
        body, example_headers, key: Of an example record in which everything is set that may be; key: None
            where it has none.
        answer: Of a request, else None.
        has_tombstones: Whether a record without a value says that the entity is no more. Those of orders and
            credit are never erased: they hold nobody's name.
    """

    contract: type[Message]
    description: Description
    body: Json
    example_headers: dict[str, str]
    key: str | None
    answer: type[Value] | None
    has_tombstones: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is published.

    Attributes:
        entries: By name, in alphabetical order.
        answers: Classes of all answers, by name; `Refusal` is one.
        schemas: Of messages, answers and all they consist of, by class name.
    """

    entries: dict[str, Entry]
    answers: dict[str, type[Value]]
    schemas: dict[str, Schema]


def catalogue() -> Catalogue:
    """What is published of the messages that are registered."""
    messages = schemas_of(MESSAGES.values())
    entries = {name: _entry(MESSAGES[name], messages) for name in sorted(MESSAGES)}
    found = {entry.answer.__name__: entry.answer for entry in entries.values() if entry.answer}
    answers = {name: found[name] for name in sorted(found)} | {Refusal.__name__: Refusal}
    return Catalogue(entries, answers, schemas_of([*MESSAGES.values(), *answers.values()]))


def _entry(contract: type[Message], schemas: dict[str, Schema]) -> Entry:
    body = example_of(contract.__name__, schemas)
    example = contract.from_json(json.dumps(body).encode())
    return Entry(
        contract=contract,
        description=described(contract),
        body=body,
        example_headers=example_headers(example),
        key=example.partition_key,
        answer=answer_type(example) if isinstance(example, Request) else None,
        has_tombstones=contract is CustomerState,
    )
