"""What is published of contract classes: JSON Schemas, and what their docstrings say of each member. Pure.

Schemas are in topic form, where decimals are strings; the gateway makes the HTTP form of them. A sentence of
a docstring that begins with `member: ` or `member, member: ` is the description of these members.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.messaging import Value

Schema = dict[str, Any]  # JSON

REFERENCE = "#/components/schemas/{model}"  # the same place in OpenAPI and AsyncAPI

_SENTENCE_END = re.compile(r"(?<=\.)\s+")
_PYTHON_NULL = re.compile(r"\bNone\b")
_OF_MEMBERS = re.compile(r"(\w+(?:, \w+)*): (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Description:
    """What a contract class says of itself.

    Attributes:
        summary: The first sentence.
        remarks: What else concerns it as a whole; empty where there is nothing.
        by_member: Meanings of members; a member whose name says all is missing.
    """

    summary: str
    remarks: str
    by_member: dict[str, str]


def described(contract: type[BaseModel]) -> Description:
    """The docstring of a contract class; of members also those of the classes it extends."""
    by_member: dict[str, str] = {}
    for ancestor in reversed(contract.__mro__):
        if issubclass(ancestor, Value) and ancestor.__doc__:
            by_member |= _split(ancestor.__doc__, contract)[1]
    summary, *remarks = _split(contract.__doc__ or contract.__name__, contract)[0]
    return Description(summary, " ".join(remarks), by_member)


def schemas_of(contracts: Iterable[type[BaseModel]]) -> dict[str, Schema]:
    """JSON Schemas of contract classes and of all that they consist of, by class name, in alphabetical order.

    They refer to each other by `REFERENCE`. An optional member has no default there: one that is left out is
    not the same as null in a change.
    """
    wanted = {each.__name__: each for contract in contracts for each in _with_parts(contract)}
    _, found = models_json_schema([(each, "validation") for each in wanted.values()], ref_template=REFERENCE)
    return {name: _published(found["$defs"][name], wanted[name]) for name in sorted(wanted)}


def reference_to(contract: str) -> Schema:
    """A schema that is the one of a contract class."""
    return {"$ref": REFERENCE.format(model=contract)}


def _split(text: str, contract: type[BaseModel]) -> tuple[list[str], dict[str, str]]:
    of_all: list[str] = []
    by_member: dict[str, str] = {}
    for sentence in _SENTENCE_END.split(_PYTHON_NULL.sub("null", " ".join(text.split()))):
        told = _OF_MEMBERS.fullmatch(sentence)
        names = told[1].split(", ") if told else []
        if told and contract.model_fields.keys() >= set(names):
            by_member |= dict.fromkeys(names, _capital(told[2]))
        else:
            of_all.append(sentence)
    return of_all, by_member


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _with_parts(contract: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield contract
    for member in contract.model_fields.values():
        for part in _classes_in(member.annotation):
            yield from _with_parts(part)


def _classes_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _classes_in(argument)


def _published(schema: Schema, contract: type[BaseModel]) -> Schema:
    description = described(contract)
    members = {
        name: _member(member, description.by_member.get(name))
        for name, member in schema.get("properties", {}).items()
    }
    required = {"required": schema["required"]} if "required" in schema else {}
    text = f"{description.summary} {description.remarks}".strip()
    return {"description": text, "type": "object", "properties": members} | required


def _member(schema: Schema, meaning: str | None) -> Schema:
    kept = {name: value for name, value in schema.items() if name != "title"}
    if kept.get("default", ...) is None:
        del kept["default"]
    texts = [text for text in (meaning, kept.pop("description", None)) if text]
    return ({"description": " ".join(texts)} if texts else {}) | kept
