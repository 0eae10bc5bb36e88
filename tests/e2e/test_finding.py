from uuid import uuid4

import httpx
import pytest

from tests.e2e.support import a_customer, assert_problem, created, data
from tests.support.builders import Body, a_contact_body, an_address
from tests.support.system import ApplicationUnderTest

LISTED = [
    *("id", "name", "email", "phone", "website", "billing_address", "shipping_address", "payment_terms"),
    *("currency", "credit_limit", "current_balance", "customer_since", "is_active", "created_at"),
    *("updated_at", "external_ref"),
]


def a_word() -> str:
    """One that no other test has in a name."""
    return f"w{uuid4().hex}"


async def found(app: ApplicationUnderTest, **parameters: object) -> httpx.Response:
    answer = await app.http.get("/api/customers", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer


def names(answer: httpx.Response) -> list[str]:
    return [customer["name"] for customer in data(answer)]


async def test_a_listed_customer_is_the_detail_without_its_people_and_notes(
    app: ApplicationUnderTest,
) -> None:
    word = a_word()
    customer = await a_customer(
        app,
        name=f"Customer {word}",
        website="https://customerxyz.com",
        billing_address=an_address(line2="Floor 3"),
        contacts=[a_contact_body()],
        credit_limit=10000,
        notes="Pays on Fridays.",
    )

    answer = await found(app, search=word)

    (listed,) = data(answer)
    assert list(listed) == LISTED
    assert listed == {name: customer[name] for name in LISTED}
    assert '"credit_limit":10000.00,' in answer.text
    assert answer.json()["meta"] == {"total": 1, "page": 1, "limit": 20, "hasMore": False}
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "ETag" not in answer.headers


async def test_a_search_finds_parts_of_names_and_addresses_whatever_the_case(
    app: ApplicationUnderTest,
) -> None:
    word = a_word()
    await created(app, name=f"By name {word.upper()} Inc.")
    await created(app, name="By e-mail", email=f"orders@{word}.example")
    await created(app, name="Not at all", contacts=[a_contact_body(name=word)], notes=word)

    for searched in (word, f"  {word.upper()} ", word[1:20]):
        assert names(await found(app, search=searched)) == ["By e-mail", f"By name {word.upper()} Inc."]
    assert names(await found(app, search=word + "x")) == []


async def test_what_means_something_to_a_database_is_searched_for_as_it_is(app: ApplicationUnderTest) -> None:
    word = a_word()
    special = ["50%", "a_b", "back\\slash", "quote'"]
    for text in special:
        await created(app, name=f"{word} {text} end")
    await created(app, name=f"{word} 50 axb end")

    for text in special:
        assert names(await found(app, search=f"{word} {text} e")) == [f"{word} {text} end"]


async def test_a_list_may_be_of_the_active_or_of_the_others(app: ApplicationUnderTest) -> None:
    word = a_word()
    await created(app, name=f"on {word}")
    await created(app, name=f"off {word}", is_active=False)

    assert names(await found(app, search=word)) == [f"off {word}", f"on {word}"]
    assert names(await found(app, search=word, is_active="TRUE")) == [f"on {word}"]
    assert names(await found(app, search=word, is_active="false")) == [f"off {word}"]


async def test_pages_go_from_the_newest_to_the_oldest_without_a_gap(app: ApplicationUnderTest) -> None:
    word = a_word()
    for number in range(5):
        await created(app, name=f"{word} {number}")

    pages = [await found(app, search=word, limit=2, page=page) for page in (1, 2, 3, 4)]

    assert [[name[-1] for name in names(page)] for page in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    metas: list[Body] = [page.json()["meta"] for page in pages]
    assert [meta["hasMore"] for meta in metas] == [True, True, False, False]
    assert [(meta["total"], meta["page"], meta["limit"]) for meta in metas] == [
        (5, page, 2) for page in (1, 2, 3, 4)
    ]


async def test_without_a_search_all_customers_are_counted(app: ApplicationUnderTest) -> None:
    await created(app)
    await created(app, is_active=False)

    # others make and erase customers meanwhile, so these two are all that is known
    first, inactive = await found(app, limit=1), await found(app, limit=1, is_active=False)
    beyond = await found(app, limit=100, page=10_000)

    assert first.json()["meta"]["total"] >= 2
    assert inactive.json()["meta"]["total"] >= 1
    assert (len(data(first)), len(data(inactive)), data(inactive)[0]["is_active"]) == (1, 1, False)
    assert beyond.json()["meta"]["total"] >= 2
    assert (data(beyond), beyond.json()["meta"]["hasMore"]) == ([], False)


async def test_head_has_the_headers_of_get_and_no_body(app: ApplicationUnderTest) -> None:
    word = a_word()
    await created(app, name=word)

    head, get = [
        await app.http.request(method, f"/api/customers?search={word}") for method in ("HEAD", "GET")
    ]

    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


async def test_a_changed_name_is_found_and_the_old_one_is_not(app: ApplicationUnderTest) -> None:
    old, new = a_word(), a_word()
    location = (await created(app, name=old)).headers["Location"]

    data(await app.http.put(location, json={"name": new}))

    assert names(await found(app, search=old)) == []
    assert names(await found(app, search=new)) == [new]


@pytest.mark.parametrize("path", ["/api/customers", "/api/customers/"])
async def test_all_parameters_that_are_wrong_are_told_at_once(app: ApplicationUnderTest, path: str) -> None:
    query = "is_active=yes&limit=101&page=0&external_ref=a%20b&sort=name&search=a&search=b"

    answer = await app.http.get(f"{path}?{query}")

    assert_problem(answer, 400, "invalid_parameter")
    assert {error["parameter"]: error["code"] for error in answer.json()["errors"]} == {
        "is_active": "invalid_boolean",
        "limit": "out_of_range",
        "page": "out_of_range",
        "external_ref": "invalid_format",
        "sort": "unknown_parameter",
        "search": "repeated_parameter",
    }


@pytest.mark.parametrize("query", ["page=10001&limit=100", "page=501&search=x"])
async def test_a_page_too_deep_to_be_asked_for_is_refused(app: ApplicationUnderTest, query: str) -> None:
    answer = await app.http.get(f"/api/customers?{query}")

    assert_problem(answer, 400, "invalid_parameter")
    assert [error["parameter"] for error in answer.json()["errors"]] == ["page"]
