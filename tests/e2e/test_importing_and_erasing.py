from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.contracts import TOPICS
from shared.contracts.customers.requests import ImportCustomer
from tests.e2e.support import (
    COMMANDS,
    EVENTS,
    STATE,
    a_customer,
    assert_problem,
    data,
    erase,
    keyed,
    said,
    sent,
)
from tests.e2e.trading import CREDIT_EVENTS, ORDER_EVENTS, an_order, placed
from tests.support.builders import (
    Body,
    a_contact_body,
    a_customer_body,
    a_customer_id,
    a_record,
    an_address,
)
from tests.support.eventually import eventually
from tests.support.system import ApplicationUnderTest


def an_import(**changes: object) -> ImportCustomer:
    """A customer of another system, with a reference that no other test has."""
    whole = {
        **a_customer_body(contacts=[a_contact_body()]),
        "external_ref": f"ERP-{uuid4().hex}",
        "customer_since": datetime(2019, 6, 15, tzinfo=UTC),
        **changes,
    }
    return ImportCustomer.model_validate(whole)


async def imported(app: ApplicationUnderTest, command: ImportCustomer) -> Body:
    """The customer as the list shows it, once it is there."""
    await sent(app, command)
    answer = await eventually(
        lambda: app.http.get("/api/customers", params={"external_ref": command.external_ref}),
        lambda found: found.json()["data"],
    )
    (customer,) = data(answer)
    return dict(customer)


async def test_an_imported_customer_is_found_by_its_reference_and_read_by_its_id(
    app: ApplicationUnderTest,
) -> None:
    command = an_import()

    listed = await imported(app, command)

    customer = data(await app.http.get(f"/api/customers/{listed['id']}"))
    assert listed.items() <= customer.items()
    assert customer["external_ref"] == command.external_ref
    assert customer["customer_since"] == "2019-06-15T00:00:00Z"
    assert customer["created_at"] > customer["customer_since"]
    assert [contact["name"] for contact in customer["contacts"]] == ["Bob Wilson"]
    assert customer["contacts"][0]["is_primary"] is True


async def test_an_import_keeps_the_id_it_names(app: ApplicationUnderTest) -> None:
    command = an_import(customer_id=a_customer_id())

    assert (await imported(app, command))["id"] == command.customer_id


async def test_an_imported_customer_is_changed_like_any_other(app: ApplicationUnderTest) -> None:
    command = an_import()
    path = f"/api/customers/{(await imported(app, command))['id']}"

    changed = data(await app.http.put(path, json={"name": "New name", "external_ref": "ignored"}))

    assert (changed["name"], changed["external_ref"]) == ("New name", command.external_ref)


async def test_the_same_import_again_changes_nothing_and_another_is_refused(
    app: ApplicationUnderTest,
) -> None:
    command = an_import(customer_id=a_customer_id())
    await imported(app, command)
    path = f"/api/customers/{command.customer_id}"
    before = await app.http.get(path)

    await sent(app, command)
    await sent(app, command.model_copy(update={"name": "Another"}))

    events = await said(app, command.customer_id or "", count=2)
    assert [event.header["ce_type"] for event in events] == [
        "customer.created.v1",
        "customer.command_rejected.v1",
    ]
    assert (events[1].json["code"], events[1].json["external_ref"]) == (
        "customer_exists",
        command.external_ref,
    )
    assert (await app.http.get(path)).content == before.content


async def test_an_erased_customer_and_all_under_it_is_not_found(app: ApplicationUnderTest) -> None:
    word = uuid4().hex
    customer = await a_customer(app, name=word, contacts=[a_contact_body()])
    path, contact_id = f"/api/customers/{customer['id']}", customer["contacts"][0]["id"]

    await erase(app, customer["id"])

    for answer in (
        await app.http.get(path),
        await app.http.put(path, json={"name": "New"}),
        await app.http.put(path, json={}, headers={"If-Match": '"c1-p0"'}),
        await app.http.post(f"{path}/contacts", json=a_contact_body()),
        await app.http.put(f"{path}/contacts/{contact_id}", json={"title": "Chief"}),
        await app.http.delete(f"{path}/contacts/{contact_id}"),
    ):
        assert_problem(answer, 404, "customer_not_found")
    listed = (await app.http.get("/api/customers", params={"search": word})).json()
    assert (listed["data"], listed["meta"]["total"]) == ([], 0)


