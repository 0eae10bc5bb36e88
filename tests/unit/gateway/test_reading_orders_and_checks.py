from typing import Any

import pytest

from shared.contracts.credit.requests import FindCreditChecks, GetCreditCheck
from shared.contracts.orders.requests import GetOrder
from shared.errors import DeadlineExceeded, Refused
from shared.messaging import Answer, Request
from tests.unit.gateway.support import Bus, Gateway, assert_problem

ONE = "/api/customers/cust_456"
CHECKS = f"{ONE}/credit-checks"
READ: list[tuple[str, Request[Any]]] = [
    (f"{ONE}/orders/so_1", GetOrder(customer_id="cust_456", order_id="so_1")),
    (f"{CHECKS}/chk_1", GetCreditCheck(customer_id="cust_456", check_id="chk_1")),
]
KINDS = [("orders", "so", "order_not_found"), ("credit-checks", "chk", "check_not_found")]


@pytest.mark.parametrize(("path", "query"), READ)
def test_what_is_asked_for_is_the_services_own_bytes_under_data(path: str, query: Request[Any]) -> None:
    gateway = Gateway(Bus(Answer(b'{"total_amount":299.90}')))
    response = gateway.get(path)
    assert (response.status, response.body) == (200, b'{"data":{"total_amount":299.90}}')
    assert response.headers["content-length"] == str(len(response.body))
    assert response.headers["cache-control"] == "private, no-cache"
    assert "etag" not in response.headers
    assert gateway.command == query


@pytest.mark.parametrize(("path", "query"), READ)
def test_head_is_get_without_the_body(path: str, query: Request[Any]) -> None:
    gateway = Gateway(Bus(Answer(b"{}")))
    head, get = gateway.call("HEAD", path, {"X-Request-Id": "r"}), gateway.get(path, {"X-Request-Id": "r"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers
    assert [request for request, _ in gateway.bus.asked] == [query, query]


@pytest.mark.parametrize(("collection", "prefix", "code"), KINDS)
def test_what_the_service_does_not_find_is_404(collection: str, prefix: str, code: str) -> None:
    for refused in (code, "customer_not_found"):
        response = Gateway(Bus(Refused(refused, "There is none."))).get(f"{ONE}/{collection}/{prefix}_1")
        assert_problem(response, 404, refused)
        assert response.json["detail"] == "There is none."


@pytest.mark.parametrize(("collection", "prefix", "code"), KINDS)
@pytest.mark.parametrize("end", ["", "_", "_a.b", "_%0A", "_1%0A", "_%FF", "_" + "a" * 65, "-1"])
def test_an_id_that_nothing_can_have_is_404_without_asking(
    gateway: Gateway, collection: str, prefix: str, code: str, end: str
) -> None:
    assert_problem(gateway.get(f"{ONE}/{collection}/{prefix}{end}"), 404, code)
    assert not gateway.bus.asked


@pytest.mark.parametrize(("collection", "prefix", "code"), KINDS)
def test_the_customer_is_looked_at_first(gateway: Gateway, collection: str, prefix: str, code: str) -> None:
    assert_problem(gateway.get(f"/api/customers/456/{collection}/x"), 404, "customer_not_found")


@pytest.mark.parametrize(("path", "query"), READ)
def test_neither_has_parameters(gateway: Gateway, path: str, query: Request[Any]) -> None:
    assert_problem(gateway.get(f"{path}?page=1"), 400, "invalid_parameter")
    assert not gateway.bus.asked


def test_a_check_that_is_not_made_yet_is_504_and_may_be_asked_for_again() -> None:
    response = Gateway(Bus(DeadlineExceeded("credit_check.get.v1", is_acknowledged=True))).get(
        f"{CHECKS}/chk_1"
    )
    assert_problem(response, 504, "upstream_timeout")
    assert response.json["detail"] == "No answer came in time. Try again."


def test_checks_come_in_pages_as_the_service_made_them() -> None:
    page: Answer[Any] = Answer(b'{"data":[],"meta":{"total":0,"page":2,"limit":5,"hasMore":false}}')
    gateway = Gateway(Bus(page))
    response = gateway.get(f"{CHECKS}?page=2&limit=5")
    assert (response.status, response.body) == (200, page.body)
    assert response.headers["cache-control"] == "private, no-cache"
    assert gateway.command == FindCreditChecks(customer_id="cust_456", page=2, limit=5)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("page=0", {"page": "out_of_range"}),
        ("limit=101", {"limit": "out_of_range"}),
        ("page=10001&limit=100", {"page": "out_of_range"}),
        ("limit=", {"limit": "invalid_integer"}),
        ("status=completed", {"status": "unknown_parameter"}),
        ("customer_id=cust_1", {"customer_id": "unknown_parameter"}),
    ],
)
def test_a_page_of_checks_has_the_parameters_of_every_page(
    gateway: Gateway, query: str, expected: dict[str, str]
) -> None:
    response = gateway.get(f"{CHECKS}?{query}")
    assert_problem(response, 400, "invalid_parameter")
    assert {error["parameter"]: error["code"] for error in response.json["errors"]} == expected
    assert not gateway.bus.asked
