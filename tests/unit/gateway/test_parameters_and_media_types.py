import json

import pytest

from tests.unit.gateway.support import Gateway, a_body, assert_problem

PATH = "/api/customers"
ONE = f"{PATH}/cust_456"


@pytest.mark.parametrize("query", ["x=1", "x", "x=", "limit=1&x=2", "%FF=1", "=", "x=1&x=2"])
@pytest.mark.parametrize(("method", "path"), [("GET", ONE), ("POST", PATH)])
def test_unknown_parameters_are_refused(gateway: Gateway, method: str, path: str, query: str) -> None:
    response = gateway.call(method, f"{path}?{query}", body=json.dumps(a_body()).encode())
    assert_problem(response, 400, "invalid_parameter")
    assert not gateway.bus.asked


def test_each_unknown_parameter_is_named_once(gateway: Gateway) -> None:
    response = gateway.get(f"{ONE}?limit=1&gr%C3%BCn=2&limit=3")
    assert response.json["errors"] == [
        {"parameter": name, "code": "unknown_parameter", "detail": "is not a parameter of this route"}
        for name in ("limit", "gr\u00fcn")
    ]


@pytest.mark.parametrize("query", ["?", "?&", "?&&"])
def test_a_query_without_parameters_is_none(gateway: Gateway, query: str) -> None:
    assert gateway.get(f"{ONE}{query}").status == 200


@pytest.mark.parametrize(
    "accept",
    [
        *(
            "*/*",
            "application/json",
            "application/*",
            "APPLICATION/JSON",
            "text/html, application/json;q=0.5",
            "",
            ",",
        ),
        *(
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/json; charset=utf-8",
            "application/json;q=1, */*;q=0",
        ),
    ],
)
def test_clients_that_accept_json_get_it(gateway: Gateway, accept: str) -> None:
    assert gateway.get(ONE, {"Accept": accept}).status == 200


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/xml, text/*",
        "application/json;q=0",
        "application/json;q=0.0, */*",
        "*/*;q=0",
        "json",
        "text/html;x=*/*",
    ],
)
def test_clients_that_do_not_accept_json_get_406(gateway: Gateway, accept: str) -> None:
    for response in (gateway.get(ONE, {"Accept": accept}), gateway.post(PATH, a_body(), {"Accept": accept})):
        assert_problem(response, 406, "not_acceptable")
    assert not gateway.bus.asked


def test_accept_may_be_spread_over_several_lines(gateway: Gateway) -> None:
    assert gateway.get(ONE, [("Accept", "text/html"), ("Accept", "application/json")]).status == 200
