"""The OpenAPI 3.1 document of all routes, out of handlers and contracts; served at /schema/openapi.json."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from http import HTTPStatus
from typing import Any

from litestar import HttpMethod, route
from litestar.handlers import HTTPRouteHandler

from services.gateway import analytics, contacts, credit_checks, customers, health, orders
from services.gateway import openapi_texts as texts
from services.gateway.analytics_answer import CustomerAnalytics
from services.gateway.entity_tags import is_known, known_tags
from services.gateway.headers import header_lines
from services.gateway.http_schemas import answers_and_bodies, closed, problem_schemas
from services.gateway.order_parameters import PARAMETERS as PARAMETERS_OF_ORDERS
from services.gateway.parameters import NO_PARAMETERS, Parameters
from services.gateway.problems import KINDS, MEDIA_TYPE
from services.gateway.representations import Reply, json_reply
from services.gateway.requests import HttpRequest
from shared.contracts.credit.requests import CheckCredit, FindCreditChecks, GetCreditCheck
from shared.contracts.customers.requests import (
    AddContact,
    CreateCustomer,
    FindCustomers,
    GetCustomer,
    RemoveContact,
    UpdateContact,
    UpdateCustomer,
)
from shared.contracts.examples import VALUES, example_of
from shared.contracts.orders.requests import FindOrders, GetOrder, GetOrderAnalytics
from shared.contracts.schemas import Schema, described, reference_to, schemas_of
from shared.messaging import Command, Done, Request, Value, answer_type

Object = dict[str, Any]  # JSON

_IN_EVERY_RESPONSE = ("X-Request-Id", "X-Content-Type-Options")
_OF_ALL = ("invalid_header", "internal_error")
_OF_REQUESTS = ("invalid_parameter", "not_acceptable", "bus_unavailable", "shutting_down", "upstream_timeout")
_OF_BODIES = (
    *("malformed_json", "duplicate_member", "payload_too_large"),
    *("unsupported_media_type", "validation_error"),
)
_STATUS = {"status": {"enum": ["ok", "unavailable"]}}
_REASONS = {"reasons": {"type": "array", "items": {"type": "string"}}}
_HEALTH: Schema = {"type": "object", "properties": _STATUS | _REASONS, "required": ["status"]}
_TOLD = {"check_id": {"type": "string"}, "status": {"const": "pending"}}
_PENDING: Schema = {"type": "object", "properties": _TOLD, "required": [*_TOLD]}
_REMOVED: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
_SHOWN = {  # of a change only what the seed's example changes
    "UpdateCustomer": ("name", "email", "credit_limit", "discount_rate", "is_active"),
    "UpdateContact": ("title", "phone", "is_primary"),
}


@dataclass(frozen=True)
class Operation:
    """What the document says of a route, as far as its handler and its message do not say it themselves.

    Attributes:
        request: What a service is asked; None where nobody is.
        headers: Of the request, beside those that any may have; what they lead to follows from them.
        remarks: What its summary leaves open.
        parameters: In the query.
        composed: What it answers, where that is not what the service answers.
    """

    handler: HTTPRouteHandler
    request: type[Request[Any]] | None = None
    headers: tuple[str, ...] = ()
    remarks: str = ""
    parameters: Parameters = NO_PARAMETERS
    composed: type[Value] | None = None

    @cached_property
    def method(self) -> str:
        """In lower case; HEAD goes without saying."""
        (method,) = self.handler.http_methods - {"HEAD"}
        return str(method).lower()

    @cached_property
    def path(self) -> str:
        """With parameters as OpenAPI writes them."""
        (path,) = self.handler.paths
        return ("/api" if self.request else "") + re.sub(r":\w+}", "}", path)

    @cached_property
    def has_etag(self) -> bool:
        """Whether the answer tells its version."""
        return (
            bool({texts.IF_NONE_MATCH, texts.PREFER_MINIMAL} & {*self.headers})
            or self.request is CreateCustomer
        )

    @cached_property
    def status(self) -> int:
        """Where all is well."""
        return int(self.handler.status_code)

    @cached_property
    def answer(self) -> type[Value] | None:
        """What stands in its body where all is well; None where nobody is asked."""
        request = self.request
        return self.composed or (request and answer_type(request.model_construct()))

    @cached_property
    def body(self) -> type[Command[Any]] | None:
        """Whose members the request's body has."""
        has_body = self.method in ("post", "put")
        return self.request if has_body and self.request and issubclass(self.request, Command) else None

    @cached_property
    def codes(self) -> set[str]:
        """All codes of problems it may end in; those of its message are in the message's docstring."""
        refusals = set(re.findall(r"`(\w+)`", described(self.request).remarks)) if self.request else set()
        found = {*_OF_ALL, *(_OF_REQUESTS if self.request else ()), *(_OF_BODIES if self.body else ())}
        replays = {"idempotency_key_reused"} if texts.IDEMPOTENCY_KEY in self.headers else set()
        return found | replays | (refusals & KINDS.keys())


