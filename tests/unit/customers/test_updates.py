from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.customers.changes import Change, Held, expect, take_in, update
from shared.contracts.customers.events import (
    CustomerCreditLimitChanged,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerUpdated,
)
from shared.contracts.values import Address, Contact
from shared.errors import Refused
from tests.support.builders import a_create, an_address, an_update

CREATED = datetime(2024, 1, 15, 21, 30, tzinfo=UTC)
NOW = CREATED + timedelta(days=1)
ADA = Contact(id="cont_1", name="Ada", title=None, email=None, phone=None, is_primary=True)


def held(**changes: object) -> Held:
    change = take_in(a_create(**changes), [ADA], CREATED)
    return Held(change.customer, change.notes)


def updated(before: Held, **changes: object) -> Change:
    return update(before, an_update(before.customer.customer_id, **changes), NOW, "/erp")


def stored(change: Change) -> list[str]:
    """The members that the first event names."""
    event = change.events[0]
    assert isinstance(event, CustomerUpdated)
    return event.changed


def test_what_is_so_already_is_no_change() -> None:
    before = held(credit_limit=Decimal("5000"), notes=None, fax=None)

    change = updated(before, credit_limit=Decimal("5e3"), notes=None, fax=None, billing_address=an_address())

    assert change == Change(before.customer, before.notes, [])


def test_the_members_that_changed_are_named_in_their_declared_order() -> None:
    change = updated(held(), notes="New.", name="Renamed Ltd", is_active=True, fax=None)

    assert change.changed == ["name", "fax", "notes"]
    assert stored(change) == change.changed


def test_notes_change_and_are_not_published() -> None:
    change = updated(held(), notes="Pays on Mondays.")

    assert change.notes == "Pays on Mondays."
    assert all(b"Mondays" not in each.to_json() for each in [change.customer, *change.events])


def test_a_change_is_of_now_and_leaves_what_is_fixed() -> None:
    before = held()

    after = updated(before, name="Renamed Ltd").customer

    assert (after.updated_at, after.created_at, after.customer_since) == (NOW, CREATED, CREATED)
    assert after.model_dump(exclude={"name", "updated_at", "version"}) == before.customer.model_dump(
        exclude={"name", "updated_at", "version"}
    )


def test_each_event_has_a_version_of_its_own() -> None:
    before = held(credit_limit=Decimal("1.00"), is_active=False)

    change = updated(before, is_active=True, credit_limit=Decimal("2.00"))

    customer_id = before.customer.customer_id
    assert list(change.events[1:]) == [
        CustomerCreditLimitChanged(
            customer_id=customer_id,
            version=3,
            old=Decimal("1.00"),
            new=Decimal("2.00"),
            changed_by="/erp",
        ),
        CustomerReactivated(customer_id=customer_id, version=4),
    ]
    assert change.events[0].sequence == 2
    assert change.customer.version == 4


@pytest.mark.parametrize(("before", "after", "by"), [(True, False, -1), (False, True, 1), (True, True, 0)])
def test_one_more_or_less_is_active(before: bool, after: bool, by: int) -> None:
    assert updated(held(is_active=before), is_active=after, name="Renamed Ltd").active_by == by


def test_a_deactivation_alone_is_an_update_too() -> None:
    change = updated(held(), is_active=False)

    assert [type(event) for event in change.events] == [CustomerUpdated, CustomerDeactivated]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "EUR"}, "currency_locked"),
        ({"contacts": []}, "contacts_have_routes_of_their_own"),
        ({"contacts": [ADA.model_copy(update={"name": "Eve"})]}, "contacts_have_routes_of_their_own"),
        ({"contacts": [ADA, ADA]}, "contacts_have_routes_of_their_own"),
        ({"expected_versions": [2], "currency": "EUR"}, "precondition_failed"),
    ],
    ids=str,
)
def test_what_may_not_be_changed_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused, match=code):
        updated(held(currency="USD"), **changes)


def test_the_currency_and_the_contacts_it_has_are_no_change() -> None:
    before = held(currency="USD")

    assert not updated(before, currency="USD", contacts=[ADA]).changed


@pytest.mark.parametrize("shipping", ["old", "new"])
def test_a_shipping_address_that_is_the_billing_address_stays_none(shipping: str) -> None:
    old, new = an_address(line1="1 Old Road"), an_address(line1="1 New Road")
    before = held(billing_address=old, shipping_address=None)

    change = updated(before, billing_address=new, shipping_address=old if shipping == "old" else new)

    assert stored(change) == ["billing_address"]
    assert change.customer.shipping_address is None


def test_a_shipping_address_that_is_the_billing_address_is_shown_to_change_with_it() -> None:
    change = updated(
        held(shipping_address=None),
        notes="New.",
        billing_address=an_address(line1="1 New Road"),
        fax="555 0000",
    )

    assert change.changed == ["fax", "billing_address", "shipping_address", "notes"]
    assert stored(change) == ["fax", "billing_address", "notes"]


def test_a_shipping_address_of_its_own_does_not_change_with_the_billing_address() -> None:
    before = held(shipping_address=an_address(line1="2 Far Away"))

    change = updated(before, billing_address=an_address(line1="1 New Road"))

    assert change.changed == stored(change) == ["billing_address"]


def test_a_shipping_address_that_is_given_up_is_named_once() -> None:
    before = held(shipping_address=an_address(line1="2 Far Away"))

    change = updated(before, billing_address=an_address(line1="1 New Road"), shipping_address=None)

    assert change.changed == stored(change) == ["billing_address", "shipping_address"]


def test_a_shipping_address_that_is_kept_may_become_the_billing_address() -> None:
    billing = an_address(line1="1 Old Road")

    change = updated(held(billing_address=billing, shipping_address=an_address()), shipping_address=billing)

    assert change.changed == ["shipping_address"]
    assert change.customer.shipping_address == Address.model_validate(billing)


def test_an_address_is_replaced_whole() -> None:
    before = held(billing_address=an_address(line2="Floor 3"))

    change = updated(before, billing_address=an_address())

    assert change.customer.billing_address.line2 is None


@pytest.mark.parametrize("expected", [None, [7], [6, 7, 8]])
def test_a_version_that_is_expected_is_no_obstacle(expected: list[int] | None) -> None:
    expect(7, expected)


@pytest.mark.parametrize("expected", [[], [6], [70]])
def test_a_version_that_is_not_expected_is_one(expected: list[int]) -> None:
    with pytest.raises(Refused, match="precondition_failed"):
        expect(7, expected)
