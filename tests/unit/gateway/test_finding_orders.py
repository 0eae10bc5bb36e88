from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.order_parameters import PARAMETERS
from shared.contracts.orders.answers import Status
from shared.contracts.orders.requests import FindOrders
from shared.errors import Refused
from shared.messaging import Answer
from tests.unit.gateway.support import Bus, Gateway, assert_problem

PATH = "/api/customers/cust_456/orders"
PAGE: Answer[Any] = Answer(b'{"data":[],"meta":{"total":0,"page":1,"limit":20,"hasMore":false,"as_of":null}}')
STATUSES = get_args(Status)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Bus(PAGE))


def errors(gateway: Gateway, query: str) -> dict[str, str]:
    """Code by parameter."""
    response = gateway.get(f"{PATH}?{query}")
    assert_problem(response, 400, "invalid_parameter")
    assert not gateway.bus.asked
    found = response.json["errors"]
    assert len(found) == len({error["parameter"] for error in found})
    return {error["parameter"]: error["code"] for error in found}


def detail(gateway: Gateway, query: str) -> str:
    """Of the one error there is."""
    (error,) = gateway.get(f"{PATH}?{query}").json["errors"]
    return str(error["detail"])


def test_a_page_is_the_services_own_bytes_and_kept_by_nobody_else(gateway: Gateway) -> None:
    response = gateway.get(PATH)
    assert (response.status, response.body) == (200, PAGE.body)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "private, no-cache"
    assert "etag" not in response.headers


def test_head_is_get_without_the_body(gateway: Gateway) -> None:
    head, get = gateway.call("HEAD", PATH, {"X-Request-Id": "r"}), gateway.get(PATH, {"X-Request-Id": "r"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


def test_without_parameters_the_first_twenty_of_all_are_asked_for(gateway: Gateway) -> None:
    gateway.get(f"{PATH}/")
    assert gateway.command == FindOrders(customer_id="cust_456")
    assert (gateway.command.page, gateway.command.limit) == (1, 20)
    assert gateway.command.statuses is None


def test_every_parameter_reaches_the_query(gateway: Gateway) -> None:
    gateway.get(f"{PATH}?limit=7&page=3&date_to=2024-02-29&date_from=2024-01-15T12:00:00Z&status=delivered")
    assert gateway.command == FindOrders(
        customer_id="cust_456",
        statuses=["delivered"],
        ordered_from=datetime(2024, 1, 15, 12, tzinfo=UTC),
        ordered_to=datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        page=3,
        limit=7,
    )


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_there_is_may_be_asked_for(gateway: Gateway, status: str) -> None:
    gateway.get(f"{PATH}?status={status}")
    assert gateway.command.statuses == [status]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("shipped,delivered", ["shipped", "delivered"]),
        ("shipped%2Cdelivered", ["shipped", "delivered"]),
        ("canceled", ["cancelled"]),
        ("canceled,returned,cancelled,returned", ["cancelled", "returned"]),
        (",".join([*STATUSES, *STATUSES]), [*STATUSES]),
    ],
)
def test_statuses_are_a_list_in_which_each_counts_once(
    gateway: Gateway, text: str, wanted: list[str]
) -> None:
    gateway.get(f"{PATH}?status={text}")
    assert gateway.command.statuses == wanted


@pytest.mark.parametrize(
    "text", ["", ",", "paid", "Shipped", "shipped,", "shipped,+delivered", "shipped;pending"]
)
def test_an_unknown_status_is_answered_with_those_there_are(gateway: Gateway, text: str) -> None:
    assert errors(gateway, f"status={text}") == {"status": "unknown_value"}
    assert all(status in detail(gateway, f"status={text}") for status in STATUSES)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-15", "2024-01-15T00:00:00+00:00"),
        ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00+00:00"),
        ("2024-01-15T10:30:00", "2024-01-15T10:30:00+00:00"),
        ("2024-01-15t10:30:00z", "2024-01-15T10:30:00+00:00"),
        ("2024-01-15T00:30:00%2B01:00", "2024-01-14T23:30:00+00:00"),
        ("2024-01-15T23:30:00-05:30", "2024-01-16T05:00:00+00:00"),
        ("2024-01-15T10:30:00.25Z", "2024-01-15T10:30:00.250000+00:00"),
        ("2024-01-15T10:30:00.123456789Z", "2024-01-15T10:30:00.123456+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00"),
        ("0001-01-01", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_a_date_is_a_day_or_an_instant_in_utc_where_it_says_no_other(
    gateway: Gateway, text: str, instant: str
) -> None:
    gateway.get(f"{PATH}?date_from={text}")
    assert gateway.command.ordered_from == datetime.fromisoformat(instant)
    assert gateway.command.ordered_from.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-15", "2024-01-15T23:59:59.999999+00:00"),
        ("9999-12-31", "9999-12-31T23:59:59.999999+00:00"),
        ("2024-01-15T00:00:00Z", "2024-01-15T00:00:00+00:00"),
        ("2024-01-15T10:30:00", "2024-01-15T10:30:00+00:00"),
    ],
)
def test_the_last_day_counts_whole_and_a_last_instant_as_it_is(
    gateway: Gateway, text: str, instant: str
) -> None:
    gateway.get(f"{PATH}?date_to={text}")
    assert gateway.command.ordered_to == datetime.fromisoformat(instant)


