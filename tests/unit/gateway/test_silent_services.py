import pytest

from shared.errors import DeadlineExceeded, Unavailable
from tests.unit.gateway.support import Bus, Gateway, a_body, assert_problem

PATH = "/api/customers"
ONE = f"{PATH}/cust_456"
WRITES = {"Idempotency-Key": "key-1"}


def test_an_answer_that_does_not_come_is_504_and_for_a_write_of_unknown_outcome() -> None:
    gateway = Gateway(Bus(DeadlineExceeded("customer.create.v1")))
    for headers, advice in ((WRITES, "same Idempotency-Key"), ({}, "only under an Idempotency-Key")):
        response = gateway.post(PATH, a_body(), headers)
        assert_problem(response, 504, "upstream_timeout")
        assert "whether the request was carried out is not known" in response.json["detail"]
        assert advice in response.json["detail"]


@pytest.mark.parametrize("headers", [WRITES, {}])
@pytest.mark.parametrize(("method", "path"), [("PUT", ONE), ("DELETE", f"{ONE}/contacts/cont_1")])
def test_a_write_that_may_be_repeated_says_so_and_speaks_of_no_key(
    method: str, path: str, headers: dict[str, str]
) -> None:
    response = Gateway(Bus(DeadlineExceeded("slow"))).call(method, path, headers, b"{}")
    assert_problem(response, 504, "upstream_timeout")
    assert "whether the request was carried out is not known" in response.json["detail"]
    assert "Repeat it" in response.json["detail"]
    assert "Idempotency-Key" not in response.json["detail"]


def test_a_read_without_an_answer_is_504_and_leaves_nothing_open() -> None:
    response = Gateway(Bus(DeadlineExceeded("customer.get.v1"))).get(ONE)
    assert_problem(response, 504, "upstream_timeout")
    assert "carried out" not in response.json["detail"]


@pytest.mark.parametrize("code", ["bus_unavailable", "shutting_down"])
def test_what_was_not_accepted_is_503_and_may_be_tried_again_soon(code: str) -> None:
    response = Gateway(Bus(Unavailable(code))).post(PATH, a_body())
    assert_problem(response, 503, code)
    assert response.headers["retry-after"] == "1"
    assert "not accepted" in response.json["detail"]


def test_a_request_is_asked_under_its_id_trace_caller_and_deadline() -> None:
    gateway = Gateway(deadline_s=2.5)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    gateway.get(ONE, {"X-Request-Id": "r-1", "traceparent": trace})
    ((_, asking),) = gateway.bus.asked
    assert asking.request_id == "r-1"
    assert asking.traceparent == trace
    assert asking.deadline_s == 2.5
    assert asking.caller == "anonymous"
    assert asking.message_id is None


@pytest.mark.parametrize(
    "trace",
    [
        *(
            "",
            "x",
            "00-" + "0" * 32 + "-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        ),
        *(
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
    ],
)
def test_a_trace_that_is_none_is_not_continued(gateway: Gateway, trace: str) -> None:
    gateway.get(ONE, {"traceparent": trace})
    ((_, asking),) = gateway.bus.asked
    assert asking.traceparent is None
