from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.customers.requests import FindCustomers
from shared.errors import Refused
from shared.messaging import Answer
from tests.unit.gateway.support import Bus, Gateway, assert_problem

PATH = "/api/customers"
PAGE: Answer[Any] = Answer(b'{"data":[],"meta":{"total":0,"page":1,"limit":20,"hasMore":false}}')


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Bus(PAGE))


def errors(gateway: Gateway, query: str) -> dict[str, str]:
    """Code by parameter."""
    response = gateway.get(f"{PATH}?{query}")
    assert_problem(response, 400, "invalid_parameter")
    assert not gateway.bus.asked
    found = response.json["errors"]
    assert all({"parameter", "code", "detail"} == error.keys() for error in found)
    assert len(found) == len({error["parameter"] for error in found})
    return {error["parameter"]: error["code"] for error in found}


def test_a_page_is_the_services_own_bytes(gateway: Gateway) -> None:
    response = gateway.get(PATH)
    assert (response.status, response.body) == (200, PAGE.body)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == str(len(PAGE.body))


def test_a_page_has_no_tag_and_is_kept_by_nobody_else(gateway: Gateway) -> None:
    response = gateway.get(PATH, {"If-None-Match": "*"})
    assert response.status == 200
    assert response.headers["cache-control"] == "private, no-cache"
    assert "etag" not in response.headers


def test_head_is_get_without_the_body(gateway: Gateway) -> None:
    head, get = gateway.call("HEAD", PATH, {"X-Request-Id": "r"}), gateway.get(PATH, {"X-Request-Id": "r"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


def test_without_parameters_the_first_twenty_of_all_are_asked_for(gateway: Gateway) -> None:
    gateway.get(f"{PATH}/")
    asked = gateway.command
    assert asked == FindCustomers()
    assert (asked.page, asked.limit) == (1, 20)
    assert (asked.is_active, asked.search, asked.external_ref) == (None, None, None)


def test_every_parameter_reaches_the_query(gateway: Gateway) -> None:
    gateway.get(f"{PATH}?limit=7&page=3&external_ref=ERP-1&search=new%20cust&is_active=false")
    expected = FindCustomers(is_active=False, search="new cust", external_ref="ERP-1", page=3, limit=7)
    assert gateway.command == expected


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("TRUE", True), ("false", False), ("fALSE", False)]
)
def test_is_active_is_true_or_false_whatever_the_case(gateway: Gateway, text: str, value: bool) -> None:
    gateway.get(f"{PATH}?is_active={text}")
    assert gateway.command.is_active is value


@pytest.mark.parametrize("text", ["", "1", "0", "yes", "null", "true%20", "t"])
def test_nothing_else_is_true_or_false(gateway: Gateway, text: str) -> None:
    assert errors(gateway, f"is_active={text}") == {"is_active": "invalid_boolean"}


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        ("xyz", "xyz"),
        ("%20%20xyz+", "xyz"),
        ("%09xyz%0A", "xyz"),
        ("a+b", "a b"),
        ("50%25_off%5C", "50%_off\\"),
        ("m%C3%BCller", "m\u00fcller"),
        ("m\xc3\xbcller", "m\u00fcller"),
        ("mu%CC%88ller", "m\u00fcller"),
        ("x" * 100, "x" * 100),
        ("+" + "x" * 100 + "+", "x" * 100),
    ],
)
def test_a_search_is_trimmed_and_otherwise_taken_as_it_is(gateway: Gateway, text: str, searched: str) -> None:
    gateway.get(f"{PATH}?search={text}")
    assert gateway.command.search == searched


@pytest.mark.parametrize("text", ["", "+", "%20%09", "%C2%A0"])
def test_a_blank_search_is_as_good_as_none(gateway: Gateway, text: str) -> None:
    gateway.get(f"{PATH}?search={text}")
    assert gateway.command == FindCustomers()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("search=" + "x" * 101, {"search": "too_long"}),
        ("search=a%00b", {"search": "invalid_characters"}),
        ("search=%FF", {"search": "invalid_characters"}),
        ("search=\xff", {"search": "invalid_characters"}),
        ("external_ref=", {"external_ref": "invalid_format"}),
        ("external_ref=a%20b", {"external_ref": "invalid_format"}),
        ("external_ref=gr%C3%BCn", {"external_ref": "invalid_format"}),
        ("external_ref=" + "x" * 101, {"external_ref": "invalid_format"}),
        ("page=0", {"page": "out_of_range"}),
        ("page=-1", {"page": "out_of_range"}),
        ("page=1000001", {"page": "out_of_range"}),
        ("page=" + "9" * 5000, {"page": "out_of_range"}),
        ("page=1.0", {"page": "invalid_integer"}),
        ("page=1e2", {"page": "invalid_integer"}),
        ("page=+1", {"page": "invalid_integer"}),
        ("page=1%0A", {"page": "invalid_integer"}),
        ("page=", {"page": "invalid_integer"}),
        ("page=1_0", {"page": "invalid_integer"}),
        ("page=%D9%A3", {"page": "invalid_integer"}),
        ("page=one", {"page": "invalid_integer"}),
        ("limit=0", {"limit": "out_of_range"}),
        ("limit=101", {"limit": "out_of_range"}),
        ("limit=%C2%B2", {"limit": "invalid_integer"}),
    ],
)
def test_a_parameter_out_of_its_rule_is_named(gateway: Gateway, query: str, expected: dict[str, str]) -> None:
    assert errors(gateway, query) == expected


