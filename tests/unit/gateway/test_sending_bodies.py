import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.customers.requests import CreateCustomer
from tests.unit.gateway.support import Gateway, a_body, assert_problem

PATH = "/api/customers"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"  ", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"name":NaN}', 400, "malformed_json"),
        (b"\xff", 400, "malformed_json"),
        (b'{"name":"a","name":"b"}', 400, "duplicate_member"),
        (b"[]", 422, "validation_error"),
        (b"1", 422, "validation_error"),
        (b"null", 422, "validation_error"),
        (b'"x"', 422, "validation_error"),
        (b"{}", 422, "validation_error"),
    ],
)
def test_an_unreadable_body_is_400_and_a_wrong_one_422(
    gateway: Gateway, body: bytes, status: int, code: str
) -> None:
    assert_problem(gateway.post(PATH, body), status, code)
    assert not gateway.bus.asked


def test_what_is_no_object_is_wrong_as_a_whole(gateway: Gateway) -> None:
    assert gateway.post(PATH, []).pointers == {"#": "invalid_type"}


def test_errors_come_with_pointer_code_and_detail_and_are_counted(gateway: Gateway) -> None:
    response = gateway.post(PATH, a_body(name=..., billing_address=5))
    assert response.json["detail"] == "2 members failed validation."
    assert response.json["errors"] == [
        {"pointer": "#/name", "code": "required", "detail": "is required"},
        {"pointer": "#/billing_address", "code": "invalid_type", "detail": "must be an object"},
    ]


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/vnd.acme.v1+json",
        "a/b+json ; x=y",
    ],
)
def test_json_under_any_of_its_names_is_read(gateway: Gateway, media_type: str) -> None:
    assert gateway.post(PATH, a_body(), {"Content-Type": media_type}).status == 201


def test_a_body_without_a_media_type_is_read_as_json(gateway: Gateway) -> None:
    assert gateway.post(PATH, a_body()).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "text/plain")],
        [("Content-Type", "application/x-www-form-urlencoded")],
        [("Content-Type", "text/json")],
        [("Content-Type", "application/jsonp")],
        [("Content-Type", "")],
        [("Content-Type", "application/json"), ("Content-Type", "text/plain")],
        [("Content-Encoding", "gzip")],
    ],
)
def test_any_other_media_type_is_415(gateway: Gateway, headers: list[tuple[str, str]]) -> None:
    assert_problem(gateway.post(PATH, a_body(), headers), 415, "unsupported_media_type")
    assert not gateway.bus.asked


def padded(length: int) -> bytes:
    body = json.dumps(a_body()).encode()
    return body + b" " * (length - len(body))


def test_64_kib_are_read_and_one_byte_more_is_413(gateway: Gateway) -> None:
    assert gateway.post(PATH, padded(65_536)).status == 201
    assert_problem(gateway.post(PATH, padded(65_537)), 413, "payload_too_large")


def test_a_length_that_is_too_large_is_refused_unread(gateway: Gateway) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("read")

    response = gateway.call_with("POST", PATH, {"Content-Length": "65537"}, receive)
    assert_problem(response, 413, "payload_too_large")


def test_a_body_without_a_length_is_read_no_further_than_the_limit(gateway: Gateway) -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1024, "more_body": True}

    assert_problem(gateway.call_with("POST", PATH, (), receive), 413, "payload_too_large")
    assert read == 65


def test_a_body_may_come_in_pieces(gateway: Gateway) -> None:
    body = json.dumps(a_body()).encode()
    pieces = [body[start : start + 10] for start in range(0, len(body), 10)]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    assert gateway.call_with("POST", PATH, (), receive).status == 201


def test_a_body_that_does_not_come_in_time_ends_the_connection() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    response = Gateway(body_within_s=0.01).call_with("POST", PATH, (), receive)
    assert_problem(response, 400, "malformed_json")
    assert response.headers["connection"] == "close"


def test_a_body_that_trickles_does_not_gain_time_by_each_piece() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b" ", "more_body": True}

    assert_problem(Gateway(body_within_s=0.02).call_with("POST", PATH, (), receive), 400, "malformed_json")


def test_a_body_that_ends_early_creates_nothing(gateway: Gateway) -> None:
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": json.dumps(a_body()).encode(), "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return pieces.pop(0)

    assert_problem(gateway.call_with("POST", PATH, (), receive), 400, "malformed_json")
    assert not gateway.bus.asked


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_bytes_as_a_body_are_a_documented_refusal(gateway: Gateway, body: bytes) -> None:
    response = gateway.post(PATH, body)
    assert (response.status, response.json["code"]) in {
        (400, "malformed_json"),
        (400, "duplicate_member"),
        (422, "validation_error"),
    }


TEXTS = st.text('ab12 "\\/@.\n\x00\u00e9\ud800\U0001f600', max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXTS, parts, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted({*CreateCustomer.model_fields, "id", "x"})), JSON))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_values_of_known_members_are_taken_or_refused(gateway: Gateway, changes: dict[str, Any]) -> None:
    assert gateway.post(PATH, a_body(**changes)).status in {201, 400, 422}
