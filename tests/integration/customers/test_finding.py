import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.customers.answers import CustomerPage, CustomerSummary
from shared.contracts.customers.requests import SEARCH_DEPTH_MAX
from shared.contracts.pages import COUNTED_MAX, DEPTH_MAX
from shared.messaging import Answer
from tests.support.builders import a_create, a_find, an_erasure, an_import, an_update
from tests.support.shapes import exact
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]

MANY = text(
    "insert into customers (id, version, name, email, billing_address, payment_terms, currency,"
    " credit_limit, discount_rate, customer_since, is_active, created_at, updated_at)"
    " select 'cust_' || lpad(n::text, 8, '0'), 1, 'Bulk ' || n, 'bulk' || n || '@bulk.example',"
    ' \'{"line1":"1 High St","city":"London","country":"GB"}\', \'net_30\', \'USD\', 0, 0, now(),'
    " n % 4 <> 0, timestamptz '2024-01-01' + n / 3 * interval '1 second', now()"
    " from generate_series(1, :count) as n"
)
COUNTED = text(
    "update customer_counts set active = (select count(*) from customers where is_active),"
    " inactive = (select count(*) from customers where not is_active) where slot = 3"
)


async def bulk(engine: AsyncEngine, count: int) -> None:
    """Customers of numbered ids, three of a second each, every fourth inactive."""
    async with engine.begin() as db:
        await db.execute(MANY, {"count": count})
        await db.execute(COUNTED)


async def created(tell: Told, **changes: object) -> str:
    command = a_create(**changes)
    await tell(command)
    return command.customer_id


async def page(ask: Told, **query: object) -> tuple[list[str], dict[str, Any]]:
    """The ids of a page, and its meta."""
    answer = json.loads((await ask(a_find(**query))).body)
    return [item["id"] for item in answer["data"]], answer["meta"]


