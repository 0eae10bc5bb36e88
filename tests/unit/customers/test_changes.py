from datetime import UTC, datetime
from decimal import Decimal

from services.customers.changes import take_in
from shared.contracts.customers.events import CustomerCreated
from shared.contracts.values import Contact
from tests.support.builders import a_create

NOW = datetime(2024, 1, 15, 21, 30, 0, 123456, tzinfo=UTC)
CONTACTS = [Contact(id="cont_1", name="Ada", title=None, email=None, phone=None, is_primary=True)]


def test_a_new_customer_begins_at_version_one_and_now() -> None:
    change = take_in(a_create(), CONTACTS, NOW)

    assert change.customer.version == 1
    assert change.customer.customer_since == change.customer.created_at == change.customer.updated_at == NOW


def test_everything_the_command_says_is_in_the_state() -> None:
    command = a_create()

    change = take_in(command, CONTACTS, NOW)

    said = command.model_dump(exclude={"contacts", "notes"})
    assert change.customer.model_dump(include=set(said)) == said
    assert change.customer.contacts == CONTACTS
    assert (change.customer.external_ref, change.customer.external_source) == (None, None)


def test_notes_are_kept_and_not_published() -> None:
    change = take_in(a_create(notes="Pays on Fridays."), [], NOW)

    assert change.notes == "Pays on Fridays."
    assert b"Fridays" not in change.customer.to_json()


def test_one_event_says_it_without_a_person() -> None:
    command = a_create(credit_limit=Decimal("12.30"))

    (event,) = take_in(command, CONTACTS, NOW).events

    assert event == CustomerCreated(
        customer_id=command.customer_id,
        version=1,
        customer_since=NOW,
        payment_terms="net_30",
        currency="USD",
        credit_limit=Decimal("12.30"),
        discount_rate=Decimal("2.50"),
        is_active=True,
    )


def test_a_shipping_address_that_was_not_sent_stays_none() -> None:
    assert take_in(a_create(shipping_address=None), [], NOW).customer.shipping_address is None
