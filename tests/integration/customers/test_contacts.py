import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.customers.answers import CustomerContact
from shared.contracts.values import CONTACTS_MAX
from shared.messaging import Answer
from tests.support.builders import (
    a_changed_contact,
    a_contact_body,
    a_contact_id,
    a_create,
    a_customer_id,
    a_get,
    a_new_contact,
    a_removed_contact,
    an_update,
)
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

Told = Callable[..., Awaitable[Answer[Any]]]
Said = Callable[[str], Awaitable[list[tuple[str, int]]]]
Outbox = Callable[[], Awaitable[list[Any]]]

ADDED, CHANGED, REMOVED = "contact.added.v1", "contact.updated.v1", "contact.removed.v1"
STATE = "customer.state.v1"


async def created(tell: Told, *names: str) -> tuple[str, list[str]]:
    """A customer with contacts of these names, of whom the first is primary: its id, and theirs."""
    command = a_create(contacts=[a_contact_body(name=name) for name in names])
    customer = json.loads((await tell(command)).body)
    return command.customer_id, [contact["id"] for contact in customer["contacts"]]


async def contacts_of(ask: Told, customer_id: str) -> list[dict[str, Any]]:
    contacts: list[dict[str, Any]] = json.loads((await ask(a_get(customer_id))).body)["contacts"]
    return contacts


async def primaries(ask: Told, customer_id: str) -> list[str]:
    return [contact["id"] for contact in await contacts_of(ask, customer_id) if contact["is_primary"]]


