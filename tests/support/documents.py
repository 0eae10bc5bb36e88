"""The published documents as others use them: does a record, a request or a response keep to them?"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.kafka import Published
from tests.support.servers import PROJECT

ASYNCAPI = PROJECT / "docs" / "asyncapi.yaml"
OPENAPI = PROJECT / "docs" / "openapi.json"

Object = dict[str, Any]  # JSON

_OF_THE_TRANSPORT = {"content-type", "content-length"}  # OpenAPI says nothing of them


class Document:
    """A document whose schemas are closed: a member or header that it does not name is a fault."""

    def __init__(self, content: Object) -> None:
        self.content = content
        closed = {
            name: {"additionalProperties": False, **schema} if "properties" in schema else schema
            for name, schema in content["components"]["schemas"].items()
        }
        components = {**content["components"], "schemas": closed}
        resource = DRAFT202012.create_resource({**content, "components": components})
        self._registry: Registry[Any] = Registry().with_resource("document:", resource)

    def faults(self, value: object, *place: str) -> list[str]:
        """What is wrong with a value of the schema at a place in the document."""
        pointer = "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in place)
        validator = Draft202012Validator(
            {"$ref": f"document:#{pointer}"},
            registry=self._registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        return [
            f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)
        ]


@cache
def asyncapi() -> Document:
    """docs/asyncapi.yaml; reading it takes seconds, so it is read once."""
    return Document(yaml.safe_load(ASYNCAPI.read_text()))


@cache
def openapi() -> Document:
    """docs/openapi.json; numbers with a fraction are Decimals, as those of `exactly`."""
    return Document(exactly(OPENAPI.read_text()))


def exactly(text: str | bytes) -> Any:
    """The value of a JSON text; fractions are Decimals, as they are written."""
    return json.loads(text, parse_float=Decimal)


def faults_of_record(document: Document, record: Published) -> list[str]:
    """What is not so with a record as docs/asyncapi.yaml says."""
    name = _message_of(document, record)
    if name is None:
        return [f"{record.topic} has no {record.header.get('ce_type')}"]
    message = ("components", "messages", name)
    key = None if record.key is None else record.key.decode()
    found = document.faults(record.header, *message, "headers")
    if "bindings" in document.content["components"]["messages"][name]:
        found += document.faults(key, *message, "bindings", "kafka", "key")
    return [f"{name}: {fault}" for fault in found + document.faults(record.json, *message, "payload")]


def _message_of(document: Document, record: Published) -> str | None:
    """Under which name the record's topic has it."""
    if record.topic.endswith(".dlq"):
        return "dead_letter"
    here = document.content["channels"].get(record.topic, {}).get("messages", {})
    messages = document.content["components"]["messages"]
    for name in here:
        is_tombstone = name.endswith(".tombstone")
        if messages[name]["name"] == record.header["ce_type"] and is_tombstone == (record.value is None):
            return str(name)
    return None


def faults_of_response(document: Document, response: httpx.Response) -> list[str]:
    """What is not so with a response as docs/openapi.json says."""
    place = _place_of(document, response)
    if place is None:
        return [f"{response.request.method} {response.request.url.path}: {response.status_code} is unknown"]
    described = _at(document.content, *place)
    known = {name.lower() for name in described["headers"]} | _OF_THE_TRANSPORT
    found = [f"header {name} is unknown" for name in response.headers if name not in known]
    media = response.headers.get("Content-Type")
    if response.request.method != "HEAD" and media in described.get("content", {}):
        found += document.faults(exactly(response.content), *place, "content", media, "schema")
    elif (media is None) != ("content" not in described):
        found.append(f"media type {media} is unknown")
    return [f"{'.'.join(place[1:4])}: {fault}" for fault in found]


def _place_of(document: Document, response: httpx.Response) -> tuple[str, ...] | None:
    """Where the document describes it."""
    method = response.request.method.lower().replace("head", "get")
    path = _template(document, response.request.url.path)
    operations = document.content["paths"].get(path, {})
    if not operations and response.status_code == 404:
        return ("components", "responses", "RouteNotFound")
    if method not in operations and response.status_code == 405:
        return ("components", "responses", "MethodNotAllowed")
    status = str(response.status_code)
    if status not in operations.get(method, {}).get("responses", {}):
        return None
    return ("paths", path, method, "responses", status)


def _template(document: Document, path: str) -> str:
    return next((each for each in document.content["paths"] if _pattern(each).fullmatch(path)), "")


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "[^/]+", template))


def references_in(value: object) -> Iterator[str]:
    """Every `$ref` in a document."""
    match value:
        case dict():
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for member in value.values():
                yield from references_in(member)
        case list():
            for element in value:
                yield from references_in(element)


def dead_references(content: Object) -> list[str]:
    """References that lead nowhere."""
    return sorted({each for each in references_in(content) if _at(content, *_steps(each)) is None})


def _steps(reference: str) -> list[str]:
    steps = reference.removeprefix("#/").split("/")
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def _at(content: Object, *steps: str) -> Any:
    found: Any = content
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    return found
