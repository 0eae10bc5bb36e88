import asyncio
import json
from uuid import uuid4

import pytest

from tests.e2e.support import assert_problem, created
from tests.support.builders import a_contact_body, a_customer_body, a_customer_id, an_address
from tests.support.system import ApplicationUnderTest


def a_key() -> dict[str, str]:
    return {"Idempotency-Key": f'"{uuid4()}"'}


async def test_a_created_customer_is_read_back_as_it_was_answered(app: ApplicationUnderTest) -> None:
    answer = await created(app, contacts=[a_contact_body()], credit_limit=5000, notes="Pays on Fridays.")

    read = await app.http.get(answer.headers["Location"])

    assert read.status_code == 200
    assert read.content == answer.content
    assert read.headers["ETag"] == answer.headers["ETag"]
    assert answer.headers["Location"] == f"/api/customers/{answer.json()['data']['id']}"


async def test_what_was_not_sent_has_its_documented_default(app: ApplicationUnderTest) -> None:
    customer = (await created(app)).json()["data"]

    assert customer["shipping_address"] == customer["billing_address"] == an_address()
    assert (customer["payment_terms"], customer["currency"]) == ("net_30", "USD")
    assert (customer["is_active"], customer["contacts"], customer["total_orders"]) == (True, [], 0)
    assert customer["customer_since"] == customer["created_at"] == customer["updated_at"]
    nulls = ("phone", "fax", "website", "tax_id", "preferred_shipping", "notes", "external_ref")
    assert {name: customer[name] for name in nulls} == dict.fromkeys(nulls)


