import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from services.gateway.analytics_answer import CustomerAnalytics, composed
from shared.contracts.credit.requests import GetCreditAnalytics
from shared.contracts.customers.requests import GetCustomer
from shared.contracts.orders.requests import GetOrderAnalytics
from shared.contracts.periods import PERIODS, Period, begin_of
from shared.errors import DeadlineExceeded, Refused, Unavailable
from shared.messaging import Answer, Request, Value
from shared.rpc import Asking
from tests.unit.gateway.support import Bus, Gateway, assert_problem

A = TypeVar("A", bound=Value)

PATH = "/api/customers/cust_456/analytics"
UNKNOWN = "unknown_parameter"
NOW = datetime(2024, 1, 20, 9, 30, tzinfo=UTC)
CUSTOMER: Answer[Any] = Answer(
    b'{"id": "cust_456", "name": "Caf\xc3\xa9 \\"Z\\", {Wien}", "contacts": [{"id": "cont_1", "name": "Al"}],'
    b' "currency": "EUR", "customer_since": "2023-06-15T00:00:00Z", "lifetime_value": 1.00}',
    {"version": "c7-p42"},
)
ORDERS: Answer[Any] = Answer(
    b'{"lifetime_value":45000.00,"total_orders":75,"avg_order_value":600.10,'
    b'"last_order_date":"2024-01-15T00:00:00Z","days_since_last_order":5,"total_revenue":4800.00,'
    b'"order_history":[{"month":"2024-01","orders":8,"revenue":4800.00,"avg_order_value":600.00}],'
    b'"top_products":[{"product_id":"prod_123","product_name":"Smart Widget","quantity_ordered":150,'
    b'"revenue":7500.00}],"customer_segment":"high_value","segment_version":"segments-1.0.0",'
    b'"as_of":"2024-01-15T10:30:00Z"}'
)
CREDIT: Answer[Any] = Answer(
    b'{"current_balance":2500.00,"credit_limit":10000.00,"credit_utilization":25.0,"avg_payment_days":12,'
    b'"risk_score":"low","model_version":"tcs-1.0.0","as_of":"2024-01-17T08:00:00Z"}'
)
ALL: Mapping[type[Request[Any]], Answer[Any] | Exception] = {
    GetCustomer: CUSTOMER,
    GetOrderAnalytics: ORDERS,
    GetCreditAnalytics: CREDIT,
}
COMPOSED = (
    '{"customer":{"id":"cust_456","name":"Café \\"Z\\", {Wien}"},'
    '"overview":{"lifetime_value":45000.00,"total_orders":75,"avg_order_value":600.10,'
    '"last_order_date":"2024-01-15T00:00:00Z","customer_since":"2023-06-15T00:00:00Z",'
    '"days_since_last_order":5},'
    '"financial_summary":{"total_revenue":4800.00,"current_balance":2500.00,"credit_limit":10000.00,'
    '"credit_utilization":25.0,"avg_payment_days":12},'
    '"order_history":[{"month":"2024-01","orders":8,"revenue":4800.00,"avg_order_value":600.00}],'
    '"top_products":[{"product_id":"prod_123","product_name":"Smart Widget","quantity_ordered":150,'
    '"revenue":7500.00}],"customer_segment":"high_value","risk_score":"low","currency":"EUR",'
    '"period":{"code":"30d","from":"2023-12-21T09:30:00Z","to":"2024-01-20T09:30:00Z"},'
    '"as_of":"2024-01-17T08:00:00Z",'
    '"models":{"customer_segment":"segments-1.0.0","risk_score":"tcs-1.0.0"}}'
)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Bus(by_contract=ALL))


def failing(**failures: Exception) -> Gateway:
    """One where some owners do not answer."""
    owners: Mapping[str, type[Request[Any]]] = {
        "customers": GetCustomer,
        "orders": GetOrderAnalytics,
        "credit": GetCreditAnalytics,
    }
    return Gateway(Bus(by_contract={**ALL, **{owners[name]: each for name, each in failures.items()}}))


