import re
import uuid
from typing import Any

import pytest

from services.gateway.contact_bodies import SERVER_OWNED
from shared.contracts.customers.requests import AddContact, RemoveContact, UpdateContact
from shared.errors import Refused
from shared.messaging import Answer
from tests.unit.gateway.support import Bus, Gateway, Response, assert_problem

CONTACTS = "/api/customers/cust_456/contacts"
CONTACT = f"{CONTACTS}/cont_101"
ANSWER: Answer[Any] = Answer(b'{"id":"cont_101","customer_id":"cust_456"}', {"version": "c8-p42"})
CALLS = [("POST", CONTACTS, b'{"name":"Sarah"}'), ("PUT", CONTACT, b"{}"), ("DELETE", CONTACT, b"")]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Bus(ANSWER))


def refused(code: str, method: str, path: str, body: bytes) -> Response:
    return Gateway(Bus(Refused(code, "because"))).call(method, path, (), body)


def test_a_new_contact_is_201_at_its_path_without_a_tag(gateway: Gateway) -> None:
    response = gateway.post(CONTACTS, {"name": "Sarah Davis"})
    assert response.status == 201
    assert response.body == b'{"data":{"id":"cont_101","customer_id":"cust_456"}}'
    assert response.headers["location"] == f"{CONTACTS}/{gateway.command.contact_id}"
    assert response.headers["content-type"] == "application/json"
    assert not {"etag", "idempotency-replayed"} & response.headers.keys()


def test_every_member_of_the_body_reaches_the_command(gateway: Gateway) -> None:
    body = {
        "name": "Sarah Davis",
        "title": "Finance Manager",
        "email": "sarah.davis@customer.com",
        "phone": "+1-555-1100",
        "is_primary": True,
    }
    gateway.post(f"{CONTACTS}/", body)
    added = gateway.command
    assert isinstance(added, AddContact)
    assert added.model_dump(exclude_unset=True) == {
        "customer_id": "cust_456",
        "contact_id": added.contact_id,
        **body,
    }


def test_the_gateway_names_the_contact_after_the_command(gateway: Gateway) -> None:
    gateway.post(CONTACTS, {"name": "Sarah", "id": "cont_mine", "customer_id": "cust_mine"})
    ((added, asking),) = gateway.bus.asked
    assert re.fullmatch("cont_[0-9a-hjkmnp-tv-z]{26}", added.contact_id)  # type: ignore[attr-defined]
    assert asking.message_id is not None
    assert uuid.UUID(asking.message_id).version == 7
    assert "mine" not in repr(added)


def named(path: str, key: str) -> tuple[str | None, str]:
    gateway = Gateway(Bus(ANSWER))
    assert gateway.post(path, {"name": "Sarah"}, {"Idempotency-Key": key}).status == 201
    ((added, asking),) = gateway.bus.asked
    assert isinstance(added, AddContact)
    return asking.message_id, added.contact_id


def test_a_key_names_one_command_and_one_contact_of_a_customer() -> None:
    assert named(CONTACTS, "key-1") == named(CONTACTS, '"key-1"') == named(f"{CONTACTS}/", "key-1")
    others = [(CONTACTS, "key-2"), ("/api/customers/cust_457/contacts", "key-1")]
    assert not {named(CONTACTS, "key-1")} & {named(path, key) for path, key in others}


def test_a_kept_answer_is_told_as_such() -> None:
    kept: Answer[Any] = Answer(ANSWER.body, {**ANSWER.facts, "replayed": "true"})
    response = Gateway(Bus(kept)).post(CONTACTS, {"name": "Sarah"}, {"Idempotency-Key": "key-1"})
    assert response.status == 201
    assert response.headers["idempotency-replayed"] == "true"


def test_an_ill_formed_key_is_refused(gateway: Gateway) -> None:
    response = gateway.post(CONTACTS, {"name": "Sarah"}, {"Idempotency-Key": ""})
    assert_problem(response, 400, "invalid_header")
    assert not gateway.bus.asked


def test_a_changed_contact_is_200_in_full_without_a_tag(gateway: Gateway) -> None:
    response = gateway.put(CONTACT, {"title": "Chief", "email": None})
    assert (response.status, response.body) == (200, b'{"data":{"id":"cont_101","customer_id":"cust_456"}}')
    assert "etag" not in response.headers
    assert gateway.command == UpdateContact(
        customer_id="cust_456", contact_id="cont_101", title="Chief", email=None
    )
    assert gateway.command.given() == {"title": "Chief", "email": None}


def test_an_empty_change_is_asked_for_too(gateway: Gateway) -> None:
    assert gateway.put(CONTACT, {}).status == 200
    assert gateway.command.given() == {}


def test_a_removed_contact_is_told_in_so_many_words(gateway: Gateway) -> None:
    response = gateway.delete(CONTACT)
    assert (response.status, response.body) == (
        200,
        b'{"data":{"message":"Contact successfully removed"}}',
    )
    assert response.headers["content-type"] == "application/json"
    assert gateway.command == RemoveContact(customer_id="cust_456", contact_id="cont_101")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_means_nothing_to_a_removal(gateway: Gateway, body: bytes) -> None:
    assert gateway.call("DELETE", CONTACT, {"Content-Type": "text/plain"}, body).status == 200