async def test_an_item_has_exactly_the_members_of_a_summary(tell: Told, ask: Told) -> None:
    command = an_import(external_ref="ERP-7", shipping_address=None)
    await tell(command)

    answer = await ask(a_find())

    (item,) = exact(answer.body)["data"]
    assert list(exact(answer.body)) == list(CustomerPage.model_fields)
    assert list(item) == list(CustomerSummary.model_fields)
    assert CustomerPage.model_validate_json(answer.body).data[0].name == command.name
    assert (item["credit_limit"], item["current_balance"]) == ("5000.00", "0.00")
    assert item["shipping_address"] == item["billing_address"]
    assert (item["external_ref"], item["customer_since"]) == ("ERP-7", "2019-03-01T00:00:00Z")
    for name in ("created_at", "updated_at"):
        assert datetime.strptime(item[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert answer.facts == {}


async def test_nobody_is_an_empty_page(ask: Told) -> None:
    answer = await ask(a_find())

    assert answer.body == b'{"data":[],"meta":{"total":0,"page":1,"limit":20,"hasMore":false}}'


@pytest.mark.parametrize(
    "query",
    [{}, {"is_active": True}, {"search": "corp"}, {"search": "%"}, {"external_ref": "7", "search": "corp"}],
    ids=str,
)
async def test_a_page_is_one_statement(
    tell: Told, ask: Told, engine: AsyncEngine, query: dict[str, object]
) -> None:
    await created(tell)

    with sent_by(engine) as sent:
        await page(ask, **query)

    assert len(sent.statements) == 1


async def test_the_newest_come_first_and_of_one_instant_the_highest_id(
    ask: Told, engine: AsyncEngine
) -> None:
    await bulk(engine, 10)

    ids, meta = await page(ask, limit=4)
    more, _ = await page(ask, limit=4, page=2)
    rest, last = await page(ask, limit=4, page=3)

    assert [*ids, *more, *rest] == [f"cust_{number:08}" for number in range(10, 0, -1)]
    assert meta == {"total": 10, "page": 1, "limit": 4, "hasMore": True}
    assert last == {"total": 10, "page": 3, "limit": 4, "hasMore": False}


async def test_a_full_last_page_is_not_followed_by_another(ask: Told, engine: AsyncEngine) -> None:
    await bulk(engine, 8)

    assert (await page(ask, limit=4, page=2))[1]["hasMore"] is False


async def test_beyond_the_end_there_is_nothing_and_the_total_is_true(ask: Told, engine: AsyncEngine) -> None:
    await bulk(engine, 3)

    assert await page(ask, page=5) == ([], {"total": 3, "page": 5, "limit": 20, "hasMore": False})


@pytest.mark.parametrize(("is_active", "total"), [(True, 8), (False, 2), (None, 10)])
async def test_only_those_that_are_active_or_not_where_that_is_asked(
    ask: Told, engine: AsyncEngine, is_active: bool | None, total: int
) -> None:
    await bulk(engine, 10)

    ids, meta = await page(ask, is_active=is_active)

    wanted = [number for number in range(10, 0, -1) if is_active in (None, number % 4 != 0)]
    assert ids == [f"cust_{number:08}" for number in wanted]
    assert meta["total"] == total == len(wanted)


async def test_the_total_follows_creates_updates_and_erasures(tell: Told, ask: Told) -> None:
    first, second, third = [await created(tell) for _ in range(3)]
    await tell(an_update(first, is_active=False))
    await tell(an_update(second, is_active=False))
    await tell(an_update(second, is_active=True))
    await tell(an_erasure(third))

    totals = [(await page(ask, is_active=each))[1]["total"] for each in (True, False, None)]

    assert totals == [1, 1, 2]


@pytest.mark.parametrize(
    "term",
    [
        "müller",
        "MÜLLER",
        "Müll",
        "ü",
        "LL",
        "& söhne",
        "INFO@",
        "-mail.ex",
        "r gmbh",
        "株式",
        "株式会社",
        "GmbH & S",
    ],
)
async def test_a_part_of_name_or_e_mail_finds_a_customer_whatever_its_case(
    tell: Told, ask: Told, term: str
) -> None:
    wanted = await created(tell, name="Müller GmbH & Söhne 株式会社", email="Info@Mueller-Mail.example")
    await created(tell, name="Schmidt KG", email="post@schmidt.example")

    ids, meta = await page(ask, search=term)

    assert (ids, meta["total"]) == ([wanted], 1)


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("%", "100% Cotton"),
        ("_", "Snake_Case"),
        ("\\", "Back\\Slash"),
        ("0% cot", "100% Cotton"),
        ("ake_ca", "Snake_Case"),
        ("ack\\sla", "Back\\Slash"),
        ("'", "O'Neill"),
    ],
)
async def test_what_has_a_meaning_in_patterns_is_searched_for_as_it_stands(
    tell: Told, ask: Told, term: str, name: str
) -> None:
    names = ["100% Cotton", "Snake_Case", "Back\\Slash", "O'Neill", "Plain1000cotton", "SnakeXCase"]
    ids_by_name = {each: await created(tell, name=each, email="plain@mail.example") for each in names}

    ids, meta = await page(ask, search=term)

    assert (ids, meta["total"]) == ([ids_by_name[name]], 1)


async def test_a_search_never_runs_from_the_name_into_the_e_mail(tell: Told, ask: Told) -> None:
    await created(tell, name="Acme", email="info@acme.example")

    for term in ("acmeinfo", "acme info", "einfo"):
        assert (await page(ask, search=term))[0] == []


@pytest.mark.parametrize(
    "members", [{"phone": "+49 30 9999999"}, {"notes": "findable"}, {"tax_id": "DE99999"}]
)
async def test_nothing_but_name_and_e_mail_is_searched(
    tell: Told, ask: Told, members: dict[str, object]
) -> None:
    await created(tell, **members)

    (value,) = members.values()
    assert (await page(ask, search=value))[0] == []


async def test_a_search_finds_what_an_update_made_of_a_name(tell: Told, ask: Told) -> None:
    customer_id = await created(tell, name="Before Ltd")
    await tell(an_update(customer_id, name="After Ltd"))

    assert (await page(ask, search="before"))[0] == []
    assert (await page(ask, search="after"))[0] == [customer_id]


async def test_all_conditions_are_to_be_met(tell: Told, ask: Told) -> None:
    wanted = json.loads((await tell(an_import(external_ref="7", name="Acme"), source="/erp")).body)
    await tell(an_import(external_ref="7", name="Acme", is_active=False), source="/crm")
    await tell(an_import(external_ref="7", name="Other"), source="/old")
    await tell(an_import(external_ref="8", name="Acme"))

    ids, meta = await page(ask, external_ref="7", search="acm", is_active=True)

    assert ids == [wanted["customer_id"]]
    assert meta == {"total": 1, "page": 1, "limit": 20, "hasMore": False}