async def test_an_added_contact_is_answered_by_itself_and_is_the_last(tell: Told, ask: Told) -> None:
    customer_id, (ada,) = await created(tell, "Ada")
    command = a_new_contact(customer_id, name="Bob", title=None)

    answer = await tell(command)

    contact = json.loads(answer.body)
    assert answer.facts == {"version": "c2-p0"}
    assert list(contact) == list(CustomerContact.model_fields)
    assert contact["customer_id"] == customer_id
    assert (contact["id"], contact["title"], contact["is_primary"]) == (command.contact_id, None, False)
    assert contact["created_at"] == contact["updated_at"]
    assert datetime.strptime(contact["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    embedded = await contacts_of(ask, customer_id)
    assert [each["id"] for each in embedded] == [ada, command.contact_id]
    assert contact.items() >= embedded[1].items()


async def test_the_first_contact_is_primary_whatever_was_sent(tell: Told, ask: Told, said: Said) -> None:
    customer_id, _ = await created(tell)
    command = a_new_contact(customer_id, is_primary=False)

    answer = await tell(command)

    assert json.loads(answer.body)["is_primary"] is True
    assert await primaries(ask, customer_id) == [command.contact_id]
    assert await said(customer_id) == [(ADDED, 2), (STATE, 2)]


async def test_an_added_primary_contact_takes_it_from_whoever_has_it(
    tell: Told, ask: Told, said: Said, outbox: Outbox
) -> None:
    customer_id, (ada, _) = await created(tell, "Ada", "Bob")
    command = a_new_contact(customer_id, is_primary=True)

    answer = await tell(command)

    assert answer.facts == {"version": "c3-p0"}
    assert await primaries(ask, customer_id) == [command.contact_id]
    assert await said(customer_id) == [(ADDED, 2), (CHANGED, 3), (STATE, 3)]
    added, demoted, state = [json.loads(row.value) for row in (await outbox())[2:]]
    assert (added["contact_id"], demoted["contact_id"]) == (command.contact_id, ada)
    assert [each["is_primary"] for each in state["contacts"]] == [False, False, True]


async def test_a_contact_that_is_made_primary_takes_it_from_whoever_has_it(
    tell: Told, ask: Told, said: Said
) -> None:
    customer_id, (_, bob, _) = await created(tell, "Ada", "Bob", "Cy")

    answer = await tell(a_changed_contact(customer_id, bob, is_primary=True, title="Boss", phone=None))

    contact = json.loads(answer.body)
    assert (contact["is_primary"], contact["title"], contact["phone"]) == (True, "Boss", None)
    assert (contact["name"], contact["email"]) == ("Bob", "bob.wilson@newcustomer.example")
    assert await primaries(ask, customer_id) == [bob]
    assert [each["name"] for each in await contacts_of(ask, customer_id)] == ["Ada", "Bob", "Cy"]
    assert await said(customer_id) == [(CHANGED, 2), (CHANGED, 3), (STATE, 3)]


@pytest.mark.parametrize(
    "changes", [{}, {"name": "Ada"}, {"is_primary": True}, {"title": "Operations Manager"}]
)
async def test_a_contact_that_is_so_already_is_answered_and_nothing_is_said(
    tell: Told, said: Said, changes: dict[str, object]
) -> None:
    customer_id, (ada,) = await created(tell, "Ada")

    answer = await tell(a_changed_contact(customer_id, ada, **changes))

    assert json.loads(answer.body)["id"] == ada
    assert answer.facts == {"version": "c1-p0"}
    assert await said(customer_id) == []


async def test_the_primary_contact_cannot_cease_to_be_it_by_itself(tell: Told, ask: Told, said: Said) -> None:
    customer_id, (ada, bob) = await created(tell, "Ada", "Bob")

    refused = await tell(a_changed_contact(customer_id, ada, is_primary=False, name="Ada L."))
    granted = await tell(a_changed_contact(customer_id, bob, is_primary=False))

    assert refused.facts == {"refusal": "primary_contact_required"}
    assert granted.facts == {"version": "c1-p0"}
    assert await said(customer_id) == []
    assert await primaries(ask, customer_id) == [ada]


async def test_the_oldest_of_the_others_follows_a_primary_contact_that_is_removed(
    tell: Told, ask: Told, said: Said, outbox: Outbox
) -> None:
    customer_id, (ada, bob, cy) = await created(tell, "Ada", "Bob", "Cy")
    await tell(a_changed_contact(customer_id, cy, is_primary=True))

    answer = await tell(a_removed_contact(customer_id, cy))

    assert (answer.body, answer.facts) == (b"{}", {"version": "c5-p0"})
    assert await primaries(ask, customer_id) == [ada]
    assert [each["id"] for each in await contacts_of(ask, customer_id)] == [ada, bob]
    assert (await said(customer_id))[3:] == [(REMOVED, 4), (CHANGED, 5), (STATE, 5)]
    assert [json.loads(row.value)["contact_id"] for row in (await outbox())[5:7]] == [cy, ada]


async def test_a_contact_that_is_not_primary_goes_without_a_change_of_the_others(
    tell: Told, ask: Told, said: Said
) -> None:
    customer_id, (ada, bob) = await created(tell, "Ada", "Bob")

    await tell(a_removed_contact(customer_id, bob))

    assert await primaries(ask, customer_id) == [ada]
    assert await said(customer_id) == [(REMOVED, 2), (STATE, 2)]


async def test_the_last_contact_may_be_removed_and_a_new_one_is_primary(tell: Told, ask: Told) -> None:
    customer_id, (ada,) = await created(tell, "Ada")
    new = a_new_contact(customer_id)

    await tell(a_removed_contact(customer_id, ada))
    assert await contacts_of(ask, customer_id) == []
    await tell(new)

    assert await primaries(ask, customer_id) == [new.contact_id]


async def test_a_contact_too_many_is_refused(tell: Told, ask: Told) -> None:
    customer_id, _ = await created(tell, *(f"Person {number}" for number in range(CONTACTS_MAX)))

    answer = await tell(a_new_contact(customer_id))

    assert answer.facts == {"refusal": "too_many_contacts"}
    assert len(await contacts_of(ask, customer_id)) == CONTACTS_MAX


@pytest.mark.parametrize("whose", ["its own", "another's"])
async def test_an_id_that_a_contact_has_already_is_refused(
    tell: Told, ask: Told, said: Said, whose: str
) -> None:
    customer_id, (ada,) = await created(tell, "Ada")
    _, (other,) = await created(tell, "Other")
    taken = ada if whose == "its own" else other

    answer = await tell(a_new_contact(customer_id, contact_id=taken, is_primary=True))

    assert answer.facts == {"refusal": "contact_exists"}
    assert await primaries(ask, customer_id) == [ada]
    assert await said(customer_id) == []


@pytest.mark.parametrize("whose", ["nobody's", "another's"])
async def test_a_contact_that_is_not_the_customers_is_not_found(tell: Told, whose: str) -> None:
    customer_id, _ = await created(tell, "Ada")
    _, (other,) = await created(tell, "Other")
    contact_id = other if whose == "another's" else a_contact_id()

    answers = [
        await tell(a_changed_contact(customer_id, contact_id, name="Eve")),
        await tell(a_removed_contact(customer_id, contact_id, expected_versions=[9])),
    ]

    assert [answer.facts for answer in answers] == [{"refusal": "contact_not_found"}] * 2


async def test_a_contact_of_an_unknown_customer_is_refused_for_the_customer(tell: Told) -> None:
    unknown = a_customer_id()

    answers = [
        await tell(a_new_contact(unknown)),
        await tell(a_changed_contact(unknown, a_contact_id())),
        await tell(a_removed_contact(unknown, a_contact_id())),
    ]

    assert [answer.facts for answer in answers] == [{"refusal": "customer_not_found"}] * 3


async def test_the_version_that_is_expected_is_the_customers(tell: Told, ask: Told) -> None:
    customer_id, (ada,) = await created(tell, "Ada")
    await tell(an_update(customer_id, name="Renamed Ltd"))
    commands = [
        a_new_contact(customer_id, expected_versions=[1]),
        a_changed_contact(customer_id, ada, name="Eve", expected_versions=[1]),
        a_removed_contact(customer_id, ada, expected_versions=[1]),
    ]

    assert [(await tell(command)).facts for command in commands] == [{"refusal": "precondition_failed"}] * 3
    granted = await tell(a_changed_contact(customer_id, ada, name="Eve", expected_versions=[2]))
    assert granted.facts == {"version": "c3-p0"}


async def test_a_change_of_a_contact_changes_when_its_customer_was_updated(
    tell: Told, engine: AsyncEngine
) -> None:
    customer_id, (ada,) = await created(tell, "Ada")

    await tell(a_changed_contact(customer_id, ada, name="Ada L."))

    async with engine.connect() as db:
        row = (
            await db.execute(
                text(
                    "select customers.version, customers.updated_at = contacts.updated_at as together,"
                    " contacts.updated_at > contacts.created_at as later"
                    " from customers join contacts on customer_id = customers.id where customers.id = :id"
                ),
                {"id": customer_id},
            )
        ).one()
    assert tuple(row) == (2, True, True)


async def test_a_command_for_a_contact_is_one_transaction_of_five_statements(
    tell: Told, engine: AsyncEngine
) -> None:
    customer_id, (_, bob) = await created(tell, "Ada", "Bob")
    commands = [
        a_new_contact(customer_id, is_primary=True),
        a_changed_contact(customer_id, bob, is_primary=True),
        a_removed_contact(customer_id, bob),
    ]

    for command in commands:
        with sent_by(engine) as sent:
            await tell(command)
        assert (sent.commits, len(sent.statements)) == (1, 5), sent.statements


async def test_of_many_primary_contacts_at_once_exactly_one_stays_it(
    tell: Told, ask: Told, said: Said
) -> None:
    customer_id, (ada, bob) = await created(tell, "Ada", "Bob")
    commands = [a_new_contact(customer_id, is_primary=True) for _ in range(16)]
    others = [a_changed_contact(customer_id, bob, is_primary=True), a_removed_contact(customer_id, ada)]

    answers = await asyncio.gather(*(tell(command) for command in [*commands, *others]))

    assert [answer.facts for answer in answers if "refusal" in answer.facts] == []
    assert len(await contacts_of(ask, customer_id)) == 17
    assert len(await primaries(ask, customer_id)) == 1
    versions = [version for kind, version in await said(customer_id) if kind != STATE]
    assert versions == list(range(2, 2 + len(versions)))


async def test_contacts_added_at_once_are_never_too_many(tell: Told, ask: Told) -> None:
    customer_id, _ = await created(tell, *(f"Person {number}" for number in range(CONTACTS_MAX - 3)))

    answers = await asyncio.gather(*(tell(a_new_contact(customer_id)) for _ in range(9)))

    assert sum("refusal" in answer.facts for answer in answers) == 6
    assert len(await contacts_of(ask, customer_id)) == CONTACTS_MAX
