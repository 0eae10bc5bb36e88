import re
import uuid
from typing import Any

import pytest

from shared.contracts.credit.requests import CheckCredit
from shared.errors import DeadlineExceeded, Refused, Unavailable
from shared.messaging import Answer
from tests.unit.gateway.support import Bus, Gateway, Response, assert_problem

ONE = "/api/customers/cust_456"
PATH = f"{ONE}/credit-check"
KEY = {"Idempotency-Key": "key-1"}
ASYNC = {"Prefer": "respond-async"}
REPORT: Answer[Any] = Answer(b'{"customer_id":"cust_456","credit_score":750,"check_id":"chk_1"}')
SILENT = DeadlineExceeded(CheckCredit.type)
TAKEN = DeadlineExceeded(CheckCredit.type, is_acknowledged=True)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Bus(REPORT))


def assert_promised(response: Response, check_id: str) -> None:
    assert response.status == 202
    assert response.json == {"data": {"check_id": check_id, "status": "pending"}}
    assert response.headers["location"] == f"{ONE}/credit-checks/{check_id}"
    assert response.headers["content-length"] == str(len(response.body))


# Answered


def test_a_check_is_200_with_the_services_own_bytes_and_no_address(gateway: Gateway) -> None:
    response = gateway.post(PATH, b"")
    assert (response.status, response.body) == (200, b'{"data":' + REPORT.body + b"}")
    assert response.headers["content-type"] == "application/json"
    assert not {"location", "preference-applied", "idempotency-replayed", "etag"} & response.headers.keys()


def test_the_gateway_names_the_check_after_the_command(gateway: Gateway) -> None:
    gateway.post(PATH, b"")
    ((command, asking),) = gateway.bus.asked
    assert isinstance(command, CheckCredit)
    assert command.customer_id == "cust_456"
    assert re.fullmatch("chk_[0-9a-hjkmnp-tv-z]{26}", command.check_id)
    assert uuid.UUID(asking.message_id or "").version == 7


def test_each_check_is_one_of_its_own_but_under_the_same_key(gateway: Gateway) -> None:
    for headers in ({}, {}, KEY, {"Idempotency-Key": '"key-1"'}):
        assert gateway.post(PATH, b"", headers).status == 200
    named = [(asking.message_id, request) for request, asking in gateway.bus.asked]
    assert len({message_id for message_id, _ in named}) == 3
    assert named[2] == named[3]


def test_a_kept_report_is_told_as_such() -> None:
    response = Gateway(Bus(Answer(REPORT.body, {"replayed": "true"}))).post(PATH, b"", KEY)
    assert response.status == 200
    assert response.headers["idempotency-replayed"] == "true"


def test_an_ill_formed_key_is_refused(gateway: Gateway) -> None:
    assert_problem(gateway.post(PATH, b"", {"Idempotency-Key": '"'}), 400, "invalid_header")
    assert not gateway.bus.asked


@pytest.mark.parametrize(
    ("code", "status"), [("customer_not_found", 404), ("check_exists", 409), ("idempotency_key_reused", 422)]
)
def test_a_refusal_is_a_problem_under_its_status(code: str, status: int) -> None:
    assert_problem(Gateway(Bus(Refused(code, "because"))).post(PATH, b""), status, code)


def test_an_id_that_no_customer_can_have_is_404_without_asking(gateway: Gateway) -> None:
    assert_problem(gateway.post("/api/customers/456/credit-check", b""), 404, "customer_not_found")
    assert not gateway.bus.asked


def test_a_check_has_no_parameters(gateway: Gateway) -> None:
    assert_problem(gateway.post(f"{PATH}?wait=5", b""), 400, "invalid_parameter")


# The body


@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"{}", b" { } "])
def test_a_body_may_be_left_out_blank_or_empty_and_all_mean_the_same(gateway: Gateway, body: bytes) -> None:
    assert gateway.post(PATH, body, KEY).status == 200
    assert gateway.post(PATH, b"", KEY).status == 200
    (one, _), (other, _) = gateway.bus.asked
    assert one == other


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Encoding": "gzip"}]
)
def test_only_a_body_that_is_there_has_a_media_type(gateway: Gateway, headers: dict[str, str]) -> None:
    assert gateway.post(PATH, b"", headers).status == 200
    assert_problem(gateway.post(PATH, b"{}", headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"false"])
def test_a_body_that_is_no_object_is_422(gateway: Gateway, body: bytes) -> None:
    response = gateway.post(PATH, body)
    assert_problem(response, 422, "validation_error")
    assert response.pointers == {"#": "invalid_type"}
    assert not gateway.bus.asked


@pytest.mark.parametrize("name", ["amount", "customer_id", "check_id", "expected_versions", "id"])
def test_no_member_is_known(gateway: Gateway, name: str) -> None:
    response = gateway.post(PATH, {name: "chk_1"})
    assert_problem(response, 422, "validation_error")
    assert response.pointers == {f"#/{name}": "unknown_member"}
    assert not gateway.bus.asked


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b'{"a":1,"a":2}', 400, "duplicate_member"),
        (b" " * 65_537, 413, "payload_too_large"),
    ],
)
def test_a_body_is_read_as_any_other(gateway: Gateway, body: bytes, status: int, code: str) -> None:
    assert_problem(gateway.post(PATH, body), status, code)
    assert not gateway.bus.asked