@pytest.mark.parametrize("term", ["bulk", "k"])
async def test_exactly_as_many_as_are_counted_are_no_more(ask: Told, engine: AsyncEngine, term: str) -> None:
    await bulk(engine, COUNTED_MAX)

    _, meta = await page(ask, search=term)
    _, last = await page(ask, search=term, page=SEARCH_DEPTH_MAX // 20)

    assert meta == {"total": COUNTED_MAX, "page": 1, "limit": 20, "hasMore": True}
    assert last["hasMore"] is False


@pytest.mark.parametrize("term", ["bulk", "k"])
async def test_more_than_are_counted_are_said_to_be_more(ask: Told, engine: AsyncEngine, term: str) -> None:
    await bulk(engine, COUNTED_MAX + 1)

    _, meta = await page(ask, search=term)
    before_last, _ = await page(ask, search=term, page=SEARCH_DEPTH_MAX // 20 - 1)
    ids, last = await page(ask, search=term, page=SEARCH_DEPTH_MAX // 20)

    capped = {"total": COUNTED_MAX, "limit": 20, "total_is_capped": True}
    assert meta == {**capped, "page": 1, "hasMore": True}
    assert ids == [f"cust_{number:08}" for number in range(21, 1, -1)]
    assert last == {**capped, "page": SEARCH_DEPTH_MAX // 20, "hasMore": False}  # none may be asked for
    assert len(before_last) == 20


async def test_a_capped_total_does_not_promise_a_page_that_is_not_there(
    ask: Told, engine: AsyncEngine
) -> None:
    await bulk(engine, COUNTED_MAX + 1)
    async with engine.begin() as db:
        await db.execute(text("update customers set external_ref = 'same'"))

    _, before = await page(ask, external_ref="same", limit=100, page=100)
    ids, last = await page(ask, external_ref="same", limit=100, page=101)

    assert (before["hasMore"], before["total_is_capped"]) == (True, True)
    assert (len(ids), last["hasMore"], last["total"]) == (1, False, COUNTED_MAX)


async def test_a_total_that_is_kept_is_exact_however_many_there_are(ask: Told, engine: AsyncEngine) -> None:
    await bulk(engine, COUNTED_MAX + 40)

    assert (await page(ask))[1] == {"total": COUNTED_MAX + 40, "page": 1, "limit": 20, "hasMore": True}
    assert (await page(ask, is_active=False))[1]["total"] == (COUNTED_MAX + 40) // 4


async def test_the_last_page_that_may_be_asked_for_is_not_followed(ask: Told, engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await db.execute(text("update customer_counts set active = 2000000 where slot = 0"))

    _, last = await page(ask, limit=100, page=DEPTH_MAX // 100)
    _, before = await page(ask, limit=100, page=DEPTH_MAX // 100 - 1)

    assert (before["hasMore"], last["hasMore"]) == (True, False)


@pytest.fixture
async def analysed(owner_engine: AsyncEngine, engine: AsyncEngine) -> None:
    await bulk(engine, 20_000)
    async with owner_engine.connect() as db:
        vacuumed = await db.execution_options(isolation_level="AUTOCOMMIT")
        await vacuumed.execute(text("vacuum analyze customers"))


@pytest.mark.usefixtures("analysed")
@pytest.mark.parametrize(
    ("query", "step"),
    [
        ({}, "Index Only Scan Backward using ix_customers_created_at_id"),
        ({"is_active": True}, "Index Only Scan Backward using ix_customers_is_active_created_at_id"),
        ({"search": "bulk 12345"}, "Bitmap Index Scan on ix_customers_search_text"),
        ({"external_ref": "7"}, "ix_customers_external_ref"),
    ],
    ids=str,
)
async def test_a_page_is_found_by_the_index_for_it_whatever_the_values(
    ask: Told, engine: AsyncEngine, query: dict[str, object], step: str
) -> None:
    with sent_by(engine) as sent:
        await page(ask, **query)

    for_any_values = re.sub(r"\$\d+::(\w+)", r"(select null::\1)", sent.statements[0])
    async with engine.connect() as db:
        explained = await db.exec_driver_sql(f"explain {for_any_values}")
        plan = "\n".join(explained.scalars())
    assert step in plan
