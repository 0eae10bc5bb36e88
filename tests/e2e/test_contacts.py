import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.e2e.support import (
    STATE,
    a_customer,
    assert_problem,
    created,
    data,
    keyed,
    pointers,
    said,
)
from tests.support.builders import Body, a_contact_body
from tests.support.system import ApplicationUnderTest

EMBEDDED = ["id", "name", "title", "email", "phone", "is_primary"]
ALONE = [*EMBEDDED, "customer_id", "created_at", "updated_at"]
REMOVED = {"data": {"message": "Contact successfully removed"}}


async def a_path(app: ApplicationUnderTest, *people: str) -> str:
    """The path of a customer with contacts of these names; the first of them is primary."""
    answer = await created(app, contacts=[a_contact_body(name=name) for name in people])
    return str(answer.headers["Location"])


async def people_at(app: ApplicationUnderTest, path: str) -> list[Body]:
    contacts: list[Body] = data(await app.http.get(path))["contacts"]
    return contacts


async def primaries(app: ApplicationUnderTest, path: str) -> dict[str, bool]:
    """Who is there, oldest first, and whether it is primary."""
    return {contact["name"]: contact["is_primary"] for contact in await people_at(app, path)}


async def added(app: ApplicationUnderTest, path: str, **changes: object) -> httpx.Response:
    answer = await app.http.post(f"{path}/contacts", json=a_contact_body(**changes))
    assert answer.status_code == 201, answer.text
    return answer


async def contact_path(app: ApplicationUnderTest, path: str, name: str) -> str:
    (contact,) = [each for each in await people_at(app, path) if each["name"] == name]
    return f"{path}/contacts/{contact['id']}"


async def test_an_added_contact_is_answered_alone_and_shown_with_the_customer(
    app: ApplicationUnderTest,
) -> None:
    before = await created(app)
    path = before.headers["Location"]

    answer = await added(app, path)

    contact = data(answer)
    assert list(contact) == ALONE
    assert contact.items() >= a_contact_body().items()
    assert path == f"/api/customers/{contact['customer_id']}"
    assert answer.headers["Location"] == f"{path}/contacts/{contact['id']}"
    assert contact["created_at"] == contact["updated_at"]
    assert "ETag" not in answer.headers
    after = await app.http.get(path)
    assert data(after)["contacts"] == [{name: contact[name] for name in EMBEDDED}]
    assert after.headers["ETag"] != before.headers["ETag"]


async def test_what_is_not_known_of_a_contact_is_null(app: ApplicationUnderTest) -> None:
    contact = data(await app.http.post(f"{await a_path(app)}/contacts", json={"name": "Ada"}))

    assert (contact["title"], contact["email"], contact["phone"]) == (None, None, None)


@pytest.mark.parametrize("is_primary", [True, False])
async def test_the_first_contact_is_primary_whatever_was_sent(
    app: ApplicationUnderTest, is_primary: bool
) -> None:
    path = await a_path(app)

    contact = data(await added(app, path, name="Ada", is_primary=is_primary))

    assert contact["is_primary"] is True
    assert await primaries(app, path) == {"Ada": True}


async def test_a_new_primary_contact_takes_it_from_the_old_one(app: ApplicationUnderTest) -> None:
    path = await a_path(app, "Ada", "Bob")

    await added(app, path, name="Cy", is_primary=False)
    assert await primaries(app, path) == {"Ada": True, "Bob": False, "Cy": False}
    await added(app, path, name="Di", is_primary=True)
    assert await primaries(app, path) == {"Ada": False, "Bob": False, "Cy": False, "Di": True}
    await app.http.put(await contact_path(app, path, "Bob"), json={"is_primary": True})
    assert await primaries(app, path) == {"Ada": False, "Bob": True, "Cy": False, "Di": False}


async def test_the_primary_contact_cannot_just_cease_to_be_it(app: ApplicationUnderTest) -> None:
    path = await a_path(app, "Ada", "Bob")

    refused = await app.http.put(await contact_path(app, path, "Ada"), json={"is_primary": False})
    granted = await app.http.put(await contact_path(app, path, "Bob"), json={"is_primary": False})

    assert_problem(refused, 409, "primary_contact_required")
    assert granted.status_code == 200
    assert await primaries(app, path) == {"Ada": True, "Bob": False}