@pytest.mark.parametrize("name", ["date_from", "date_to"])
@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "2024", "2024-01", "20240115", "2024-W03-1", "2024-1-15", "15.01.2024"),
        *("2024-02-30", "2023-02-29", "2024-13-01", "0000-01-01", "10000-01-01", "-2024-01-15"),
        *("2024-01-15T", "2024-01-15T10", "2024-01-15T10:30", "2024-01-15T24:00:00Z", "2024-01-15T10:60:00Z"),
        *("2024-01-15+10:30:00", "2024-01-15_10:30:00", "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00,5Z"),
        *("2024-01-15T10:30:00%2B0100", "2024-01-15T10:30:00%2B24:00", "2024-01-15T10:30:00ZZ"),
        *("1705312200", "2024-01-15%0A", "%D9%A2024-01-15", "2024-01-15T10:30:00.1234567890Z"),
        *("0001-01-01T00:00:00%2B00:01", "9999-12-31T23:59:59-00:01"),
    ],
)
def test_what_is_no_date_is_named(gateway: Gateway, name: str, text: str) -> None:
    assert errors(gateway, f"{name}={text}") == {name: "invalid_date"}


@pytest.mark.parametrize("text", ["2024-01-15T00:00:00+01:00", "2024-01-15T00:00:00.5%2001:00"])
def test_an_offset_that_lost_its_plus_is_told_how_to_keep_it(gateway: Gateway, text: str) -> None:
    assert errors(gateway, f"date_from={text}") == {"date_from": "invalid_date"}
    assert "%2B" in detail(gateway, f"date_from={text}")


@pytest.mark.parametrize("text", ["2024-01-15+10:30:00", "2024-01-15+10:30", "today"])
def test_nothing_is_said_of_a_plus_where_none_was_meant(gateway: Gateway, text: str) -> None:
    assert "%2B" not in detail(gateway, f"date_from={text}")


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2024-01-15", "2024-01-15"),
        ("2024-01-15T23:59:59.999999Z", "2024-01-15"),
        ("2024-01-15T12:00:00Z", "2024-01-15T12:00:00Z"),
        ("2024-01-16T00:30:00%2B01:00", "2024-01-15"),
    ],
)
def test_a_span_may_be_as_short_as_an_instant(gateway: Gateway, begin: str, end: str) -> None:
    assert gateway.get(f"{PATH}?date_from={begin}&date_to={end}").status == 200


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2024-01-16", "2024-01-15"),
        ("2024-01-15T12:00:00.000001Z", "2024-01-15T12:00:00Z"),
        ("2024-01-15T00:00:00Z", "2024-01-15T00:30:00%2B01:00"),
    ],
)
def test_a_span_that_ends_before_it_begins_is_refused(gateway: Gateway, begin: str, end: str) -> None:
    query = f"date_from={begin}&date_to={end}"
    assert errors(gateway, query) == {"date_to": "out_of_range"}
    assert detail(gateway, query) == "must not be before date_from"


def test_all_that_is_wrong_is_told_at_once(gateway: Gateway) -> None:
    query = (
        "customer_id=cust_1&statuses=x&status=x&date_from=2024-02-01&date_to=2024-01-01&page=10001&limit=100"
    )
    assert errors(gateway, query) == {
        "customer_id": "unknown_parameter",
        "statuses": "unknown_parameter",
        "status": "unknown_value",
        "date_to": "out_of_range",
        "page": "out_of_range",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=pending&status=shipped", {"status": "repeated_parameter"}),
        ("date_from=2024-01-15&date_from=x", {"date_from": "repeated_parameter"}),
        ("status=%FF", {"status": "invalid_characters"}),
        ("date_to=%FF", {"date_to": "invalid_characters"}),
        ("page=0", {"page": "out_of_range"}),
        ("limit=101", {"limit": "out_of_range"}),
        ("page=x", {"page": "invalid_integer"}),
        ("page=50001", {"page": "out_of_range"}),
        ("search=x", {"search": "unknown_parameter"}),
        ("ordered_from=2024-01-15", {"ordered_from": "unknown_parameter"}),
    ],
)
def test_a_parameter_out_of_its_rule_is_named(gateway: Gateway, query: str, expected: dict[str, str]) -> None:
    assert errors(gateway, query) == expected


def test_orders_of_a_customer_that_is_not_there_are_404() -> None:
    gateway = Gateway(Bus(Refused("customer_not_found", "There is no customer cust_456.")))
    assert_problem(gateway.get(PATH), 404, "customer_not_found")


@pytest.mark.parametrize("customer_id", ["456", "cust_", "cust_4.6", "cust_456%0A", "so_1", "%FF"])
def test_an_id_that_no_customer_can_have_is_404_without_asking(gateway: Gateway, customer_id: str) -> None:
    assert_problem(gateway.get(f"/api/customers/{customer_id}/orders"), 404, "customer_not_found")
    assert not gateway.bus.asked


@given(st.dictionaries(st.sampled_from(sorted(PARAMETERS.readings)), st.binary(max_size=30)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_values_of_known_parameters_are_taken_or_refused(
    gateway: Gateway, values: dict[str, bytes]
) -> None:
    query = "&".join(f"{name}={''.join(f'%{byte:02X}' for byte in value)}" for name, value in values.items())
    assert gateway.get(f"{PATH}?{query}").status in {200, 400}


@given(st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{2}:[0-9]{2})?)?\Z"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_whatever_looks_like_a_date_is_taken_as_utc_or_refused(gateway: Gateway, text: str) -> None:
    gateway.bus.asked.clear()
    response = gateway.get(f"{PATH}?date_to={text.replace('+', '%2B')}")
    assert response.status in {200, 400}
    offsets = [gateway.command.ordered_to.utcoffset()] if response.status == 200 else []
    assert offsets in ([], [timedelta(0)])
