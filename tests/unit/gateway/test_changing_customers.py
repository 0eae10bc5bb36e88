from typing import Any

import pytest

from shared.contracts.customers.requests import UpdateCustomer
from shared.errors import Refused
from shared.messaging import Answer
from tests.unit.gateway.support import ANSWER, Bus, Gateway, assert_problem

ONE = "/api/customers/cust_456"
MINIMAL = {"Prefer": "return=minimal"}


def an_answer(changed: str | None) -> Answer[Any]:
    body = (
        b'{"id":"cust_456", "name" : "A \\"b\\", c","billing_address":{"city": "{x},[y", "line2":"\\\\"},'
        b'"contacts":[],"credit_limit":15000.00,"discount_rate":7.5,"is_active":true,"notes":null,'
        b'"created_at":"2024-01-15T22:00:00Z","updated_at":"2024-01-15T23:00:00Z","external_ref":null}'
    )
    return Answer(body, {"version": "c8-p42"} | ({} if changed is None else {"changed": changed}))


def test_a_changed_customer_is_200_in_full_under_its_new_version(gateway: Gateway) -> None:
    response = gateway.put(ONE, {"name": "New"})
    assert response.status == 200
    assert response.body == b'{"data":{"id":"cust_456","credit_limit":10000.00}}'
    assert response.headers["etag"] == '"c7-p42"'
    assert response.headers["content-type"] == "application/json"
    assert "preference-applied" not in response.headers


def test_the_members_that_are_given_are_asked_to_change(gateway: Gateway) -> None:
    gateway.put(f"{ONE}/", {"name": "New", "phone": None})
    assert gateway.command == UpdateCustomer(customer_id="cust_456", name="New", phone=None)
    assert gateway.command.to_json() == b'{"customer_id":"cust_456","name":"New","phone":null}'


def test_an_empty_change_is_asked_for_too(gateway: Gateway) -> None:
    assert gateway.put(ONE, {}).status == 200
    assert gateway.command.given() == {}


@pytest.mark.parametrize("key", ["key-1", "", "a b", '"'])
def test_a_key_means_nothing_to_a_change(gateway: Gateway, key: str) -> None:
    assert gateway.put(ONE, {}, {"Idempotency-Key": key}).status == 200
    ((_, asking),) = gateway.bus.asked
    assert asking.message_id is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"name":"a","name":"b"}', 400, "duplicate_member"),
        (b"[]", 422, "validation_error"),
        (b"null", 422, "validation_error"),
        (b'{"name":""}', 422, "validation_error"),
        (b" " * 65_537, 413, "payload_too_large"),
    ],
)
def test_an_unreadable_body_is_400_and_a_wrong_one_422(
    gateway: Gateway, body: bytes, status: int, code: str
) -> None:
    assert_problem(gateway.put(ONE, body), status, code)
    assert not gateway.bus.asked


def test_an_unknown_parameter_is_refused(gateway: Gateway) -> None:
    assert_problem(gateway.put(f"{ONE}?return=minimal", {}), 400, "invalid_parameter")
    assert not gateway.bus.asked


@pytest.mark.parametrize("customer_id", ["456", "cust_", "cust_4.6", "%00", "cust_" + "a" * 65])
def test_an_id_that_no_customer_can_have_is_404_whatever_the_body(gateway: Gateway, customer_id: str) -> None:
    assert_problem(gateway.put(f"/api/customers/{customer_id}", b"{"), 404, "customer_not_found")
    assert not gateway.bus.asked


@pytest.mark.parametrize(
    ("tags", "versions"),
    [
        ('"c7-p42"', [7]),
        ('"c7-p0"', [7]),
        ('"c9-p1", "c7-p42","c7-p43"', [7, 9]),
        ('"c123456789-p123456789"', [123456789]),
        (' ,"c7-p42",, ', [7]),
        ('W/"c7-p42"', []),
        ('W/"c7-p42", "c8-p42"', [8]),
        ('"c7"', []),
        ('"c0-p0"', []),
        ('"c07-p42"', []),
        ('"C7-p42"', []),
        ('"c7-p42x"', []),
        ('"c1234567890-p1"', []),
        ('""', []),
        ('"*"', []),
        ('"theirs", "c7-p42"', [7]),
    ],
)
def test_strong_tags_of_ours_say_at_which_versions_a_change_is_meant(
    gateway: Gateway, tags: str, versions: list[int]
) -> None:
    assert gateway.put(ONE, {}, {"If-Match": tags}).status == 200
    assert gateway.command.expected_versions == versions


def test_a_client_may_spread_its_tags_over_several_lines(gateway: Gateway) -> None:
    gateway.put(ONE, {}, [("If-Match", '"c7-p42"'), ("If-Match", '"c8-p42"')])
    assert gateway.command.expected_versions == [7, 8]


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}, {"If-Match": " * "}])
def test_without_tags_any_version_will_do(gateway: Gateway, headers: dict[str, str]) -> None:
    gateway.put(ONE, {}, headers)
    assert gateway.command.to_json() == b'{"customer_id":"cust_456"}'