def test_a_bound_is_told_from_both_sides(gateway: Gateway) -> None:
    assert gateway.get(f"{PATH}?limit=101").json["errors"] == [
        {"parameter": "limit", "code": "out_of_range", "detail": "must be between 1 and 100"}
    ]


@pytest.mark.parametrize(
    "query", ["page=1&limit=1", "page=007&limit=100", "page=10000&limit=100", "page=1000000&limit=1"]
)
def test_a_page_may_end_a_million_items_into_the_list(gateway: Gateway, query: str) -> None:
    assert gateway.get(f"{PATH}?{query}").status == 200


@pytest.mark.parametrize(
    "query",
    [
        "page=10001&limit=100",
        "page=50001",
        "page=101&limit=100&search=x",
        "page=501&search=x",
        "page=501&search=+x",
    ],
)
def test_a_page_too_deep_names_page(gateway: Gateway, query: str) -> None:
    assert errors(gateway, query) == {"page": "out_of_range"}


@pytest.mark.parametrize("query", ["page=100&limit=100&search=x", "page=501&search=+"])
def test_a_search_may_go_ten_thousand_items_deep(gateway: Gateway, query: str) -> None:
    assert gateway.get(f"{PATH}?{query}").status == 200


@pytest.mark.parametrize(
    "query", ["page=1&page=1", "page=1&page=x", "search=a&search=", "is_active=true&is_active=yes"]
)
def test_a_repeated_parameter_is_refused_and_none_of_its_values_looked_at(
    gateway: Gateway, query: str
) -> None:
    assert errors(gateway, query) == {query.partition("=")[0]: "repeated_parameter"}


def test_all_that_is_wrong_is_told_at_once(gateway: Gateway) -> None:
    query = "x=1&is_active=maybe&page=10001&limit=100&external_ref=+&sort=name&search=a&search=b"
    assert errors(gateway, query) == {
        "x": "unknown_parameter",
        "sort": "unknown_parameter",
        "search": "repeated_parameter",
        "is_active": "invalid_boolean",
        "external_ref": "invalid_format",
        "page": "out_of_range",
    }


def test_an_unknown_parameter_that_is_no_text_can_still_be_named(gateway: Gateway) -> None:
    assert errors(gateway, "%FF=1") == {"\ufffd": "unknown_parameter"}


@pytest.mark.parametrize("name", FindCustomers.model_fields)
@pytest.mark.parametrize("value", ["%ff", "\xff", "%ED%A0%80"])
def test_a_value_that_is_not_utf_8_is_said_not_to_be(gateway: Gateway, name: str, value: str) -> None:
    (error,) = gateway.get(f"{PATH}?{name}={value}").json["errors"]

    assert (error["parameter"], error["code"]) == (name, "invalid_characters")
    assert "UTF-8" in error["detail"]


def test_a_refusal_of_the_service_is_a_problem() -> None:
    response = Gateway(Bus(Refused("brand_new", "news"))).get(PATH)
    assert_problem(response, 500, "internal_error")


@given(st.dictionaries(st.sampled_from(sorted(FindCustomers.model_fields)), st.binary(max_size=20)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_values_of_known_parameters_are_taken_or_refused(
    gateway: Gateway, values: dict[str, bytes]
) -> None:
    query = "&".join(f"{name}={''.join(f'%{byte:02X}' for byte in value)}" for name, value in values.items())
    assert gateway.get(f"{PATH}?{query}").status in {200, 400}


@given(st.binary(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_bytes_as_a_query_are_taken_or_refused(gateway: Gateway, query: bytes) -> None:
    assert gateway.get(f"{PATH}?{query.decode('latin-1')}").status in {200, 400}
