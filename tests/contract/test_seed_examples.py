import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.shapes import exact, lacking, shape_of
from tests.support.system import InProcess

SEED = (Path(__file__).parent / "seed" / "customers-api.md").read_text()
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Example:
    request: str | None
    response: str | None


def block(section: str, title: str) -> str | None:
    found = re.search(rf"{title}:\n```json\n(.*?)\n```", section, re.DOTALL)
    return found and found[1]


def examples() -> dict[str, Example]:
    sections = re.split(r"^### ", SEED, flags=re.MULTILINE)[1:]
    return {
        section.partition("\n")[0].strip(): Example(
            block(section, "Request Body"), block(section, "Response")
        )
        for section in sections
    }


EXAMPLES = examples()


def documented(route: str) -> str:
    response = EXAMPLES[route].response
    assert response is not None
    return response


async def create_verbatim(http: httpx.AsyncClient) -> httpx.Response:
    body = EXAMPLES["POST /api/customers"].request
    return await http.post("/api/customers", content=body, headers=JSON)


async def read_what_was_created_from_the_documented_answer(http: httpx.AsyncClient) -> httpx.Response:
    data = re.fullmatch(r'\{\s*"data": (.*)\}', documented("GET /api/customers/:id"), re.DOTALL)
    assert data is not None
    created = await http.post("/api/customers", content=data[1], headers=JSON)
    assert created.status_code == 201, created.text
    return await http.get(created.headers["Location"])


Call = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]

BUILT: list[tuple[str, Call, int]] = [
    ("POST /api/customers", create_verbatim, 201),
    ("GET /api/customers/:id", read_what_was_created_from_the_documented_answer, 200),
]


def test_the_seed_documents_ten_routes_and_those_built_are_among_them() -> None:
    assert len(EXAMPLES) == 10
    assert {route for route, _, _ in BUILT} <= EXAMPLES.keys()


@pytest.mark.integration
@pytest.mark.parametrize(("route", "call", "status"), BUILT, ids=[route for route, _, _ in BUILT])
async def test_a_route_answers_with_every_documented_member_in_its_documented_type(
    in_process: InProcess, route: str, call: Call, status: int
) -> None:
    answer = await call(in_process.http)

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert lacking(shape_of(exact(documented(route))), shape_of(exact(answer.text))) == []


@pytest.mark.integration
async def test_the_seeds_own_body_may_be_sent_twice(in_process: InProcess) -> None:
    first, second = await create_verbatim(in_process.http), await create_verbatim(in_process.http)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["data"]["id"] != second.json()["data"]["id"]


@pytest.mark.integration
async def test_what_the_seed_sends_comes_back_as_it_was_sent(in_process: InProcess) -> None:
    sent = exact(EXAMPLES["POST /api/customers"].request or "")

    customer = exact((await create_verbatim(in_process.http)).text)["data"]

    (contact,) = sent.pop("contacts")
    assert {name: customer[name] for name in sent} == sent
    assert customer["contacts"][0].items() >= contact.items()


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ('{"data": {}}', "data.id: string is documented, nothing found"),
        ('{"data": {"id": 1}}', "data.id: string is documented, integer found"),
        ('{"data": {"id": null}}', "data.id: string is documented, null found"),
        (
            '{"data": {"id": "a", "credit_limit": 5000}}',
            "data.credit_limit: money is documented, integer found",
        ),
        (
            '{"data": {"id": "a", "credit_limit": "5.00"}}',
            "data.credit_limit: money is documented, string found",
        ),
        ('{"data": {"id": "a", "contacts": []}}', "data.contacts[].id: string is documented, nothing found"),
    ],
)
def test_what_breaks_the_document_is_found(given: str, fault: str) -> None:
    assert fault in lacking(shape_of(exact(documented("POST /api/customers"))), shape_of(exact(given)))
