"""What several of these tests do: make customers, end them, look at what was said of them."""

from typing import Any

import httpx

from shared.contracts.customers.requests import EraseCustomer
from shared.messaging import Message
from tests.support.builders import Body, a_customer_body, a_record
from tests.support.eventually import eventually
from tests.support.kafka import Published
from tests.support.system import ApplicationUnderTest

COMMANDS = "customers.customer.commands.v1"
EVENTS = "customers.customer.events.v1"
STATE = "customers.customer.state.v1"


async def created(app: ApplicationUnderTest, **changes: object) -> httpx.Response:
    """The answer to a customer that was taken in."""
    response = await app.http.post("/api/customers", json=a_customer_body(**changes))
    assert response.status_code == 201, response.text
    return response


async def a_customer(app: ApplicationUnderTest, **changes: object) -> Body:
    """A customer that was taken in, in full."""
    return data(await created(app, **changes))


def data(answer: httpx.Response) -> Any:
    """What an answer of success has to tell."""
    assert answer.is_success, answer.text
    return answer.json()["data"]


async def sent(app: ApplicationUnderTest, message: Message) -> Published:
    """A record that was published as another team's system would."""
    record = a_record(message)
    await app.publish(record.topic, record.key, record.value, record.headers)
    return record


async def erase(app: ApplicationUnderTest, customer_id: str) -> None:
    """Erase a customer, and see it gone."""
    await sent(app, EraseCustomer(customer_id=customer_id))
    path = f"/api/customers/{customer_id}"
    await eventually(lambda: app.http.get(path), lambda answer: answer.status_code == 404)


async def keyed(app: ApplicationUnderTest, topic: str, customer_id: str) -> list[Published]:
    """What is on a topic about a customer now."""
    return [record for record in await app.records_of(topic) if record.key == customer_id.encode()]


async def said(
    app: ApplicationUnderTest, customer_id: str, count: int, topic: str = EVENTS
) -> list[Published]:
    """The records about a customer once there are `count`."""
    return await eventually(lambda: keyed(app, topic, customer_id), lambda found: len(found) >= count)


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is the problem of this code, whole and under its media type."""
    problem: Body = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code.replace('_', '-')}"
    assert {"title", "detail", "instance", "request_id"} <= problem.keys()
    assert "data" not in problem


def pointers(answer: httpx.Response) -> dict[str, str]:
    """Error codes by pointer."""
    assert_problem(answer, 422, "validation_error")
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}