def test_three_answers_become_one_and_every_value_stays_as_it_is_written() -> None:
    body = composed(CUSTOMER, ORDERS, CREDIT, period="30d", now=NOW).body

    assert body.decode() == COMPOSED
    CustomerAnalytics.model_validate_json(body)


def test_all_is_a_window_without_bounds() -> None:
    body = composed(CUSTOMER, ORDERS, CREDIT, period="all", now=NOW).body

    assert b'"period":{"code":"all","from":null,"to":null}' in body


@pytest.mark.parametrize(
    ("orders", "credit", "newer"),
    [
        ("2024-01-15T10:30:00Z", "2024-01-15T10:29:59Z", '"2024-01-15T10:30:00Z"'),
        ("2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z", '"2024-01-01T00:00:00Z"'),
        ("2024-01-15T10:30:00Z", None, '"2024-01-15T10:30:00Z"'),
        (None, "2024-01-15T10:30:00Z", '"2024-01-15T10:30:00Z"'),
        (None, None, "null"),
    ],
)
def test_figures_have_stood_since_the_newer_of_both_owners_changes(
    orders: str | None, credit: str | None, newer: str
) -> None:
    answers = (as_of(ORDERS, orders), as_of(CREDIT, credit))

    body = composed(CUSTOMER, *answers, period="all", now=NOW).body

    assert f'"as_of":{newer},'.encode() in body


def as_of(answer: Answer[Any], at: str | None) -> Answer[Any]:
    text = b"null" if at is None else b'"%b"' % at.encode()
    return Answer(re.sub(rb'"as_of":"[^"]*"', b'"as_of":' + text, answer.body))


def test_the_answer_is_under_data_and_kept_by_the_client_alone(gateway: Gateway) -> None:
    response = gateway.get(f"{PATH}?period=90d", {"Prefer": "wait=20, respond-async"})

    assert response.status == 200
    assert list(response.json) == ["data"]
    assert response.json["data"]["period"]["code"] == "90d"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == str(len(response.body))
    assert response.headers["cache-control"] == "private, no-cache"
    assert {"etag", "preference-applied"}.isdisjoint(response.headers)


def test_head_is_get_without_the_body(gateway: Gateway) -> None:
    head = gateway.call("HEAD", PATH, {"X-Request-Id": "r"})
    get = gateway.get(PATH, {"X-Request-Id": "r"})

    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize(("query", "period"), [("", "all"), *((f"?period={each}", each) for each in PERIODS)])
def test_each_owner_is_asked_once_for_the_same_period_up_to_the_same_instant(
    gateway: Gateway, query: str, period: Period
) -> None:
    response = gateway.get(PATH + query)

    asked = {type(request): request for request, _ in gateway.bus.asked}
    of_orders = asked[GetOrderAnalytics]
    assert isinstance(of_orders, GetOrderAnalytics)
    now = of_orders.now
    figures = {"customer_id": "cust_456", "period": period, "now": now}
    assert [*asked.values()] == [
        GetCustomer(customer_id="cust_456"),
        GetOrderAnalytics.model_validate(figures),
        GetCreditAnalytics.model_validate(figures),
    ]
    assert len(gateway.bus.asked) == 3
    begin = begin_of(period, now)
    end = now if begin else None
    told = [f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None for at in (begin, end)]
    assert [response.json["data"]["period"][bound] for bound in ("from", "to")] == told
    assert now.microsecond == 0


def test_all_owners_are_asked_under_the_request_and_its_one_deadline() -> None:
    gateway = Gateway(Bus(by_contract=ALL), deadline_s=2.5)
    gateway.get(PATH, {"X-Request-Id": "r-1", "Prefer": "wait=20"})

    assert {(asking.request_id, asking.deadline_s) for _, asking in gateway.bus.asked} == {("r-1", 2.5)}


