import json
import re
from typing import Any

import pytest

from services.gateway.problems import KINDS
from shared.errors import Refused
from tests.unit.gateway.support import Bus, Gateway, a_body

ONE = "/api/customers/cust_456"
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INTERNAL = "column secret of table customers"


def broken() -> Gateway:
    return Gateway(Bus(RuntimeError(INTERNAL)))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/customer", "/api/customers/cust_1/nothing", "/health", "/%00", "/%FF", "/x" * 3000],
)
def test_an_unknown_route_is_404_whatever_the_method(gateway: Gateway, method: str, path: str) -> None:
    response = gateway.call(method, path)
    assert (response.status, response.json["code"]) == (404, "route_not_found")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "known", "unknown"),
    [
        ("/api/customers", {"GET", "HEAD", "POST"}, ["PUT", "PATCH", "DELETE", "TRACE", "BREW"]),
        (ONE, {"GET", "HEAD", "PUT"}, ["POST", "PATCH", "DELETE", "BREW"]),
        (f"{ONE}/contacts", {"POST"}, ["GET", "HEAD", "PUT", "PATCH", "DELETE", "BREW"]),
        (f"{ONE}/contacts/cont_1", {"PUT", "DELETE"}, ["GET", "HEAD", "POST", "PATCH", "BREW"]),
        (f"{ONE}/orders", {"GET", "HEAD"}, ["POST", "PUT", "PATCH", "DELETE", "BREW"]),
        (f"{ONE}/orders/so_1", {"GET", "HEAD"}, ["POST", "PUT", "PATCH", "DELETE", "BREW"]),
        (f"{ONE}/credit-check", {"POST"}, ["GET", "HEAD", "PUT", "PATCH", "DELETE", "BREW"]),
        (f"{ONE}/credit-checks", {"GET", "HEAD"}, ["POST", "PUT", "PATCH", "DELETE", "BREW"]),
        (f"{ONE}/credit-checks/chk_1", {"GET", "HEAD"}, ["POST", "PUT", "PATCH", "DELETE", "BREW"]),
        ("/health/live", {"GET", "HEAD"}, ["POST", "DELETE"]),
    ],
)
def test_a_known_route_names_the_methods_it_knows(
    gateway: Gateway, path: str, known: set[str], unknown: list[str]
) -> None:
    for method in unknown:
        response = gateway.call(method, path)
        assert response.status == 405
        assert {*response.headers["allow"].split(", ")} == {*known, "OPTIONS"}
        assert response.headers["content-type"] == "application/problem+json"
        assert method == "HEAD" or response.json["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/customers", "GET, HEAD, OPTIONS, POST"),
        (ONE, "GET, HEAD, OPTIONS, PUT"),
        (f"{ONE}/contacts", "OPTIONS, POST"),
        (f"{ONE}/contacts/cont_1", "DELETE, OPTIONS, PUT"),
        (f"{ONE}/orders", "GET, HEAD, OPTIONS"),
        (f"{ONE}/credit-check", "OPTIONS, POST"),
        ("/health/ready", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_the_methods_without_asking(gateway: Gateway, path: str, allowed: str) -> None:
    response = gateway.call("OPTIONS", path)
    assert (response.status, response.headers["allow"], response.body) == (204, allowed, b"")
    assert not gateway.bus.asked


def test_what_is_not_foreseen_is_500_and_tells_nothing(logged: list[Any]) -> None:
    response = broken().get(ONE)
    assert (response.status, response.json["code"]) == (500, "internal_error")
    assert "secret" not in response.body.decode()
    assert "RuntimeError" not in response.body.decode()
    failed = next(event for event in logged if event["event"] == "request.failed")
    assert str(failed["exc_info"]) == INTERNAL
    assert failed["request_id"] == response.json["request_id"]


def test_only_what_is_not_foreseen_is_logged_as_failed(gateway: Gateway, logged: list[Any]) -> None:
    gateway.get("/nowhere")
    gateway.post("/api/customers", {})
    Gateway(Bus(Refused("customer_not_found", "no"))).get(ONE)
    assert {event["event"] for event in logged} == {"request.handled"}


def test_a_refusal_of_a_code_unknown_here_is_a_fault_of_ours() -> None:
    response = Gateway(Bus(Refused("brand_new", "news"))).get(ONE)
    assert (response.status, response.json["code"]) == (500, "internal_error")


def test_a_path_too_long_for_any_route_is_not_looked_up(gateway: Gateway) -> None:
    response = gateway.get("/api/customers/" + "a" * 2048)
    assert (response.status, response.json["code"]) == (404, "route_not_found")


@pytest.mark.parametrize("host", ["bad host", "a\x80b"])
def test_an_ill_formed_host_is_400(gateway: Gateway, host: str) -> None:
    response = gateway.get(ONE, {"Host": host})
    assert (response.status, response.json["code"]) == (400, "invalid_header")


def test_a_problem_has_the_documented_members_in_their_order(gateway: Gateway) -> None:
    problem = gateway.post("/api/customers", a_body(name=...), {"X-Request-Id": "r-1"}).json
    assert list(problem) == ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"]
    assert problem["type"] == "/problems/validation-error"
    assert problem["title"] == "Request body is invalid"
    assert problem["detail"] == "1 member failed validation."
    assert problem["instance"] == "/requests/r-1"
    assert problem["request_id"] == "r-1"


def test_a_problem_without_single_errors_has_no_list_of_them(gateway: Gateway) -> None:
    assert "errors" not in gateway.get("/nowhere").json


def test_a_problem_continues_the_trace_it_belongs_to(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert gateway.get("/nowhere", {"traceparent": trace}).json["traceparent"] == trace


def test_of_two_traces_neither_is_continued(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert "traceparent" not in gateway.get("/nowhere", [("traceparent", trace), ("traceparent", trace)]).json


def test_an_instance_is_a_uri_whatever_the_request_id_holds(gateway: Gateway) -> None:
    problem = gateway.get("/nowhere", {"X-Request-Id": "a/b?c#d%e"}).json
    assert problem["instance"] == "/requests/a%2Fb%3Fc%23d%25e"
    assert problem["request_id"] == "a/b?c#d%e"


def test_problems_are_kept_by_no_cache(gateway: Gateway) -> None:
    assert gateway.get("/nowhere").headers["cache-control"] == "no-store"


def test_every_code_has_a_status_of_its_kind_and_a_title() -> None:
    for code, kind in KINDS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert 400 <= kind.status < 600
        assert kind.title


REQUESTS = [
    ("GET", ONE, 200),
    ("HEAD", ONE, 200),
    ("GET", "/nowhere", 404),
    ("PATCH", ONE, 405),
    ("OPTIONS", ONE, 204),
    ("POST", "/api/customers", 400),
    ("GET", "/health/live", 200),
    ("GET", "/" + "x" * 5000, 404),
]


@pytest.mark.parametrize(("method", "path", "status"), REQUESTS)
def test_every_response_echoes_the_request_id_and_forbids_sniffing(
    gateway: Gateway, method: str, path: str, status: int
) -> None:
    response = gateway.call(method, path, {"X-Request-Id": "mine-1"})
    assert response.status == status
    assert response.headers["x-request-id"] == "mine-1"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_500_carries_the_request_id_too() -> None:
    response = broken().get(ONE, {"X-Request-Id": "mine-1"})
    assert (response.headers["x-request-id"], response.json["request_id"]) == ("mine-1", "mine-1")


@pytest.mark.parametrize("given", ["!", "~" * 128, "01J-abc_~", "a{}\"'"])
def test_a_request_id_of_up_to_128_visible_ascii_characters_is_kept(gateway: Gateway, given: str) -> None:
    assert gateway.get(ONE, {"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "\xfc", "a\tb"])
def test_any_other_request_id_is_replaced(gateway: Gateway, given: str) -> None:
    assert UUID7.fullmatch(gateway.get(ONE, {"X-Request-Id": given}).headers["x-request-id"])


def test_without_a_request_id_or_with_several_there_is_a_new_one(gateway: Gateway) -> None:
    new = [gateway.get(ONE).headers["x-request-id"] for _ in range(2)]
    new.append(gateway.get(ONE, [("X-Request-Id", "a"), ("X-Request-Id", "b")]).headers["x-request-id"])
    assert all(map(UUID7.fullmatch, new))
    assert len({*new}) == 3


@pytest.mark.parametrize(
    ("request_line", "route", "status"),
    [
        (f"GET {ONE}", "/api/customers/{customer_id}", 200),
        ("POST /api/customers/?x=secret", "/api/customers", 400),
        ("GET /nowhere/secret", None, 404),
    ],
)
def test_each_request_leaves_one_line_without_ids_of_anybody(
    logged: list[Any], request_line: str, route: str | None, status: int
) -> None:
    method, _, path = request_line.partition(" ")
    Gateway().call(method, path, {"X-Request-Id": "r-1"}, body=b'{"name":"secret"}')
    (line,) = logged
    assert line.pop("took_ms") >= 0
    assert line == {
        "event": "request.handled",
        "log_level": "info",
        "method": method,
        "route": route,
        "status": status,
        "request_id": "r-1",
    }


def test_liveness_is_200_even_where_nothing_can_be_asked() -> None:
    response = Gateway(Bus(reasons=["kafka does not answer"])).get("/health/live")
    assert (response.status, response.json) == (200, {"status": "ok"})


def test_readiness_is_200_where_services_can_be_asked(gateway: Gateway) -> None:
    response = gateway.get("/health/ready")
    assert (response.status, response.json) == (200, {"status": "ok"})
    assert response.headers["cache-control"] == "no-store"


def test_readiness_is_503_with_the_reasons_where_they_cannot() -> None:
    response = Gateway(Bus(reasons=["kafka does not answer"])).get("/health/ready")
    assert (response.status, json.loads(response.body)) == (
        503,
        {"status": "unavailable", "reasons": ["kafka does not answer"]},
    )
