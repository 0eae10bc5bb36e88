import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from shared.contracts.credit.requests import CheckCredit, GetCreditAnalytics
from shared.contracts.customers.requests import GetCustomer
from shared.contracts.orders.requests import FindOrders, GetOrderAnalytics
from shared.messaging import Answer, Request, answer_type
from tests.support import documents as published
from tests.support.shapes import exact, lacking, shape_of
from tests.support.system import InProcess
from tests.unit.gateway.support import Bus as Stub

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


def requested(route: str) -> str:
    request = EXAMPLES[route].request
    assert request is not None
    return request


def members_of(response: str) -> Any:
    """What is documented under `data`; numbers as they are written."""
    return exact(response)["data"]


def customer_in(route: str, opening: str, closing: str) -> str:
    """The text of a customer in a documented response, as a client would copy it."""
    found = re.search(rf'"data": {opening}(\{{.*\}}){closing}', documented(route), re.DOTALL)
    assert found is not None
    return found[1]


def contains(found: Any, told: Any) -> bool:
    """Whether `found` is what is told, with more members at most."""
    match told:
        case dict():
            return all(name in found and contains(found[name], told[name]) for name in told)
        case list():
            return len(found) == len(told) and all(map(contains, found, told))
        case _:
            return bool(found == told)


async def send(http: httpx.AsyncClient, method: str, path: str, body: str) -> httpx.Response:
    return await http.request(method, path, content=body, headers=JSON)


async def taken_in(http: httpx.AsyncClient, customer: str) -> str:
    """The path of a customer that was created from a documented answer."""
    created = await send(http, "POST", "/api/customers", customer)
    assert created.status_code == 201, created.text
    return str(created.headers["Location"])


async def detail_taken_in(http: httpx.AsyncClient) -> str:
    return await taken_in(http, customer_in("GET /api/customers/:id", "", r"\s*\}"))


async def contact_taken_in(http: httpx.AsyncClient) -> str:
    """The path of a contact that is not the primary one."""
    added = await add_a_contact_verbatim(http)
    assert added.status_code == 201, added.text
    return str(added.headers["Location"])


async def list_what_was_created_from_the_documented_item(http: httpx.AsyncClient) -> httpx.Response:
    await taken_in(http, customer_in("GET /api/customers", r"\[\s*", r"\s*\],"))
    parameters = {"is_active": "true", "search": "orders@customerxyz.com", "page": "1", "limit": "20"}
    return await http.get("/api/customers", params=parameters)


async def read_what_was_created_from_the_documented_answer(http: httpx.AsyncClient) -> httpx.Response:
    return await http.get(await detail_taken_in(http))


async def create_verbatim(http: httpx.AsyncClient) -> httpx.Response:
    return await send(http, "POST", "/api/customers", requested("POST /api/customers"))


async def change_verbatim(http: httpx.AsyncClient) -> httpx.Response:
    return await send(http, "PUT", await detail_taken_in(http), requested("PUT /api/customers/:id"))


async def add_a_contact_verbatim(http: httpx.AsyncClient) -> httpx.Response:
    path = f"{await detail_taken_in(http)}/contacts"
    return await send(http, "POST", path, requested("POST /api/customers/:id/contacts"))


async def change_a_contact_verbatim(http: httpx.AsyncClient) -> httpx.Response:
    route = "PUT /api/customers/:id/contacts/:contact_id"
    return await send(http, "PUT", await contact_taken_in(http), requested(route))


async def remove_a_contact(http: httpx.AsyncClient) -> httpx.Response:
    return await http.delete(await contact_taken_in(http))


Call = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]

BUILT: list[tuple[str, Call, int]] = [
    ("GET /api/customers", list_what_was_created_from_the_documented_item, 200),
    ("GET /api/customers/:id", read_what_was_created_from_the_documented_answer, 200),
    ("POST /api/customers", create_verbatim, 201),
    ("PUT /api/customers/:id", change_verbatim, 200),
    ("POST /api/customers/:id/contacts", add_a_contact_verbatim, 201),
    ("DELETE /api/customers/:id/contacts/:contact_id", remove_a_contact, 200),
]

