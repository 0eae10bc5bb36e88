import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.customers.requests import GetCustomer
from shared.errors import Refused
from tests.unit.gateway.support import Bus, Gateway, assert_problem

PATH = "/api/customers"
ONE = f"{PATH}/cust_456"


def test_a_customer_is_the_services_own_bytes_under_data(gateway: Gateway) -> None:
    response = gateway.get(ONE)
    assert response.status == 200
    assert response.body == b'{"data":{"id":"cust_456","credit_limit":10000.00}}'
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == str(len(response.body))


def test_a_customer_is_asked_for_once_by_its_id(gateway: Gateway) -> None:
    gateway.get(ONE)
    assert [request for request, _ in gateway.bus.asked] == [GetCustomer(customer_id="cust_456")]


def test_a_customer_comes_under_its_version_and_is_kept_by_nobody_else(gateway: Gateway) -> None:
    response = gateway.get(ONE)
    assert response.headers["etag"] == '"c7-p42"'
    assert response.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("known", ['"c7-p42"', 'W/"c7-p42"', '"x", "c7-p42"', "*", '"x",,W/"c7-p42" ,'])
def test_a_customer_the_client_has_is_not_sent_again(gateway: Gateway, known: str) -> None:
    response = gateway.get(ONE, {"If-None-Match": known})
    assert (response.status, response.body) == (304, b"")
    assert response.headers["etag"] == '"c7-p42"'
    assert response.headers["cache-control"] == "private, no-cache"
    assert "content-type" not in response.headers


def test_a_client_may_spread_its_tags_over_several_lines(gateway: Gateway) -> None:
    assert gateway.get(ONE, [("If-None-Match", '"x"'), ("If-None-Match", '"c7-p42"')]).status == 304


@pytest.mark.parametrize("known", ['"c7"', '"c7-p41"', '"c8-p42"', '""', '"*"', '"C7-p42"'])
def test_a_customer_is_sent_unless_the_whole_tag_is_known(gateway: Gateway, known: str) -> None:
    assert gateway.get(ONE, {"If-None-Match": known}).status == 200


@pytest.mark.parametrize(
    "known", ["c7-p42", '"c7', 'w/"c7"', '"a" "b"', "*, *", '"a", *', "", ",", '"a\x7f"']
)
def test_ill_formed_tags_are_refused_without_asking(gateway: Gateway, known: str) -> None:
    assert_problem(gateway.get(ONE, {"If-None-Match": known}), 400, "invalid_header")
    assert not gateway.bus.asked


@pytest.mark.parametrize(
    "noise", [" " * 50_000 + "x", ", " * 25_000 + "x", '"' + "a" * 50_000, '"a",' * 10_000 + "x"]
)
def test_reading_tags_takes_no_longer_than_their_length(gateway: Gateway, noise: str) -> None:
    assert_problem(gateway.get(ONE, {"If-None-Match": noise}), 400, "invalid_header")


def test_head_is_get_without_the_body(gateway: Gateway) -> None:
    head, get = gateway.call("HEAD", ONE, {"X-Request-Id": "r"}), gateway.get(ONE, {"X-Request-Id": "r"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


def test_head_knows_304_and_problems_too() -> None:
    assert Gateway().call("HEAD", ONE, {"If-None-Match": "*"}).status == 304
    missing = Gateway(Bus(Refused("customer_not_found", "no customer"))).call("HEAD", ONE)
    assert (missing.status, missing.body) == (404, b"")
    assert missing.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", [f"{ONE}/", "//api//customers//cust_456"])
def test_needless_slashes_are_served_as_without(gateway: Gateway, path: str) -> None:
    assert gateway.get(path).body == gateway.get(ONE).body


def test_a_customer_that_is_not_there_is_404() -> None:
    gateway = Gateway(Bus(Refused("customer_not_found", "There is no customer cust_456.")))
    response = gateway.get(ONE)
    assert_problem(response, 404, "customer_not_found")
    assert response.json["detail"] == "There is no customer cust_456."


@pytest.mark.parametrize(
    "customer_id",
    [
        *(
            "456",
            "cust_",
            "Cust_456",
            "cust-456",
            "cont_456",
            "cust_4.6",
            "cust_456%0A",
            "cust_4%005",
            "%00",
            "%20",
        ),
        *(
            "cust_%FF",
            "%FF%FE",
            "%C3%28",
            "cust_" + "a" * 65,
            "cust_" + "a" * 1900,
            "cust_%E2%82%AC",
            "{customer_id:str}",
        ),
    ],
)
def test_an_id_that_no_customer_can_have_is_404_without_asking(gateway: Gateway, customer_id: str) -> None:
    assert_problem(gateway.get(f"{PATH}/{customer_id}"), 404, "customer_not_found")
    assert not gateway.bus.asked


@pytest.mark.parametrize("customer_id", ["cust_1", "cust_" + "aZ9" * 21 + "x"])
def test_an_id_of_up_to_64_letters_and_digits_is_asked_for(gateway: Gateway, customer_id: str) -> None:
    assert gateway.get(f"{PATH}/{customer_id}").status == 200


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_bytes_as_an_id_are_found_or_404(gateway: Gateway, name: bytes) -> None:
    path = "".join(f"%{byte:02X}" for byte in name)
    assert gateway.get(f"{PATH}/{path}").status in {200, 404, 405}


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_header_value_is_taken_or_refused(gateway: Gateway, value: bytes) -> None:
    names = ("If-None-Match", "Accept", "X-Request-Id", "traceparent", "Host")
    assert gateway.get(ONE, [(name, value.decode("latin-1")) for name in names]).status in {
        200,
        304,
        400,
        406,
    }
