"""A gateway in memory: calls it as an ASGI server would, over a bus that answers what the test says."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar
from urllib.parse import unquote

from litestar import Litestar

from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from shared.messaging import Answer, Command, Request, Value
from shared.rpc import Asking

A = TypeVar("A", bound=Value)
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

ANSWER: Answer[Any] = Answer(b'{"id":"cust_456","credit_limit":10000.00}', {"version": "c7-p42"})
ADDRESS = {
    "line1": "123 New Customer St",
    "city": "Business City",
    "state": "CA",
    "postal_code": "90210",
    "country": "US",
}


def a_body(**changes: object) -> dict[str, object]:
    """The least that creates a customer, with changes; `...` takes a member away."""
    body = {
        "name": "New Customer Corp",
        "email": "orders@newcustomer.com",
        "billing_address": ADDRESS,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def an_address(**changes: object) -> dict[str, object]:
    """A whole address in the US, with changes; `...` takes a member away."""
    return {name: value for name, value in {**ADDRESS, **changes}.items() if value is not ...}


def some_settings(**changes: Any) -> GatewaySettings:
    """Settings with the documented defaults."""
    return GatewaySettings(kafka_bootstrap_servers="127.0.0.1:1", **changes)


@dataclass
class Bus:
    """An `Rpc` that gives one answer, or fails in one way, and keeps what it was asked or given.

    by_contract: What it does where another request is asked than the others.
    """

    answer: Answer[Any] | Exception = ANSWER
    by_contract: Mapping[type[Request[Any]], Answer[Any] | Exception] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    asked: list[tuple[Request[Any], Asking]] = field(default_factory=list)
    handed_over: list[tuple[Command[Any], Asking]] = field(default_factory=list)

    async def relay(self, request: Request[A], asking: Asking) -> Answer[A]:
        """The one answer."""
        self.asked.append((request, asking))
        answer = self.by_contract.get(type(request), self.answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask(self, request: Request[A], asking: Asking) -> A:
        """Not used by the routes there are."""
        raise NotImplementedError

    async def hand_over(self, request: Command[Any], asking: Asking) -> None:
        """Taken, or the one failure."""
        self.handed_over.append((request, asking))
        if isinstance(self.answer, Exception):
            raise self.answer

    def faults(self) -> list[str]:
        """What the test says."""
        return self.reasons


@dataclass
class Response:
    """What came back; header names in lower case."""

    status: int
    header_lines: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers; a name that occurs twice fails."""
        assert len(dict(self.header_lines)) == len(self.header_lines)
        return dict(self.header_lines)

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    @property
    def pointers(self) -> dict[str, str]:
        """Error codes by pointer."""
        return {error["pointer"]: error["code"] for error in self.json["errors"]}


@cache
def _application(**settings: Any) -> Litestar:
    """One application for all tests with these settings: making one takes longer than most tests."""
    return create_app(some_settings(**settings), Bus())


Receive = Callable[[], Awaitable[dict[str, Any]]]


class Gateway:
    """The application, and how to call it."""

    def __init__(self, bus: Bus | None = None, **settings: Any) -> None:
        self.bus = bus or Bus()
        self.app = _application(**settings)

    def get(self, path: str, headers: Headers = ()) -> Response:
        """GET."""
        return self.call("GET", path, headers)

    def post(self, path: str, body: object, headers: Headers = ()) -> Response:
        """POST; bytes go as they are, anything else as JSON."""
        return self.call("POST", path, headers, _written(body))

    def put(self, path: str, body: object, headers: Headers = ()) -> Response:
        """PUT; bytes go as they are, anything else as JSON."""
        return self.call("PUT", path, headers, _written(body))

    def delete(self, path: str, headers: Headers = ()) -> Response:
        """DELETE, without a body."""
        return self.call("DELETE", path, headers)

    @property
    def command(self) -> Any:
        """The one message that was asked, of whichever contract."""
        ((message, _),) = self.bus.asked
        return message

    def call(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Response:
        """Any request whose body comes in one piece."""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        return self.call_with(method, path, headers, receive)

    def call_with(self, method: str, path: str, headers: Headers, receive: Receive) -> Response:
        """A request whose body comes from `receive`."""
        path, _, query = path.partition("?")
        given = headers.items() if isinstance(headers, Mapping) else headers
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "root_path": "",
            "query_string": query.encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        self.app.state.rpc = self.bus
        # the server's own types are wider than what is built here
        asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        lines = [(name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]]
        return Response(sent[0]["status"], lines, b"".join(message["body"] for message in sent[1:]))


def _written(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def assert_problem(response: Response, status: int, code: str) -> None:
    """The response is the problem of this code, whole and under its media type."""
    assert (response.status, response.json["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json["status"] == status