async def test_an_erased_customer_is_no_longer_found_by_its_reference(app: ApplicationUnderTest) -> None:
    command = an_import()
    await erase(app, (await imported(app, command))["id"])

    answer = await app.http.get("/api/customers", params={"external_ref": command.external_ref})

    assert data(answer) == []


async def test_a_create_repeated_after_the_erasure_is_refused(app: ApplicationUnderTest) -> None:
    key, body = {"Idempotency-Key": str(uuid4())}, a_customer_body()
    first = await app.http.post("/api/customers", json=body, headers=key)

    await erase(app, first.json()["data"]["id"])

    for _ in range(2):
        answer = await app.http.post("/api/customers", json=body, headers=key)
        assert_problem(answer, 409, "customer_erased")


async def test_an_erasure_is_said_and_leaves_a_tombstone_of_the_same_version(
    app: ApplicationUnderTest,
) -> None:
    customer = await a_customer(app, name="Person", contacts=[a_contact_body()])

    await erase(app, customer["id"])

    _, erased = await said(app, customer["id"], count=2)
    assert erased.header["ce_type"] == "customer.erased.v1"
    assert erased.json == {"customer_id": customer["id"], "version": 2}
    _, tombstone = await said(app, customer["id"], count=2, topic=STATE)
    assert tombstone.value is None
    assert tombstone.header["ce_sequence"] == "000000000002"


async def test_a_person_is_on_no_topic_that_is_kept_for_longer_than_a_week(app: ApplicationUnderTest) -> None:
    word = uuid4().hex
    person = {"name": word, "email": f"{word}@person.example"}
    command = an_import(**person, contacts=[a_contact_body(**person)], credit_limit=1000)
    customer = await imported(app, command)
    path = f"/api/customers/{customer['id']}"
    order = an_order(customer["id"], currency=customer["currency"], shipping_address=an_address(line1=word))
    await placed(app, order)
    data(await app.http.post(f"{path}/credit-check"))
    data(await app.http.put(path, json={"name": f"{word} 2", "notes": word, "credit_limit": 1}))
    data(await app.http.post(f"{path}/contacts", json=a_contact_body(**person)))
    await sent(app, command.model_copy(update={"notes": word}))  # refused, and said so
    await erase(app, customer["id"])
    await eventually(
        lambda: keyed(app, STATE, customer["id"]), lambda found: found and found[-1].value is None
    )

    longest = timedelta(days=7)
    kept = [topic.name for topic in TOPICS.values() if topic.is_compacted or topic.retention > longest]
    for name in kept:
        records = await app.records_of(name)
        left = {record.key: record for record in records}.values() if name == STATE else records
        assert not [record for record in left if word.encode() in (record.value or b"")], name
    assert {EVENTS, STATE, ORDER_EVENTS, CREDIT_EVENTS} <= set(kept)


async def test_an_erasure_may_be_asked_for_twice(app: ApplicationUnderTest) -> None:
    customer, other = await a_customer(app), await a_customer(app)
    await erase(app, customer["id"])

    await erase(app, customer["id"])
    await erase(app, other["id"])

    await said(app, other["id"], count=2)
    assert len(await keyed(app, EVENTS, customer["id"])) == 2
    assert len(await keyed(app, COMMANDS, customer["id"])) == 3


async def test_an_erased_customer_is_not_imported_again(app: ApplicationUnderTest) -> None:
    command = an_import(customer_id=a_customer_id())
    await imported(app, command)
    await erase(app, command.customer_id or "")

    record = await sent(app, command)

    *_, rejected = await said(app, command.customer_id or "", count=3)
    assert rejected.header["ce_type"] == "customer.command_rejected.v1"
    assert rejected.json["code"] == "customer_erased"
    assert rejected.header["ce_causationid"] == dict(record.headers)["ce_id"].decode()
    assert a_record(command).key == rejected.key