@pytest.mark.parametrize("tags", ["", ",", "c7-p42", '"c7', 'w/"c7-p42"', '*, "c7-p42"', "*, *", '"a" "b"'])
def test_ill_formed_tags_are_refused_without_asking(gateway: Gateway, tags: str) -> None:
    response = gateway.put(ONE, {}, {"If-Match": tags})
    assert_problem(response, 400, "invalid_header")
    assert "If-Match" in response.json["detail"]
    assert not gateway.bus.asked


def test_a_hundred_versions_may_be_named_and_no_more(gateway: Gateway) -> None:
    tags = [f'"c{version}-p{part}"' for version in range(1, 102) for part in (0, 1)]
    assert_problem(gateway.put(ONE, {}, {"If-Match": ", ".join(tags)}), 400, "invalid_header")
    assert not gateway.bus.asked
    gateway.put(ONE, {}, {"If-Match": ", ".join(tags[:-2])})
    assert len(gateway.command.expected_versions) == 100


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("customer_not_found", 404),
        ("customer_erased", 409),
        ("currency_locked", 409),
        ("precondition_failed", 412),
    ],
)
def test_a_refusal_is_a_problem_under_its_status(code: str, status: int) -> None:
    response = Gateway(Bus(Refused(code, "because"))).put(ONE, {"name": "New"})
    assert_problem(response, status, code)
    assert response.json["detail"] == "because"


def test_contacts_that_are_not_the_customers_are_wrong_members_of_the_body() -> None:
    bus = Bus(Refused("contacts_have_routes_of_their_own", "not as they are"))
    response = Gateway(bus).put(ONE, {"contacts": []})
    assert_problem(response, 422, "validation_error")
    assert response.pointers == {"#/contacts": "contacts_have_routes_of_their_own"}
    assert "/api/customers/:id/contacts" in response.json["errors"][0]["detail"]


def test_a_minimal_answer_is_id_what_changed_and_when(gateway: Gateway) -> None:
    gateway.bus.answer = an_answer("credit_limit,name,discount_rate")
    response = gateway.put(ONE, {}, MINIMAL)
    assert response.status == 200
    assert response.body == (
        b'{"data":{"id":"cust_456","name":"A \\"b\\", c","credit_limit":15000.00,"discount_rate":7.5,'
        b'"updated_at":"2024-01-15T23:00:00Z"}}'
    )
    assert response.headers["preference-applied"] == "return=minimal"
    assert response.headers["etag"] == '"c8-p42"'
    assert response.headers["content-length"] == str(len(response.body))


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        (None, ["id", "updated_at"]),
        ("", ["id", "updated_at"]),
        ("notes", ["id", "notes", "updated_at"]),
        ("notes,is_active,billing_address", ["id", "billing_address", "is_active", "notes", "updated_at"]),
    ],
)
def test_a_minimal_answer_has_its_members_in_the_order_of_the_detail(
    gateway: Gateway, changed: str | None, shown: list[str]
) -> None:
    gateway.bus.answer = an_answer(changed)
    data = gateway.put(ONE, {}, MINIMAL).json["data"]
    assert list(data) == shown
    assert data.items() <= gateway.put(ONE, {}).json["data"].items()


@pytest.mark.parametrize(
    "lines",
    [
        ["return=minimal"],
        ["Return=MINIMAL"],
        ['return="minimal"'],
        ["return = minimal"],
        ["respond-async, return=minimal; x=1"],
        ["wait=10", "return=minimal"],
        ['x="a, return=representation", return=minimal'],
        ['x="\\", return=representation", return=minimal'],
        ["return=minimal, return=minimal"],
        ["return=minimal, return=none"],
        [",, return=minimal ,"],
    ],
)
def test_the_preference_is_found_however_it_is_written(gateway: Gateway, lines: list[str]) -> None:
    response = gateway.put(ONE, {}, [("Prefer", line) for line in lines])
    assert response.headers["preference-applied"] == "return=minimal"


@pytest.mark.parametrize(
    "lines",
    [
        [""],
        ["return"],
        ["minimal"],
        ["return=representation"],
        ["return=none, return=minimal"],
        ["return=minimal, return=representation"],
        ["return=representation", "return=minimal"],
        ["return-minimal"],
        ["xreturn=minimal"],
        ["x; return=minimal"],
        ['x="a, return=minimal"'],
        ['x="a, return=minimal'],
        ["respond-async"],
        ["=minimal"],
        ["\xff"],
    ],
)
def test_any_other_preference_is_ignored(gateway: Gateway, lines: list[str]) -> None:
    response = gateway.put(ONE, {}, [("Prefer", line) for line in lines])
    assert response.body == b'{"data":' + ANSWER.body + b"}"
    assert "preference-applied" not in response.headers


@pytest.mark.parametrize("noise", ['"\\' * 30_000, '"' * 60_001, "a;" * 30_000, "a,b=" * 15_000 + '"'])
def test_reading_preferences_takes_no_longer_than_their_length(gateway: Gateway, noise: str) -> None:
    assert gateway.put(ONE, {}, {"Prefer": noise}).status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_preferences_are_for_changes_alone(gateway: Gateway, method: str) -> None:
    body = b'{"name":"A","email":"a@b.example","billing_address":{"line1":"1","city":"B","country":"DE"}}'
    path = {"GET": ONE, "POST": "/api/customers"}[method]
    assert "preference-applied" not in gateway.call(method, path, MINIMAL, body).headers
