"""The HTTP form of contract schemas. Pure.

On topics decimals are strings, unknown members are ignored, and commands carry the ids; in HTTP bodies
decimals are numbers, unknown members are refused, and what the server owns may be sent back and is ignored.
"""

from collections.abc import Callable, Iterable

from pydantic import BaseModel

from services.gateway.contact_bodies import SERVER_OWNED as SERVER_OWNED_OF_CONTACT
from services.gateway.customer_bodies import SERVER_OWNED
from services.gateway.problems import ERRORS_MAX, KINDS
from services.gateway.validation import ADDRESSING
from shared.contracts.schemas import Schema, reference_to, schemas_of

_LEFT_OUT_WHERE_NOT_SET = frozenset({"Address", "PageMeta", "OrderPageMeta"})  # what is optional of them
_TEXT: Schema = {"type": "string"}
_IGNORED: Schema = {"readOnly": True, "description": "The server's own; ignored."}


def answers_and_bodies(
    answers: Iterable[type[BaseModel]], bodies: Iterable[type[BaseModel]]
) -> dict[str, Schema]:
    """Schemas of answers and of the bodies of commands, with their parts, by class name."""
    found = {
        name: _optional_never_null(schema) if name in _LEFT_OUT_WHERE_NOT_SET else _mapped(schema, _number)
        for name, schema in schemas_of([*answers, *bodies]).items()
    }
    return found | {each.__name__: _without_addressing(found[each.__name__]) for each in bodies}


def closed(schemas: dict[str, Schema], bodies: Iterable[str]) -> dict[str, Schema]:
    """The schemas with those of bodies closed, and with what is ignored in them."""
    owned = {name: _server_owned(name) for name in (*bodies, "NewContact")}
    return schemas | {
        name: schemas[name]
        | {
            "properties": dict.fromkeys(sorted(owned.get(name, ())), _IGNORED) | schemas[name]["properties"],
            "additionalProperties": False,
        }
        for name in (*owned, "Address")
    }


def problem_schemas() -> dict[str, Schema]:
    """Schemas of errors, by name."""
    texts = dict.fromkeys(("title", "detail", "request_id", "traceparent"), _TEXT)
    problem = {
        "description": "An error, RFC 9457. `code` is stable; `title` and `detail` are for people.",
        "type": "object",
        "properties": {
            **dict.fromkeys(("type", "instance"), _TEXT | {"format": "uri-reference"}),
            "status": {"type": "integer"},
            "code": _TEXT | {"enum": sorted(KINDS)},
            **texts,
            "errors": {"type": "array", "items": reference_to("FieldError"), "maxItems": ERRORS_MAX},
        },
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    }
    field_error = {
        "description": "One thing that is wrong: at a JSON pointer in the body, or in a query parameter.",
        "type": "object",
        "properties": dict.fromkeys(("pointer", "parameter", "code", "detail"), _TEXT),
        "required": ["code", "detail"],
    }
    return {"Problem": problem, "FieldError": field_error}


def _mapped(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    return schema | {"properties": {name: change(member) for name, member in schema["properties"].items()}}


def _server_owned(body: str) -> frozenset[str]:
    if "Contact" in body:
        return SERVER_OWNED_OF_CONTACT
    return SERVER_OWNED if "Customer" in body else frozenset()


def _optional_never_null(schema: Schema) -> Schema:
    members = schema["properties"].items()
    return schema | {
        "properties": {
            name: member if name in schema["required"] else _never_null(member) for name, member in members
        }
    }


def _number(member: Schema) -> Schema:
    if member.get("format") != "decimal":
        return member
    limits = {"minimum": float(member["x-minimum"]), "maximum": float(member["x-maximum"])}
    default = {"default": float(member["default"])} if "default" in member else {}
    # the decimals only in words: 0.07 as a float is no multiple of 0.01
    return {"description": member["description"], "type": "number"} | limits | default


def _never_null(member: Schema) -> Schema:
    described = {name: value for name, value in member.items() if name != "anyOf"}
    return {**described, **next(iter(member.get("anyOf", [{}])))}


def _without_addressing(schema: Schema) -> Schema:
    required = [name for name in schema["required"] if name not in ADDRESSING]
    members = {name: member for name, member in schema["properties"].items() if name not in ADDRESSING}
    return schema | {"properties": members, "required": required}