# Promised


def test_a_promise_is_202_at_once_with_where_the_check_will_be(gateway: Gateway) -> None:
    response = gateway.post(PATH, b"", ASYNC)
    ((command, asking),) = gateway.bus.handed_over
    assert isinstance(command, CheckCredit)
    assert_promised(response, command.check_id)
    assert response.headers["preference-applied"] == "respond-async"
    assert (asking.deadline_s, asking.caller) == (5.0, "anonymous")
    assert not gateway.bus.asked


def test_a_promise_repeated_under_its_key_is_the_same_one(gateway: Gateway) -> None:
    first, again = gateway.post(PATH, b"", KEY | ASYNC), gateway.post(PATH, b"{}", KEY | ASYNC)
    assert first.headers["location"] == again.headers["location"]
    (one, other) = gateway.bus.handed_over
    assert (one[0], one[1].message_id) == (other[0], other[1].message_id)


def test_an_answer_under_the_key_of_a_promise_is_that_of_the_same_command(gateway: Gateway) -> None:
    gateway.post(PATH, b"", KEY | ASYNC)
    gateway.post(PATH, b"", KEY)
    ((promised, _),), ((answered, _),) = gateway.bus.handed_over, gateway.bus.asked
    assert promised == answered


def test_what_the_broker_does_not_acknowledge_is_no_promise() -> None:
    response = Gateway(Bus(SILENT)).post(PATH, b"", ASYNC)
    assert_problem(response, 504, "upstream_timeout")
    assert "location" not in response.headers
    assert "not known" in response.json["detail"]


@pytest.mark.parametrize("code", ["bus_unavailable", "shutting_down"])
def test_what_is_not_accepted_is_503_with_and_without_a_promise(code: str) -> None:
    for headers in ({}, ASYNC):
        response = Gateway(Bus(Unavailable(code))).post(PATH, b"", headers)
        assert_problem(response, 503, code)
        assert response.headers["retry-after"] == "1"


# Waited for


@pytest.mark.parametrize("prefer", ["wait=12", "respond-async, wait=12", 'wait="12", respond-async'])
def test_an_answer_is_waited_for_as_long_as_the_client_says(gateway: Gateway, prefer: str) -> None:
    response = gateway.post(PATH, b"", {"Prefer": prefer})
    assert (response.status, response.body) == (200, b'{"data":' + REPORT.body + b"}")
    assert response.headers["preference-applied"] == "wait=12"
    ((_, asking),) = gateway.bus.asked
    assert asking.deadline_s == 12
    assert not gateway.bus.handed_over


@pytest.mark.parametrize("prefer", ["wait=0", "wait=31", "wait=soon", "return=minimal", "handling=strict"])
def test_any_other_preference_is_ignored(gateway: Gateway, prefer: str) -> None:
    response = gateway.post(PATH, b"", {"Prefer": prefer})
    assert response.status == 200
    assert "preference-applied" not in response.headers
    ((_, asking),) = gateway.bus.asked
    assert asking.deadline_s == 5.0


def test_a_promise_with_a_wait_that_is_none_is_given_at_once(gateway: Gateway) -> None:
    response = gateway.post(PATH, b"", {"Prefer": "respond-async, wait=31"})
    assert (response.status, response.headers["preference-applied"]) == (202, "respond-async")
    assert not gateway.bus.asked


def test_a_refusal_in_time_is_told_instead_of_a_promise() -> None:
    bus = Bus(Refused("customer_not_found", "There is none."))
    assert_problem(
        Gateway(bus).post(PATH, b"", {"Prefer": "respond-async, wait=1"}), 404, "customer_not_found"
    )


def test_an_answer_that_does_not_come_in_time_is_promised_where_the_broker_has_the_command() -> None:
    gateway = Gateway(Bus(TAKEN))
    response = gateway.post(PATH, b"", {"Prefer": "respond-async, wait=1"})
    assert_promised(response, gateway.command.check_id)
    assert response.headers["preference-applied"] == "respond-async, wait=1"


def test_an_answer_that_does_not_come_in_time_is_not_promised_where_the_broker_has_not() -> None:
    response = Gateway(Bus(SILENT)).post(PATH, b"", {"Prefer": "respond-async, wait=1"})
    assert_problem(response, 504, "upstream_timeout")


@pytest.mark.parametrize("headers", [{}, KEY, {"Prefer": "wait=1"}])
def test_a_check_that_is_still_made_says_so_and_where(headers: dict[str, str]) -> None:
    gateway = Gateway(Bus(TAKEN))
    response = gateway.post(PATH, b"", headers)
    assert_problem(response, 504, "upstream_timeout")
    assert "still carried out" in response.json["detail"]
    assert f"{ONE}/credit-checks/{gateway.command.check_id}" in response.json["detail"]


@pytest.mark.parametrize(
    ("headers", "advice"), [({}, "only under an Idempotency-Key"), (KEY, "same Idempotency-Key")]
)
def test_a_check_of_which_nothing_is_known_says_so(headers: dict[str, str], advice: str) -> None:
    response = Gateway(Bus(SILENT)).post(PATH, b"", headers)
    assert_problem(response, 504, "upstream_timeout")
    assert "not known" in response.json["detail"]
    assert advice in response.json["detail"]