@route("/schema/openapi.json", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_openapi(request: HttpRequest) -> Reply:
    """This document."""
    body, tag = await asyncio.to_thread(_served)  # the first time takes a while
    headers = [(b"etag", tag), (b"cache-control", b"no-cache")]
    if is_known(tag, known_tags(header_lines(request.scope, b"if-none-match"))):
        return Reply(304, headers)
    return json_reply(200, body, headers)


HANDLERS = (get_openapi,)
OPERATIONS = (
    Operation(customers.find_customers, FindCustomers, parameters=customers.PARAMETERS),
    Operation(customers.create_customer, CreateCustomer, headers=(texts.IDEMPOTENCY_KEY,)),
    Operation(customers.get_customer, GetCustomer, headers=(texts.IF_NONE_MATCH,)),
    Operation(
        customers.update_customer,
        UpdateCustomer,
        headers=(texts.IF_MATCH, texts.PREFER_MINIMAL),
        remarks=texts.AS_BILLING,
    ),
    Operation(contacts.add_contact, AddContact, headers=(texts.IDEMPOTENCY_KEY, texts.IF_MATCH)),
    Operation(contacts.update_contact, UpdateContact, headers=(texts.IF_MATCH,)),
    Operation(contacts.remove_contact, RemoveContact, headers=(texts.IF_MATCH,)),
    Operation(orders.find_orders, FindOrders, parameters=PARAMETERS_OF_ORDERS),
    Operation(orders.get_order, GetOrder),
    Operation(
        analytics.get_analytics,
        GetOrderAnalytics,
        remarks=texts.OF_THE_PERIOD,
        parameters=analytics.PARAMETERS,
        composed=CustomerAnalytics,
    ),
    Operation(
        credit_checks.check_credit,
        CheckCredit,
        headers=(texts.IDEMPOTENCY_KEY, texts.PREFER_PROMISE),
        remarks=texts.MADE_ANYWAY,
    ),
    Operation(credit_checks.find_credit_checks, FindCreditChecks, parameters=credit_checks.PARAMETERS),
    Operation(credit_checks.get_credit_check, GetCreditCheck),
    Operation(health.get_liveness),
    Operation(health.get_readiness),
    Operation(get_openapi, headers=(texts.IF_NONE_MATCH,)),
)


@cache
def _served() -> tuple[bytes, bytes]:
    body = json.dumps(openapi_document(), ensure_ascii=False, separators=(",", ":")).encode()
    return body, b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode()


def openapi_document() -> Object:
    """The document, the same for the same code."""
    answers = [operation.answer for operation in OPERATIONS if operation.answer]
    bodies = [operation.body for operation in OPERATIONS if operation.body]
    forms = answers_and_bodies(answers, bodies)
    paths: dict[str, Object] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, forms)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Customers API",
            "version": "1.0.0",
            "description": "HEAD follows GET. Times are UTC. An unknown path is 404 `route_not_found`,"
            " another method of a path 405 `method_not_allowed`. Answers may gain members.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": _components(closed(forms, [body.__name__ for body in bodies]) | problem_schemas()),
    }


def _components(schemas: dict[str, Schema]) -> Object:
    text = {"schema": {"type": "string"}}
    return {
        "schemas": {name: schemas[name] for name in sorted(schemas)},
        "parameters": {
            name: {"name": name.partition(".")[0], "in": "header", "description": meaning, **text}
            for name, meaning in texts.REQUEST_HEADERS.items()
        },
        "headers": {
            name: {"description": meaning, **text} for name, meaning in texts.RESPONSE_HEADERS.items()
        },
        "responses": {
            "RouteNotFound": _problem(404, {"route_not_found"}),
            "MethodNotAllowed": _problem(405, {"method_not_allowed"}),
        },
    }


def _operation(operation: Operation, forms: dict[str, Schema]) -> Object:
    body = {"requestBody": _body(operation.body.__name__, forms)} if operation.body else {}
    remarks = {"description": operation.remarks} if operation.remarks else {}
    return {
        "operationId": operation.handler.handler_name,
        "summary": operation.handler.fn.__doc__,
        **remarks,
        "parameters": _parameters(operation),
        **body,
        "responses": _responses(operation, forms),
    }