# As orders and credit build them, with the seed's figures
ORDERS = b"""{"data":[{"id":"so_123","order_number":"SO-2024-001","status":"delivered",
"order_date":"2024-01-15T00:00:00Z","ship_date":"2024-01-16T00:00:00Z","delivery_date":"2024-01-18T00:00:00Z",
"total_amount":299.95,"items_count":3,"shipping_address":{"line1":"456 Customer Blvd","city":"Customer City",
"state":"NY","postal_code":"10001","country":"US"},"currency":"USD","external_ref":"ERP-1001",
"status_reason":null}],
"meta":{"total":75,"page":1,"limit":20,"hasMore":true,"as_of":"2024-01-18T09:00:00Z"}}"""
REPORT = b"""{"customer_id":"cust_456","credit_score":750,"credit_rating":"excellent",
"recommended_credit_limit":15000.00,"current_credit_limit":10000.00,"risk_assessment":"low",
"last_checked":"2024-01-15T23:00:00Z","check_id":"chk_789","status":"completed","model_version":"tcs-1.0.0",
"reason_codes":[{"code":"R06_SHORT_RELATIONSHIP","message":"The customer relationship is short."}],
"factors":[{"name":"payment_history","weight":35,"value":81}],"thin_file":false,"as_of":"2024-01-15"}"""
BOUGHT = b"""{"lifetime_value":45000.00,"total_orders":75,"avg_order_value":600.00,
"last_order_date":"2024-01-15T00:00:00Z","days_since_last_order":5,"total_revenue":45000.00,
"order_history":[{"month":"2024-01","orders":8,"revenue":4800.00,"avg_order_value":600.00},
{"month":"2023-12","orders":6,"revenue":3600.00,"avg_order_value":600.00}],
"top_products":[{"product_id":"prod_123","product_name":"Smart Widget","quantity_ordered":150,
"revenue":7500.00}],"customer_segment":"high_value","segment_version":"segments-1.0.0",
"as_of":"2024-01-15T10:30:00Z"}"""
OWED = b"""{"current_balance":2500.00,"credit_limit":10000.00,"credit_utilization":25.0,"avg_payment_days":12,
"risk_score":"low","model_version":"tcs-1.0.0","as_of":"2024-01-16T00:00:01Z"}"""
WHO = customer_in("GET /api/customers/:id", "", r"\s*\}").replace("{", '{"external_ref": null,', 1).encode()
WITH_A_STUB: list[tuple[str, Mapping[type[Request[Any]], bytes]]] = [
    ("GET /api/customers/:id/orders", {FindOrders: ORDERS}),
    (
        "GET /api/customers/:id/analytics",
        {GetCustomer: WHO, GetOrderAnalytics: BOUGHT, GetCreditAnalytics: OWED},
    ),
    ("POST /api/customers/:id/credit-check", {CheckCredit: REPORT}),
]
WITHOUT_A_DOCUMENTED_RESPONSE = "PUT /api/customers/:id/contacts/:contact_id"


def test_the_seed_documents_ten_routes_and_all_of_them_are_built() -> None:
    tried = {route for route, _, _ in BUILT} | {route for route, _ in WITH_A_STUB}
    assert len(EXAMPLES) == 10
    assert tried | {WITHOUT_A_DOCUMENTED_RESPONSE} == EXAMPLES.keys()
    assert [route for route, example in EXAMPLES.items() if example.response is None] == [
        WITHOUT_A_DOCUMENTED_RESPONSE
    ]


@pytest.mark.integration
@pytest.mark.parametrize(("route", "call", "status"), BUILT, ids=[route for route, _, _ in BUILT])
async def test_a_route_answers_with_every_documented_member_in_its_documented_type(
    in_process: InProcess, route: str, call: Call, status: int
) -> None:
    answer = await call(in_process.http)

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert lacking(shape_of(exact(documented(route))), shape_of(exact(answer.text))) == []


@pytest.mark.parametrize(("route", "answers"), WITH_A_STUB, ids=[row[0] for row in WITH_A_STUB])
async def test_an_answer_of_services_reaches_the_client_with_every_documented_member_and_value(
    route: str, answers: Mapping[type[Request[Any]], bytes]
) -> None:
    for request, answer in answers.items():
        answer_type(request.model_construct()).model_validate_json(answer)
    method, _, path = route.partition(" ")
    bus = Stub(by_contract={request: Answer(answer) for request, answer in answers.items()})
    app = create_app(GatewaySettings(kafka_bootstrap_servers="nowhere:0"), rpc=bus)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower

    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        response = await http.request(method, path.replace(":id", "cust_456"))

    assert response.status_code == 200, response.text
    assert lacking(shape_of(exact(documented(route))), shape_of(exact(response.text))) == []
    assert published.faults_of_response(published.openapi(), response) == []
    assert contains(exact(response.text), exact(documented(route)))


@pytest.mark.integration
async def test_a_contact_changed_as_documented_has_the_documented_members_of_a_new_one(
    in_process: InProcess,
) -> None:
    answer = await change_a_contact_verbatim(in_process.http)

    assert answer.status_code == 200, answer.text
    added = shape_of(exact(documented("POST /api/customers/:id/contacts")))
    assert lacking(added, shape_of(exact(answer.text))) == []
    assert members_of(answer.text).items() >= exact(requested(WITHOUT_A_DOCUMENTED_RESPONSE)).items()


@pytest.mark.integration
async def test_a_contact_is_removed_with_the_documented_words(in_process: InProcess) -> None:
    answer = await remove_a_contact(in_process.http)

    assert answer.json() == exact(documented("DELETE /api/customers/:id/contacts/:contact_id"))


@pytest.mark.integration
async def test_a_minimal_answer_to_the_documented_change_has_exactly_the_documented_members(
    in_process: InProcess,
) -> None:
    path = await detail_taken_in(in_process.http)
    headers = {**JSON, "Prefer": "return=minimal"}

    answer = await in_process.http.put(path, content=requested("PUT /api/customers/:id"), headers=headers)

    expected = documented("PUT /api/customers/:id")
    assert shape_of(exact(answer.text)) == shape_of(exact(expected))
    of_its_own = {"id", "updated_at"}
    told, shown = members_of(expected), members_of(answer.text)
    assert list(shown) == list(told)
    assert {name: shown[name] for name in told.keys() - of_its_own} == {
        name: told[name] for name in told.keys() - of_its_own
    }


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


@pytest.mark.integration
async def test_what_the_seed_changes_is_changed(in_process: InProcess) -> None:
    answer = await change_verbatim(in_process.http)

    assert members_of(answer.text).items() >= exact(requested("PUT /api/customers/:id")).items()


@pytest.mark.integration
async def test_a_contact_that_the_seed_adds_is_the_one_that_was_sent(in_process: InProcess) -> None:
    answer = await add_a_contact_verbatim(in_process.http)

    assert members_of(answer.text).items() >= exact(requested("POST /api/customers/:id/contacts")).items()


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