async def test_where_the_primary_contact_goes_the_oldest_follows(app: ApplicationUnderTest) -> None:
    path = await a_path(app, "Ada", "Bob", "Cy")

    for left in ({"Bob": True, "Cy": False}, {"Cy": True}, {}):
        oldest = (await people_at(app, path))[0]
        answer = await app.http.delete(f"{path}/contacts/{oldest['id']}")
        assert (answer.status_code, answer.json()) == (200, REMOVED)
        assert await primaries(app, path) == left


async def test_a_contact_that_is_removed_is_removed_once(app: ApplicationUnderTest) -> None:
    path = await a_path(app, "Ada", "Bob")
    contact = await contact_path(app, path, "Bob")

    first = await app.http.delete(contact)
    again = [await app.http.delete(contact), await app.http.put(contact, json={"title": "Chief"})]

    assert first.status_code == 200
    for answer in again:
        assert_problem(answer, 404, "contact_not_found")


async def test_of_a_contact_what_is_given_changes_and_what_is_absent_stays(app: ApplicationUnderTest) -> None:
    path = await a_path(app)
    before = data(await added(app, path))

    answer = await app.http.put(
        f"{path}/contacts/{before['id']}", json={"title": "Chief", "email": None, "created_at": "ignored"}
    )

    after = data(answer)
    assert list(after) == ALONE
    assert after == {**before, "title": "Chief", "email": None, "updated_at": after["updated_at"]}
    assert "ETag" not in answer.headers
    assert await people_at(app, path) == [{name: after[name] for name in EMBEDDED}]


async def test_a_contact_sent_back_as_it_was_read_changes_nothing(app: ApplicationUnderTest) -> None:
    path = await a_path(app, "Ada")
    contact = await contact_path(app, path, "Ada")
    before = await app.http.get(path)

    for body in ({}, data(before)["contacts"][0]):
        assert (await app.http.put(contact, json=body)).status_code == 200

    after = await app.http.get(path)
    assert (after.content, after.headers["ETag"]) == (before.content, before.headers["ETag"])


async def test_a_contact_belongs_to_its_customer_alone(app: ApplicationUnderTest) -> None:
    mine, other = await a_path(app, "Ada", "Bob"), await a_path(app, "Cy")
    contact_id = (await people_at(app, mine))[0]["id"]

    for answer in (
        await app.http.put(f"{other}/contacts/{contact_id}", json={"title": "Chief"}),
        await app.http.delete(f"{other}/contacts/{contact_id}"),
    ):
        assert_problem(answer, 404, "contact_not_found")
    assert await primaries(app, mine) == {"Ada": True, "Bob": False}


@pytest.mark.parametrize(
    ("customer_id", "contact_id"),
    [("cust_0000000000000000000000000a", "cont_101"), ("nobody", "cont_101"), ("nobody", "none")],
)
async def test_nobody_has_no_contacts(app: ApplicationUnderTest, customer_id: str, contact_id: str) -> None:
    path = f"/api/customers/{customer_id}/contacts"

    for answer in (
        await app.http.post(path, json=a_contact_body()),
        await app.http.put(f"{path}/{contact_id}", json={"title": "Chief"}),
        await app.http.delete(f"{path}/{contact_id}"),
    ):
        assert_problem(answer, 404, "customer_not_found")


async def test_a_contact_that_nobody_can_be_is_not_found(app: ApplicationUnderTest) -> None:
    path = await a_path(app, "Ada")

    assert_problem(await app.http.delete(f"{path}/contacts/none"), 404, "contact_not_found")
    assert_problem(await app.http.put(f"{path}/contacts/cont_101", json={}), 404, "contact_not_found")


async def test_a_contact_beyond_the_fiftieth_is_refused(app: ApplicationUnderTest) -> None:
    path = await a_path(app, *(f"c{number}" for number in range(49)))
    await added(app, path, name="c49")

    answer = await app.http.post(f"{path}/contacts", json=a_contact_body())

    assert pointers(answer) == {"#": "too_many_contacts"}
    assert len(await people_at(app, path)) == 50