@pytest.mark.parametrize("text", ["", "2d", "30D", "%20all", "90d,1y", "30", "%D9%A3%D9%A0d"])
def test_a_period_that_there_is_not_is_refused_and_those_there_are_are_named(
    gateway: Gateway, text: str
) -> None:
    response = gateway.get(f"{PATH}?period={text}")

    assert_problem(response, 400, "invalid_parameter")
    assert response.json["errors"] == [
        {"parameter": "period", "code": "unknown_value", "detail": "must be one of 30d, 90d, 1y, all"}
    ]
    assert not gateway.bus.asked


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("period=30d&period=30d", {"period": "repeated_parameter"}),
        ("period=%FF", {"period": "invalid_characters"}),
        ("page=1", {"page": UNKNOWN}),
        ("customer_id=cust_1&now=2024-01-20T09:30:00Z", dict.fromkeys(("customer_id", "now"), UNKNOWN)),
    ],
)
def test_other_parameters_are_refused_as_everywhere(
    gateway: Gateway, query: str, expected: dict[str, str]
) -> None:
    response = gateway.get(f"{PATH}?{query}")

    assert_problem(response, 400, "invalid_parameter")
    assert {error["parameter"]: error["code"] for error in response.json["errors"]} == expected
    assert not gateway.bus.asked


def test_an_id_that_no_customer_can_have_is_404_without_asking(gateway: Gateway) -> None:
    assert_problem(gateway.get("/api/customers/456/analytics"), 404, "customer_not_found")
    assert not gateway.bus.asked


@pytest.mark.parametrize("owner", ["customers", "orders", "credit"])
def test_whichever_owner_knows_of_no_such_customer_it_is_404(owner: str) -> None:
    response = failing(**{owner: Refused("customer_not_found", "There is none.")}).get(PATH)

    assert_problem(response, 404, "customer_not_found")
    assert response.json["detail"] == "There is none."


@pytest.mark.parametrize("owner", ["customers", "orders", "credit"])
def test_one_owner_that_is_silent_is_504_for_the_whole(owner: str) -> None:
    response = failing(**{owner: DeadlineExceeded("silent")}).get(PATH)

    assert_problem(response, 504, "upstream_timeout")
    assert response.json["detail"] == "No answer came in time. Try again."


@pytest.mark.parametrize("code", ["bus_unavailable", "shutting_down"])
def test_what_could_not_be_sent_is_503_and_may_be_tried_again_soon(code: str) -> None:
    response = failing(**dict.fromkeys(["customers", "orders", "credit"], Unavailable(code))).get(PATH)

    assert_problem(response, 503, code)
    assert response.headers["retry-after"] == "1"


def test_a_refusal_counts_more_than_a_silence_at_the_same_moment() -> None:
    gateway = failing(
        customers=DeadlineExceeded("silent"), orders=Refused("customer_not_found", "There is none.")
    )

    assert_problem(gateway.get(PATH), 404, "customer_not_found")


@dataclass
class Slow(Bus):
    """Answers nobody before all have asked.

    Attributes:
        expected: How many ask.
        left_alone: How many were given up on while they waited.
    """

    expected: int = 3
    left_alone: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def relay(self, request: Request[A], asking: Asking) -> Answer[A]:
        """The answer, once all have asked."""
        answer: Answer[A] = await super().relay(request, asking)
        if len(self.asked) == self.expected:
            self.complete.set()
        try:
            await self.complete.wait()
        except asyncio.CancelledError:
            self.left_alone += 1
            raise
        return answer


def test_all_owners_are_asked_before_any_has_answered() -> None:
    response = Gateway(Slow(by_contract=ALL)).get(PATH)

    assert response.status == 200


def test_where_one_owner_fails_nobody_waits_for_the_others() -> None:
    unknown = Refused("customer_not_found", "There is none.")
    bus = Slow(by_contract={**ALL, GetCustomer: unknown}, expected=4)

    assert_problem(Gateway(bus).get(PATH), 404, "customer_not_found")
    assert bus.left_alone == 2
