from tests.e2e.support import COMMANDS, EVENTS, STATE, a_customer, keyed, said
from tests.support.builders import a_contact_body, a_create, a_customer_body, a_record
from tests.support.eventually import eventually
from tests.support.kafka import Published
from tests.support.system import ApplicationUnderTest

EVERYWHERE = {
    "ce_specversion": "1.0",
    "content-type": "application/json",
}


async def records_of(app: ApplicationUnderTest, topic: str, customer_id: str) -> list[Published]:
    return await said(app, customer_id, count=1, topic=topic)


async def test_a_create_is_a_command_on_its_topic_under_the_customer_it_makes(
    app: ApplicationUnderTest,
) -> None:
    answer = await app.http.post(
        "/api/customers", json=a_customer_body(credit_limit=12.3), headers={"X-Request-Id": "req-1"}
    )
    customer_id = answer.json()["data"]["id"]

    (command,) = await records_of(app, COMMANDS, customer_id)

    expected = {
        **EVERYWHERE,
        "ce_source": "/customers-api/gateway",
        "ce_type": "customer.create.v1",
        "ce_subject": customer_id,
        "ce_partitionkey": customer_id,
        "ce_dataschema": "/schemas/customer.create/1.0.json",
        "ce_correlationid": "req-1",
        "reply_to": "gateway.replies.v1",
    }
    assert expected.items() <= command.header.items()
    assert {"ce_id", "ce_time", "ce_expirytime", "ask_id", "reply_partition"} <= command.header.keys()
    assert command.json["customer_id"] == customer_id
    assert command.json["credit_limit"] == "12.30"


async def test_a_created_customer_is_said_once_as_an_event_that_names_its_cause(
    app: ApplicationUnderTest,
) -> None:
    customer = await a_customer(app, credit_limit=12.3, contacts=[a_contact_body()])

    (event,) = await records_of(app, EVENTS, customer["id"])

    (command,) = await records_of(app, COMMANDS, customer["id"])
    expected = {
        **EVERYWHERE,
        "ce_source": "/customers-api/customers",
        "ce_type": "customer.created.v1",
        "ce_subject": customer["id"],
        "ce_partitionkey": customer["id"],
        "ce_sequence": "000000000001",
        "ce_causationid": command.header["ce_id"],
        "ce_correlationid": command.header["ce_correlationid"],
    }
    assert expected.items() <= event.header.items()
    assert (
        event.json.items() >= {"customer_id": customer["id"], "version": 1, "credit_limit": "12.30"}.items()
    )
    assert "Bob Wilson" not in (event.value or b"").decode()


async def test_a_created_customer_is_whole_on_the_compacted_topic(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, contacts=[a_contact_body()], notes="Pays on Fridays.")

    (state,) = await records_of(app, STATE, customer["id"])

    assert (state.header["ce_type"], state.header["ce_sequence"]) == ("customer.state.v1", "000000000001")
    assert state.json["version"] == 1
    same = ("name", "email", "billing_address", "contacts", "payment_terms", "currency", "is_active")
    assert {name: state.json[name] for name in same} == {name: customer[name] for name in same}
    assert not {"notes", "current_balance", "lifetime_value", "total_orders"} & state.json.keys()


async def test_a_repeat_of_a_key_is_said_no_second_time(app: ApplicationUnderTest) -> None:
    body, key = a_customer_body(), {"Idempotency-Key": "once"}
    answers = [await app.http.post("/api/customers", json=body, headers=key) for _ in range(3)]
    customer_id = answers[0].json()["data"]["id"]
    afterwards = await a_customer(app)
    await records_of(app, EVENTS, afterwards["id"])

    assert len(await keyed(app, COMMANDS, customer_id)) == 3
    assert len(await keyed(app, EVENTS, customer_id)) == 1
    assert len(await keyed(app, STATE, customer_id)) == 1


async def test_a_customer_that_another_system_creates_by_a_record_is_served(
    app: ApplicationUnderTest,
) -> None:
    command = a_create()
    record = a_record(command)

    await app.publish(record.topic, record.key, record.value, record.headers)

    answer = await eventually(
        lambda: app.http.get(f"/api/customers/{command.customer_id}"), lambda got: got.status_code == 200
    )
    assert answer.json()["data"]["tax_id"] == command.tax_id


async def test_a_refusal_that_nobody_awaits_is_said_as_an_event(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app)
    record = a_record(a_create(customer_id=customer["id"]))

    await app.publish(record.topic, record.key, record.value, record.headers)

    _, rejected = await eventually(lambda: keyed(app, EVENTS, customer["id"]), lambda found: len(found) == 2)
    assert rejected.header["ce_type"] == "customer.command_rejected.v1"
    assert "ce_sequence" not in rejected.header
    assert rejected.header["ce_causationid"] == dict(record.headers)["ce_id"].decode()
    assert rejected.json["code"] == "customer_exists"
    assert rejected.json["command"] == "customer.create.v1"