@pytest.mark.parametrize(
    ("sent", "shown"), [("0", "0.00"), ("1e2", "100.00"), ("9999999999.99", "9999999999.99")]
)
async def test_money_keeps_every_cent_and_has_two_decimals(
    app: ApplicationUnderTest, sent: str, shown: str
) -> None:
    body = json.dumps(a_customer_body(credit_limit="SENT")).replace('"SENT"', sent)

    answer = await app.http.post("/api/customers", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 201, answer.text
    assert f'"credit_limit":{shown},' in answer.text


async def test_text_of_any_script_comes_back_as_it_was_sent(app: ApplicationUnderTest) -> None:
    name = 'Zażółć 株式会社 "Ω" \\ 🚚'
    answer = await created(app, name=name, contacts=[a_contact_body(name=name)])

    customer = (await app.http.get(answer.headers["Location"])).json()["data"]

    assert customer["name"] == customer["contacts"][0]["name"] == name


async def test_the_first_contact_is_primary_where_none_asks_to_be(app: ApplicationUnderTest) -> None:
    contacts = [a_contact_body(name=name) for name in ("Ada", "Bob", "Cy")]

    customer = (await created(app, contacts=contacts)).json()["data"]

    shown = [(contact["name"], contact["is_primary"]) for contact in customer["contacts"]]
    assert shown == [("Ada", True), ("Bob", False), ("Cy", False)]


async def test_head_has_the_headers_of_get_and_no_body(app: ApplicationUnderTest) -> None:
    location = (await created(app)).headers["Location"]

    head, get = await app.http.head(location), await app.http.get(location)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


async def test_a_client_that_has_the_customer_already_is_told_so(app: ApplicationUnderTest) -> None:
    answer = await created(app)

    known = await app.http.get(answer.headers["Location"], headers={"If-None-Match": answer.headers["ETag"]})
    other = await app.http.get(answer.headers["Location"], headers={"If-None-Match": '"c0-p0"'})

    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["ETag"] == answer.headers["ETag"]
    assert other.status_code == 200


async def test_one_key_makes_one_customer_and_repeats_get_its_answer(app: ApplicationUnderTest) -> None:
    key, body = a_key(), a_customer_body(contacts=[a_contact_body()])

    first = await app.http.post("/api/customers", json=body, headers=key)
    repeat = await app.http.post("/api/customers", json=body, headers=key)

    assert (first.status_code, repeat.status_code) == (201, 201)
    assert repeat.content == first.content
    for name in ("Location", "ETag"):
        assert repeat.headers[name] == first.headers[name]
    assert "Idempotency-Replayed" not in first.headers
    assert repeat.headers["Idempotency-Replayed"] == "true"


async def test_a_key_used_again_with_another_body_is_refused(app: ApplicationUnderTest) -> None:
    key = a_key()
    first = await app.http.post("/api/customers", json=a_customer_body(), headers=key)

    other = await app.http.post("/api/customers", json=a_customer_body(name="Another"), headers=key)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    kept = await app.http.get(first.headers["Location"])
    assert kept.content == first.content


async def test_without_a_key_the_same_body_makes_another_customer(app: ApplicationUnderTest) -> None:
    first, second = await created(app), await created(app)

    assert first.headers["Location"] != second.headers["Location"]


async def test_duplicates_of_one_key_at_once_make_one_customer(app: ApplicationUnderTest) -> None:
    key, body = a_key(), a_customer_body(contacts=[a_contact_body()])

    answers = await asyncio.gather(
        *(app.http.post("/api/customers", json=body, headers=key) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize(
    "customer_id", ["cust_0000000000000000000000000a", "cust_nobody", "cust_", "nobody", "cust_%00", "%22"]
)
async def test_a_customer_that_is_not_there_is_not_found(app: ApplicationUnderTest, customer_id: str) -> None:
    answer = await app.http.get(f"/api/customers/{customer_id}")

    assert_problem(answer, 404, "customer_not_found")


async def test_everything_that_is_wrong_with_a_body_is_told_at_once(app: ApplicationUnderTest) -> None:
    body = a_customer_body(
        name="   ",
        email="nobody",
        billing_address=an_address(country="ZZ", city=...),
        contacts=[a_contact_body(phone="call me"), a_contact_body(name=None)],
        credit_limit="12.30",
        discount_rate=100.001,
        payment_terms="net_31",
        is_active="yes",
        colour="blue",
    )

    answer = await app.http.post("/api/customers", json=body)

    assert_problem(answer, 422, "validation_error")
    assert {error["pointer"]: error["code"] for error in answer.json()["errors"]} == {
        "#/name": "too_short",
        "#/email": "invalid_email",
        "#/billing_address/country": "invalid_country",
        "#/billing_address/city": "required",
        "#/contacts/0/phone": "invalid_phone",
        "#/contacts/1/name": "null_not_allowed",
        "#/credit_limit": "invalid_number",
        "#/discount_rate": "out_of_range",
        "#/payment_terms": "unknown_value",
        "#/is_active": "invalid_type",
        "#/colour": "unknown_member",
    }


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b'{"name": ', {}, 400, "malformed_json"),
        (b"", {}, 400, "malformed_json"),
        (b'{"name": "\\ud800"}', {}, 400, "malformed_json"),
        (b'{"name": "a", "name": "b"}', {}, 400, "duplicate_member"),
        (b"[]", {}, 422, "validation_error"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"Accept": "text/html"}, 406, "not_acceptable"),
        (b"{}", {"Idempotency-Key": '"'}, 400, "invalid_header"),
        (b" " * 65_537, {}, 413, "payload_too_large"),
    ],
)
async def test_a_request_that_cannot_be_read_is_refused_with_its_reason(
    app: ApplicationUnderTest, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {"Content-Type": "application/json", **headers}

    answer = await app.http.post("/api/customers", content=content, headers=sent)

    assert_problem(answer, status, code)


@pytest.mark.parametrize("path", ["/", "/api", "/api/customer", "/api/customers/cust_1/nothing", "/docs"])
async def test_a_path_that_leads_nowhere_is_a_problem(app: ApplicationUnderTest, path: str) -> None:
    assert_problem(await app.http.get(path), 404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/customers/cust_456", {"GET", "HEAD", "OPTIONS", "PUT"}),
        ("PATCH", "/api/customers/cust_456", {"GET", "HEAD", "OPTIONS", "PUT"}),
        ("DELETE", "/api/customers", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", "/api/customers/cust_456/contacts", {"OPTIONS", "POST"}),
        ("PATCH", "/api/customers/cust_456/contacts/cont_101", {"DELETE", "OPTIONS", "PUT"}),
    ],
)
async def test_a_method_that_a_path_does_not_know_is_told_those_it_knows(
    app: ApplicationUnderTest, method: str, path: str, allowed: set[str]
) -> None:
    answer = await app.http.request(method, path)

    assert_problem(answer, 405, "method_not_allowed")
    assert allowed == set(answer.headers["Allow"].split(", "))


async def test_an_unknown_query_parameter_is_refused(app: ApplicationUnderTest) -> None:
    answer = await app.http.get(f"/api/customers/{a_customer_id()}", params={"expand": "orders"})

    assert_problem(answer, 400, "invalid_parameter")
    assert answer.json()["errors"][0]["parameter"] == "expand"


async def test_the_request_id_of_the_client_comes_back(app: ApplicationUnderTest) -> None:
    request_id = str(uuid4())

    answer = await app.http.get("/api/customers/cust_nobody", headers={"X-Request-Id": request_id})

    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == request_id


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_system_that_serves_says_so(app: ApplicationUnderTest, path: str) -> None:
    answer = await app.http.get(path)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
