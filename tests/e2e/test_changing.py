import asyncio

import pytest

from tests.e2e.support import (
    EVENTS,
    STATE,
    a_customer,
    assert_problem,
    created,
    data,
    keyed,
    pointers,
    said,
)
from tests.support.builders import a_contact_body, an_address
from tests.support.system import ApplicationUnderTest

MINIMAL = {"Prefer": "return=minimal"}


async def test_what_is_given_changes_and_what_is_absent_stays(app: ApplicationUnderTest) -> None:
    answer = await created(app, phone="+1-555-0999", contacts=[a_contact_body()], credit_limit=5000)
    location, before = answer.headers["Location"], data(answer)

    changed = await app.http.put(location, json={"name": "New name", "credit_limit": 7500.5})

    assert changed.status_code == 200
    after = data(changed)
    assert '"credit_limit":7500.50,' in changed.text
    different = {name for name in before if before[name] != after[name]}
    assert {"name", "credit_limit"} <= different <= {"name", "credit_limit", "updated_at"}
    assert after["name"] == "New name"
    read = await app.http.get(location)
    assert read.content == changed.content
    assert read.headers["ETag"] == changed.headers["ETag"] != answer.headers["ETag"]


async def test_a_client_is_told_of_a_change_by_its_tag(app: ApplicationUnderTest) -> None:
    answer = await created(app)
    location, old = answer.headers["Location"], answer.headers["ETag"]
    new = (await app.http.put(location, json={"name": "New"})).headers["ETag"]

    assert (await app.http.get(location, headers={"If-None-Match": old})).status_code == 200
    assert (await app.http.get(location, headers={"If-None-Match": new})).status_code == 304


async def test_null_clears_what_can_be_cleared(app: ApplicationUnderTest) -> None:
    answer = await created(
        app,
        phone="+1-555-0999",
        fax="+1-555-0998",
        website="https://newcustomer.example",
        tax_id="12-9876543",
        shipping_address=an_address(line1="456 Warehouse Ave"),
        preferred_shipping="UPS_GROUND",
        notes="Pays on Fridays.",
    )
    nulls = ("phone", "fax", "website", "tax_id", "preferred_shipping", "notes")

    cleared = data(
        await app.http.put(answer.headers["Location"], json=dict.fromkeys([*nulls, "shipping_address"]))
    )

    assert {name: cleared[name] for name in nulls} == dict.fromkeys(nulls)
    assert cleared["shipping_address"] == cleared["billing_address"] == an_address()


async def test_an_address_is_replaced_whole(app: ApplicationUnderTest) -> None:
    answer = await created(app, billing_address=an_address(line2="Floor 3"))
    moved = {"line1": "1 Rue de Rivoli", "city": "Paris", "country": "FR"}

    changed = data(await app.http.put(answer.headers["Location"], json={"billing_address": moved}))

    assert changed["billing_address"] == changed["shipping_address"] == moved


async def test_what_was_read_can_be_sent_back_and_changes_nothing(app: ApplicationUnderTest) -> None:
    answer = await created(app, contacts=[a_contact_body()], credit_limit=5000, discount_rate=2.5)
    location, customer = answer.headers["Location"], data(answer)

    for body in ({}, customer):
        repeated = await app.http.put(location, json=body)
        assert (repeated.status_code, repeated.content) == (200, answer.content)
        assert repeated.headers["ETag"] == answer.headers["ETag"]

    await app.http.put(location, json={"name": "The next to be said"})
    assert len(await said(app, customer["id"], count=2)) == 2


async def test_a_shipping_address_sent_back_as_it_was_shown_still_follows_the_billing_address(
    app: ApplicationUnderTest,
) -> None:
    answer = await created(app)
    location, customer = answer.headers["Location"], data(answer)
    moved = an_address(line1="1 Other St")

    await app.http.put(location, json={"shipping_address": customer["shipping_address"]})
    changed = data(await app.http.put(location, json={"billing_address": moved}))

    assert changed["billing_address"] == changed["shipping_address"] == moved


async def test_changes_of_different_members_at_once_all_last(app: ApplicationUnderTest) -> None:
    location = (await created(app)).headers["Location"]
    changes = [
        {"name": "New name"},
        {"email": "new@newcustomer.example"},
        {"credit_limit": 15000},
        {"notes": "Pays on Mondays."},
        {"is_active": False},
        {"phone": "+1-555-0999"},
    ]

    answers = await asyncio.gather(*(app.http.put(location, json=change) for change in changes))

    assert {answer.status_code for answer in answers} == {200}
    customer = data(await app.http.get(location))
    for change in changes:
        assert change.items() <= customer.items()


async def test_a_change_may_be_meant_for_one_version_alone(app: ApplicationUnderTest) -> None:
    answer = await created(app)
    location, first = answer.headers["Location"], answer.headers["ETag"]

    second = await app.http.put(location, json={"name": "Second"}, headers={"If-Match": first})
    late = await app.http.put(location, json={"name": "Late"}, headers={"If-Match": first})

    assert second.status_code == 200
    assert_problem(late, 412, "precondition_failed")
    assert (await app.http.get(location)).content == second.content
    either = f"{first}, {second.headers['ETag']}"
    for tags in (either, "*"):
        assert (await app.http.put(location, json={}, headers={"If-Match": tags})).status_code == 200
    for tags in (f"W/{second.headers['ETag']}", '"theirs"'):
        answer = await app.http.put(location, json={}, headers={"If-Match": tags})
        assert_problem(answer, 412, "precondition_failed")


