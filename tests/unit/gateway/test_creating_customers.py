import re
import uuid
from typing import Any

import pytest

from services.gateway.requests import HttpRequest, command_id
from shared.contracts.customers.requests import CreateCustomer
from shared.errors import Refused
from shared.messaging import Answer
from tests.unit.gateway.support import ANSWER, Bus, Gateway, a_body, assert_problem

PATH = "/api/customers"
WRITES = {"Idempotency-Key": "key-1"}
REPLAYED: Answer[Any] = Answer(ANSWER.body, {"version": "c1-p0", "replayed": "true"})


def test_a_new_customer_is_201_at_its_path_under_its_version(gateway: Gateway) -> None:
    response = gateway.post(PATH, a_body())
    assert response.status == 201
    assert response.body == b'{"data":{"id":"cust_456","credit_limit":10000.00}}'
    assert response.headers["etag"] == '"c7-p42"'
    assert response.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in response.headers


def test_the_gateway_names_the_customer_after_the_command(gateway: Gateway) -> None:
    response = gateway.post(PATH, a_body())
    (command, asking), *_ = gateway.bus.asked
    assert isinstance(command, CreateCustomer)
    assert re.fullmatch("cust_[0-9a-hjkmnp-tv-z]{26}", command.customer_id)
    assert response.headers["location"] == f"/api/customers/{command.customer_id}"
    assert asking.message_id is not None
    assert uuid.UUID(asking.message_id).version == 7


def test_a_client_cannot_name_the_customer(gateway: Gateway) -> None:
    gateway.post(PATH, a_body(id="cust_mine", customer_id="cust_mine"))
    assert "cust_mine" not in repr(gateway.bus.asked)


def commands(*calls: tuple[str, dict[str, str]]) -> list[tuple[str, str]]:
    gateway = Gateway()
    for path, headers in calls:
        assert gateway.post(path, a_body(), headers).status == 201
    return [(str(asking.message_id), request.partition_key) for request, asking in gateway.bus.asked]


def test_without_a_key_each_request_is_a_command_of_its_own() -> None:
    first, second = commands((PATH, {}), (PATH, {}))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_with_the_same_key_it_is_the_same_command_and_customer_in_every_process() -> None:
    (first,), (second,) = commands((PATH, WRITES)), commands((PATH, WRITES))
    assert first == second
    assert uuid.UUID(first[0]).version == 5


def test_a_key_is_the_same_quoted_or_bare_and_whatever_slashes_end_the_path() -> None:
    assert len({*commands((PATH, WRITES), (PATH, {"Idempotency-Key": '"key-1"'}), (f"{PATH}/", WRITES))}) == 1


@pytest.mark.parametrize(("method", "path"), [("PUT", PATH), ("POST", f"{PATH}/cust_1/contacts")])
def test_a_key_stands_for_one_command_of_each_method_and_path(method: str, path: str) -> None:
    def named(method: str, path: str) -> uuid.UUID:
        # the rest of a scope is not looked at
        scope: Any = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(b"idempotency-key", b"key-1")],
        }
        return command_id(HttpRequest(scope))

    assert named(method, path) != named("POST", PATH)


def test_another_key_is_another_command() -> None:
    assert len({*commands((PATH, WRITES), (PATH, {"Idempotency-Key": "key-2"}))}) == 2


@pytest.mark.parametrize(
    "key", ["x", "x" * 255, '"' + "x" * 255 + '"', '"say \\"hi\\""'.replace(" ", "-"), "a/b~c"]
)
def test_a_key_is_1_to_255_visible_ascii_characters(gateway: Gateway, key: str) -> None:
    assert gateway.post(PATH, a_body(), {"Idempotency-Key": key}).status == 201


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        "x" * 256,
        '"' + "x" * 256 + '"',
        "a b",
        '"a b"',
        '"a',
        '"',
        "gr\xfcn",
        '"a";p=1',
        '"\\x"',
        "a\x7f",
    ],
)
def test_any_other_key_is_refused_before_anything_is_asked(gateway: Gateway, key: str) -> None:
    assert_problem(gateway.post(PATH, a_body(), {"Idempotency-Key": key}), 400, "invalid_header")
    assert not gateway.bus.asked


def test_two_keys_are_one_too_many(gateway: Gateway) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert_problem(gateway.post(PATH, a_body(), headers), 400, "invalid_header")


def test_a_kept_answer_is_told_as_such() -> None:
    response = Gateway(Bus(REPLAYED)).post(PATH, a_body(), WRITES)
    assert response.status == 201
    assert response.headers["idempotency-replayed"] == "true"
    assert response.headers["location"].startswith("/api/customers/cust_")


def test_a_key_used_for_another_body_is_422() -> None:
    response = Gateway(Bus(Refused("idempotency_key_reused", "other body"))).post(PATH, a_body(), WRITES)
    assert_problem(response, 422, "idempotency_key_reused")


def test_a_create_repeated_after_the_erasure_is_409() -> None:
    assert_problem(
        Gateway(Bus(Refused("customer_erased", "erased"))).post(PATH, a_body(), WRITES),
        409,
        "customer_erased",
    )