@pytest.mark.parametrize(("method", "body"), [("PUT", b"{}"), ("DELETE", b"")])
def test_a_key_means_nothing_where_a_repeat_is_harmless(gateway: Gateway, method: str, body: bytes) -> None:
    assert gateway.call(method, CONTACT, {"Idempotency-Key": ""}, body).status == 200
    ((_, asking),) = gateway.bus.asked
    assert asking.message_id is None


@pytest.mark.parametrize("member", ["title", "email", "phone"])
def test_null_clears_what_can_be_cleared(gateway: Gateway, member: str) -> None:
    assert gateway.put(CONTACT, {member: None}).status == 200
    assert gateway.command.given() == {member: None}


@pytest.mark.parametrize("member", ["name", "is_primary"])
@pytest.mark.parametrize(("method", "path"), [("POST", CONTACTS), ("PUT", CONTACT)])
def test_null_is_refused_where_nothing_can_be_cleared(
    gateway: Gateway, method: str, path: str, member: str
) -> None:
    body = b'{"name":"Sarah","%s":null}' % member.encode() if member != "name" else b'{"name":null}'
    response = gateway.call(method, path, (), body)
    assert_problem(response, 422, "validation_error")
    assert response.pointers == {f"#/{member}": "null_not_allowed"}


def test_a_new_contact_needs_a_name_and_a_changed_one_none(gateway: Gateway) -> None:
    assert gateway.post(CONTACTS, {}).pointers == {"#/name": "required"}
    assert gateway.put(CONTACT, {"title": "Chief"}).status == 200


@pytest.mark.parametrize(("method", "path"), [("POST", CONTACTS), ("PUT", CONTACT)])
def test_all_errors_come_in_one_answer(gateway: Gateway, method: str, path: str) -> None:
    body = (
        b'{"name":" ","title":"","email":"x","phone":"x","is_primary":1,"fax":"1","contact_id":"cont_1",'
        b'"expected_versions":[1],"billing_address":{"line2":null}}'
    )
    response = gateway.call(method, path, (), body)
    assert_problem(response, 422, "validation_error")
    assert response.pointers == {
        "#/name": "too_short",
        "#/title": "too_short",
        "#/email": "invalid_email",
        "#/phone": "invalid_phone",
        "#/is_primary": "invalid_type",
        "#/fax": "unknown_member",
        "#/contact_id": "unknown_member",
        "#/expected_versions": "unknown_member",
        "#/billing_address": "unknown_member",
    }
    assert not gateway.bus.asked


@pytest.mark.parametrize("member", sorted(SERVER_OWNED))
def test_a_server_owned_member_is_ignored_whatever_it_says(gateway: Gateway, member: str) -> None:
    gateway.put(CONTACT, {"title": "Chief", member: 5})
    assert gateway.command == UpdateContact(customer_id="cust_456", contact_id="cont_101", title="Chief")


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_write_may_name_the_customers_versions_it_is_meant_for(
    gateway: Gateway, method: str, path: str, body: bytes
) -> None:
    assert gateway.call(method, path, {"If-Match": '"c8-p1", W/"c9-p1"'}, body).status in {200, 201}
    assert gateway.command.expected_versions == [8]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_ill_formed_tags_are_refused_without_asking(
    gateway: Gateway, method: str, path: str, body: bytes
) -> None:
    assert_problem(gateway.call(method, path, {"If-Match": "c8"}, body), 400, "invalid_header")
    assert not gateway.bus.asked


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_parameters_are_refused(gateway: Gateway, method: str, path: str, body: bytes) -> None:
    assert_problem(gateway.call(method, f"{path}?x=1", (), body), 400, "invalid_parameter")
    assert not gateway.bus.asked


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_an_id_that_no_customer_can_have_is_404(
    gateway: Gateway, method: str, path: str, body: bytes
) -> None:
    for customer_id in ("456", "cust_", "cont_456", "cust_4%005", "cust_" + "a" * 65):
        response = gateway.call(method, path.replace("cust_456", customer_id), (), body)
        assert_problem(response, 404, "customer_not_found")
    assert not gateway.bus.asked


@pytest.mark.parametrize("contact_id", ["101", "cont_", "cust_101", "cont_1.1", "%00", "cont_" + "a" * 65])
@pytest.mark.parametrize(("method", "body"), [("PUT", b"{}"), ("DELETE", b"")])
def test_an_id_that_no_contact_can_have_is_404(
    gateway: Gateway, method: str, body: bytes, contact_id: str
) -> None:
    assert_problem(gateway.call(method, f"{CONTACTS}/{contact_id}", (), body), 404, "contact_not_found")
    assert not gateway.bus.asked


def test_where_both_ids_are_ill_formed_the_customer_comes_first(gateway: Gateway) -> None:
    assert_problem(gateway.put("/api/customers/1/contacts/2", {}), 404, "customer_not_found")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("customer_not_found", 404),
        ("contact_not_found", 404),
        ("primary_contact_required", 409),
        ("contact_exists", 409),
        ("precondition_failed", 412),
    ],
)
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_refusal_is_a_problem_under_its_status(
    method: str, path: str, body: bytes, code: str, status: int
) -> None:
    assert_problem(refused(code, method, path, body), status, code)


def test_one_contact_too_many_is_wrong_with_the_body_as_a_whole() -> None:
    response = refused("too_many_contacts", *CALLS[0])
    assert_problem(response, 422, "validation_error")
    assert response.json["errors"] == [
        {"pointer": "#", "code": "too_many_contacts", "detail": "a customer has at most 50 contacts"}
    ]