async def test_of_changes_meant_for_the_same_version_one_is_made(app: ApplicationUnderTest) -> None:
    answer = await created(app)
    tag = {"If-Match": answer.headers["ETag"]}

    answers = await asyncio.gather(
        *(
            app.http.put(answer.headers["Location"], json={"name": f"Name {number}"}, headers=tag)
            for number in range(5)
        )
    )

    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412, 412]


async def test_a_minimal_answer_shows_the_change_alone(app: ApplicationUnderTest) -> None:
    answer = await created(app, credit_limit=5000)
    location = answer.headers["Location"]
    change = {"is_active": True, "discount_rate": 7.5, "credit_limit": 15000.00, "name": "New name"}

    minimal = await app.http.put(location, json=change, headers=MINIMAL)

    shown = data(minimal)
    assert list(shown) == ["id", "name", "credit_limit", "discount_rate", "updated_at"]
    assert '"credit_limit":15000.00,"discount_rate":7.5,' in minimal.text
    assert minimal.headers["Preference-Applied"] == "return=minimal"
    read = await app.http.get(location)
    assert shown.items() <= data(read).items()
    assert minimal.headers["ETag"] == read.headers["ETag"]
    unchanged = data(await app.http.put(location, json=change, headers=MINIMAL))
    assert unchanged == {"id": shown["id"], "updated_at": shown["updated_at"]}


async def test_a_currency_is_for_good(app: ApplicationUnderTest) -> None:
    location = (await created(app, currency="EUR")).headers["Location"]

    assert (await app.http.put(location, json={"currency": "EUR"})).status_code == 200
    assert_problem(await app.http.put(location, json={"currency": "USD"}), 409, "currency_locked")
    assert pointers(await app.http.put(location, json={"currency": "KWD"})) == {
        "#/currency": "invalid_currency"
    }


async def test_contacts_are_not_changed_by_the_way(app: ApplicationUnderTest) -> None:
    answer = await created(app, contacts=[a_contact_body()])
    location, (contact,) = answer.headers["Location"], data(answer)["contacts"]

    for contacts in ([], [contact, contact], [{**contact, "name": "Other"}], [a_contact_body()]):
        refused = await app.http.put(location, json={"name": "New", "contacts": contacts})
        assert pointers(refused) == {"#/contacts": "contacts_have_routes_of_their_own"}

    assert (await app.http.get(location)).content == answer.content


async def test_everything_that_is_wrong_with_a_change_is_told_at_once(app: ApplicationUnderTest) -> None:
    location = (await created(app)).headers["Location"]
    body = {
        "name": None,
        "email": "nobody",
        "billing_address": {"city": None},
        "contacts": "none",
        "credit_limit": "12.30",
        "colour": "blue",
        "total_orders": "ignored",
    }

    assert pointers(await app.http.put(location, json=body)) == {
        "#/name": "null_not_allowed",
        "#/email": "invalid_email",
        "#/billing_address/line1": "required",
        "#/billing_address/city": "null_not_allowed",
        "#/billing_address/country": "required",
        "#/contacts": "contacts_have_routes_of_their_own",
        "#/credit_limit": "invalid_number",
        "#/colour": "unknown_member",
    }


@pytest.mark.parametrize("customer_id", ["cust_0000000000000000000000000a", "nobody"])
async def test_a_customer_that_is_not_there_cannot_be_changed(
    app: ApplicationUnderTest, customer_id: str
) -> None:
    for headers in ({}, {"If-Match": '"c1-p0"'}):
        answer = await app.http.put(f"/api/customers/{customer_id}", json={"name": "New"}, headers=headers)
        assert_problem(answer, 404, "customer_not_found")


async def test_a_change_is_said_with_the_names_of_what_changed(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, credit_limit=5000)
    path = f"/api/customers/{customer['id']}"

    await app.http.put(path, json={"name": "New name", "notes": "Pays late.", "payment_terms": "net_15"})

    _, updated = await said(app, customer["id"], count=2)
    assert updated.header["ce_type"] == "customer.updated.v1"
    assert sorted(updated.json["changed"]) == ["name", "notes", "payment_terms"]
    assert updated.json["payment_terms"] == "net_15"
    assert "New name" not in (updated.value or b"").decode()


async def test_whoever_follows_is_told_of_limits_and_of_coming_and_going(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, credit_limit=5000)
    path = f"/api/customers/{customer['id']}"

    await app.http.put(path, json={"credit_limit": 7500})
    await app.http.put(path, json={"is_active": False})
    await app.http.put(path, json={"is_active": True})
    await eventually_active(app, customer["id"])

    events = await keyed(app, EVENTS, customer["id"])
    by_type = {event.header["ce_type"]: event for event in events}
    limit = by_type["customer.credit_limit_changed.v1"].json
    assert (limit["old"], limit["new"], limit["changed_by"]) == ("5000.00", "7500.00", "anonymous")
    assert {"customer.deactivated.v1", "customer.reactivated.v1"} <= by_type.keys()
    versions = [event.json["version"] for event in events]
    assert versions == list(range(1, len(events) + 1))
    assert [int(event.header["ce_sequence"]) for event in events] == versions


async def eventually_active(app: ApplicationUnderTest, customer_id: str) -> None:
    states = await said(app, customer_id, count=4, topic=STATE)
    assert [state.json["is_active"] for state in states] == [True, True, False, True]


async def test_a_changed_customer_is_whole_on_the_compacted_topic(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app)

    answer = await app.http.put(
        f"/api/customers/{customer['id']}", json={"name": "New name", "credit_limit": 12.3}
    )

    *_, state = await said(app, customer["id"], count=2, topic=STATE)
    assert (state.json["name"], state.json["credit_limit"]) == ("New name", "12.30")
    assert state.json["email"] == customer["email"]
    assert answer.headers["ETag"].startswith(f'"c{state.json["version"]}-')