def _parameters(operation: Operation) -> list[Object]:
    request = operation.request
    members: Schema = schemas_of([request])[request.__name__]["properties"] if request else {}
    in_path = re.findall(r"{(\w+)}", operation.path)
    in_query = {name: operation.parameters.member(name) for name in operation.parameters.readings}
    return [
        *(_parameter(name, "path", members[name]) | {"required": True} for name in in_path),
        *(
            _parameter(member, "query", members[member]) | {"name": name} | texts.OWN_PARAMETERS.get(name, {})
            for name, member in in_query.items()
        ),
        *_references("parameters", (*operation.headers, "X-Request-Id", "traceparent")).values(),
    ]


def _parameter(name: str, place: str, member: Schema) -> Object:
    schema = {key: value for key, value in member.items() if key not in ("description", "anyOf")}
    schema |= next(iter(member.get("anyOf", [{}])))
    # what is null in a message is absent in a query
    meaning = str(member.get("description", "")).replace("Null", "Absent")
    about = {"description": meaning} if meaning else {}
    return {"name": name, "in": place, **about, "schema": schema, "example": VALUES[name]}


def _body(name: str, forms: dict[str, Schema]) -> Object:
    example = example_of(name, forms)
    shown = {member: example[member] for member in _SHOWN.get(name, tuple(example))}
    return {
        "description": texts.BODY_LIMIT,
        "required": bool(forms[name]["properties"]),
        "content": {"application/json": {"schema": reference_to(name), "example": shown}},
    }


def _responses(operation: Operation, forms: dict[str, Schema]) -> Object:
    responses = {operation.status: _success(operation, forms)}
    if texts.PREFER_PROMISE in operation.headers:
        responses[202] = _promise()
    if texts.IF_NONE_MATCH in operation.headers:
        responses[304] = {"description": "Not Modified", "headers": _headers("ETag", "Cache-Control")}
    if operation.handler is health.get_readiness:
        responses[503] = _success(operation, forms) | {"description": "Nobody can be asked now"}
    for status in {KINDS[code].status for code in operation.codes}:
        responses[status] = _problem(
            status, {code for code in operation.codes if KINDS[code].status == status}
        )
    return {str(status): responses[status] for status in sorted(responses)}


def _success(operation: Operation, forms: dict[str, Schema]) -> Object:
    headers = [
        *(["ETag"] if operation.has_etag else []),
        *(["Cache-Control"] if operation.method == "get" else []),
        *(["Location"] if operation.status == HTTPStatus.CREATED else []),
        *(["Idempotency-Replayed"] if texts.IDEMPOTENCY_KEY in operation.headers else []),
        *(
            ["Preference-Applied"]
            if {texts.PREFER_MINIMAL, texts.PREFER_PROMISE} & {*operation.headers}
            else []
        ),
    ]
    return {
        "description": HTTPStatus(operation.status).phrase,
        "headers": _headers(*headers),
        "content": {"application/json": _content(operation, forms)},
    }


def _promise() -> Object:
    example = {"data": {"check_id": VALUES["check_id"], "status": "pending"}}
    return {
        "description": "Accepted: the check will be at its Location",
        "headers": _headers("Location", "Preference-Applied"),
        "content": {"application/json": {"schema": _in_data(_PENDING), "example": example}},
    }


def _content(operation: Operation, forms: dict[str, Schema]) -> Object:
    answer = operation.answer
    if answer is None:
        return {"schema": _HEALTH if "health" in operation.path else {"type": "object"}}
    if answer is Done:
        return {
            "schema": _in_data(_REMOVED),
            "example": {"data": {"message": "Contact successfully removed"}},
        }
    example = example_of(answer.__name__, forms)
    if "data" in answer.model_fields:
        return {"schema": reference_to(answer.__name__), "example": example}
    schema = reference_to(answer.__name__)
    if texts.PREFER_MINIMAL in operation.headers:
        changed = {"properties": forms[answer.__name__]["properties"], "required": ["id", "updated_at"]}
        schema = {"anyOf": [schema, {"type": "object", **changed}]}
    return {"schema": _in_data(schema), "example": {"data": example}}


def _in_data(schema: Schema) -> Schema:
    return {"type": "object", "properties": {"data": schema}, "required": ["data"]}


def _problem(status: int, codes: set[str]) -> Object:
    told = {"properties": {"status": {"const": status}, "code": {"enum": sorted(codes)}}}
    headers = {405: ("Allow",), 503: ("Retry-After",)}.get(status, ())
    return {
        "description": "; ".join(f"{KINDS[code].title} (`{code}`)" for code in sorted(codes)),
        "headers": _headers("Cache-Control", *headers),
        "content": {MEDIA_TYPE: {"schema": {"allOf": [reference_to("Problem"), told]}}},
    }


def _headers(*names: str) -> Object:
    return _references("headers", (*names, *_IN_EVERY_RESPONSE))


def _references(kind: str, names: Iterable[str]) -> Object:
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}