async def test_everything_that_is_wrong_with_a_contact_is_told_at_once(app: ApplicationUnderTest) -> None:
    answer = await app.http.post(
        f"{await a_path(app)}/contacts",
        json={"title": "x" * 101, "email": "x", "is_primary": "yes", "contact_id": "cont_101"},
    )

    assert pointers(answer) == {
        "#/name": "required",
        "#/title": "too_long",
        "#/email": "invalid_email",
        "#/is_primary": "invalid_type",
        "#/contact_id": "unknown_member",
    }


async def test_a_write_of_a_contact_may_be_meant_for_one_version_of_the_customer(
    app: ApplicationUnderTest,
) -> None:
    path = await a_path(app, "Ada")
    contact = await contact_path(app, path, "Ada")
    stale = {"If-Match": (await app.http.get(path)).headers["ETag"]}

    first = await app.http.post(f"{path}/contacts", json=a_contact_body(name="Bob"), headers=stale)
    late = [
        await app.http.post(f"{path}/contacts", json=a_contact_body(), headers=stale),
        await app.http.put(contact, json={"title": "Chief"}, headers=stale),
        await app.http.delete(contact, headers=stale),
    ]

    assert first.status_code == 201
    for answer in late:
        assert_problem(answer, 412, "precondition_failed")
    fresh = {"If-Match": (await app.http.get(path)).headers["ETag"]}
    assert (await app.http.delete(contact, headers=fresh)).status_code == 200
    assert await primaries(app, path) == {"Bob": True}


async def test_one_key_adds_one_contact_and_repeats_get_its_answer(app: ApplicationUnderTest) -> None:
    path, key = await a_path(app), {"Idempotency-Key": f'"{uuid4()}"'}

    answers = await asyncio.gather(
        *(app.http.post(f"{path}/contacts", json=a_contact_body(), headers=key) for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.content, answer.headers["Location"]) for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(await people_at(app, path)) == 1
    other = await app.http.post(f"{path}/contacts", json=a_contact_body(name="Cy"), headers=key)
    assert_problem(other, 422, "idempotency_key_reused")


async def test_a_repeat_of_a_key_gets_its_answer_though_the_version_has_moved_on(
    app: ApplicationUnderTest,
) -> None:
    path = await a_path(app)
    headers = {"Idempotency-Key": str(uuid4()), "If-Match": (await app.http.get(path)).headers["ETag"]}

    first, repeat = [
        await app.http.post(f"{path}/contacts", json=a_contact_body(), headers=headers) for _ in range(2)
    ]

    assert (first.status_code, repeat.status_code) == (201, 201)
    assert repeat.content == first.content


async def test_a_contacts_comings_and_goings_are_said_without_the_person(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app)
    path = f"/api/customers/{customer['id']}"
    contact = data(await added(app, path, name="Ada Lovelace"))

    await app.http.put(f"{path}/contacts/{contact['id']}", json={"title": "Chief"})
    await app.http.delete(f"{path}/contacts/{contact['id']}")

    _, *events = await said(app, customer["id"], count=4)
    assert [event.header["ce_type"] for event in events] == [
        "contact.added.v1",
        "contact.updated.v1",
        "contact.removed.v1",
    ]
    for version, event in enumerate(events, start=2):
        assert event.json == {
            "customer_id": customer["id"],
            "contact_id": contact["id"],
            "version": version,
        }
        assert event.header["ce_subject"] == contact["id"]
        assert "Ada" not in repr(event)


async def test_contacts_are_whole_on_the_compacted_topic_under_each_version(
    app: ApplicationUnderTest,
) -> None:
    customer = await a_customer(app, contacts=[a_contact_body(name="Ada")])
    path = f"/api/customers/{customer['id']}"

    await added(app, path, name="Bob", is_primary=True)

    await said(app, customer["id"], count=2, topic=STATE)
    *_, state = await keyed(app, STATE, customer["id"])
    assert state.json["contacts"] == await people_at(app, path)
    assert [contact["is_primary"] for contact in state.json["contacts"]] == [False, True]
    tag = (await app.http.get(path)).headers["ETag"]
    assert tag.startswith(f'"c{state.json["version"]}-')
