from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customers.changes import take_in
from services.customers.contacts import (
    with_one_changed,
    with_one_less,
    with_one_more,
    with_one_primary,
)
from shared.contracts.customers.events import ContactAdded, ContactRemoved, ContactUpdated, CustomerState
from shared.contracts.values import CONTACTS_MAX, NewContact
from shared.errors import Refused
from tests.support.builders import a_changed_contact, a_create, a_new_contact, a_removed_contact

CREATED = datetime(2024, 1, 15, 21, 30, tzinfo=UTC)
NOW = CREATED + timedelta(days=1)


def a_customer(*names: str) -> CustomerState:
    """With contacts of these names, of whom the first is primary; the id of `Ada` is `cont_Ada`."""
    contacts = with_one_primary([NewContact(name=name) for name in names], [f"cont_{name}" for name in names])
    return take_in(a_create(), contacts, CREATED).customer


def primaries(customer: CustomerState) -> list[str]:
    return [contact.id for contact in customer.contacts if contact.is_primary]


def test_a_new_primary_contact_demotes_the_one_before() -> None:
    customer = a_customer("Ada", "Bob")

    change = with_one_more(
        customer, a_new_contact(customer.customer_id, contact_id="cont_Cy", is_primary=True), NOW
    )

    assert primaries(change.customer) == ["cont_Cy"]
    assert change.other_id == "cont_Ada"
    assert change.events == [
        ContactAdded(customer_id=customer.customer_id, contact_id="cont_Cy", version=2),
        ContactUpdated(customer_id=customer.customer_id, contact_id="cont_Ada", version=3),
    ]
    assert (change.customer.version, change.customer.updated_at) == (3, NOW)


def test_a_new_contact_that_is_not_primary_concerns_nobody_else() -> None:
    customer = a_customer("Ada")

    change = with_one_more(customer, a_new_contact(customer.customer_id), NOW)

    assert (change.other_id, len(change.events), primaries(change.customer)) == (None, 1, ["cont_Ada"])


def test_the_first_contact_is_primary_without_a_second_event() -> None:
    customer = a_customer()

    change = with_one_more(customer, a_new_contact(customer.customer_id, is_primary=False), NOW)

    assert change.contact.is_primary
    assert (change.other_id, len(change.events)) == (None, 1)


def test_a_contact_keeps_what_a_change_does_not_give() -> None:
    customer = a_customer("Ada")

    change = with_one_changed(
        customer, a_changed_contact(customer.customer_id, "cont_Ada", title="Boss"), NOW
    )

    assert change.contact == customer.contacts[0].model_copy(update={"title": "Boss"})
    assert change.customer.contacts == [change.contact]


def test_a_change_that_changes_nothing_is_none() -> None:
    customer = a_customer("Ada")

    change = with_one_changed(customer, a_changed_contact(customer.customer_id, "cont_Ada", name="Ada"), NOW)

    assert (change.customer, change.events) == (customer, [])


def test_the_oldest_of_the_others_follows_the_primary_contact() -> None:
    customer = a_customer("Ada", "Bob", "Cy")

    change = with_one_less(customer, a_removed_contact(customer.customer_id, "cont_Ada"), NOW)

    assert primaries(change.customer) == ["cont_Bob"]
    assert change.events == [
        ContactRemoved(customer_id=customer.customer_id, contact_id="cont_Ada", version=2),
        ContactUpdated(customer_id=customer.customer_id, contact_id="cont_Bob", version=3),
    ]


def test_nobody_follows_the_last_contact() -> None:
    customer = a_customer("Ada")

    change = with_one_less(customer, a_removed_contact(customer.customer_id, "cont_Ada"), NOW)

    assert (change.customer.contacts, change.other_id, len(change.events)) == ([], None, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"contact_id": "cont_Ada"}, "contact_exists"),
        ({"expected_versions": [2]}, "precondition_failed"),
        ({"contact_id": "cont_Ada", "expected_versions": [2]}, "precondition_failed"),
    ],
    ids=str,
)
def test_an_addition_is_refused(changes: dict[str, Any], code: str) -> None:
    customer = a_customer("Ada")

    with pytest.raises(Refused, match=code):
        with_one_more(customer, a_new_contact(customer.customer_id, **changes), NOW)


def test_a_contact_too_many_is_refused() -> None:
    customer = a_customer(*(f"P{number}" for number in range(CONTACTS_MAX)))

    with pytest.raises(Refused, match="too_many_contacts"):
        with_one_more(customer, a_new_contact(customer.customer_id), NOW)


@pytest.mark.parametrize(
    ("contact_id", "changes", "code"),
    [
        ("cont_Ada", {"is_primary": False}, "primary_contact_required"),
        ("cont_Bob", {"name": "Eve"}, "contact_not_found"),
        ("cont_Bob", {"expected_versions": []}, "contact_not_found"),
        ("cont_Ada", {"expected_versions": [2], "is_primary": False}, "precondition_failed"),
    ],
)
def test_a_change_is_refused(contact_id: str, changes: dict[str, Any], code: str) -> None:
    customer = a_customer("Ada")

    with pytest.raises(Refused, match=code):
        with_one_changed(customer, a_changed_contact(customer.customer_id, contact_id, **changes), NOW)


@pytest.mark.parametrize(
    ("contact_id", "code"), [("cont_Bob", "contact_not_found"), ("cont_Ada", "precondition")]
)
def test_a_removal_is_refused(contact_id: str, code: str) -> None:
    customer = a_customer("Ada")

    with pytest.raises(Refused, match=code):
        with_one_less(
            customer, a_removed_contact(customer.customer_id, contact_id, expected_versions=[2]), NOW
        )


IDS = [f"cont_{number}" for number in range(5)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "remove"]),
        st.sampled_from(IDS),
        st.sampled_from([True, False, None]),
    ),
    max_size=30,
)


def after(customer: CustomerState, step: tuple[str, str, bool | None]) -> CustomerState:
    """What is after a step; the same where it is refused."""
    verb, contact_id, is_primary = step
    wish = {} if is_primary is None else {"is_primary": is_primary}
    customer_id = customer.customer_id
    try:
        if verb == "add":
            change = with_one_more(customer, a_new_contact(customer_id, contact_id=contact_id, **wish), NOW)
        elif verb == "change":
            change = with_one_changed(customer, a_changed_contact(customer_id, contact_id, **wish), NOW)
        else:
            change = with_one_less(customer, a_removed_contact(customer_id, contact_id), NOW)
    except Refused:
        return customer
    versions = [event.sequence for event in change.events]
    assert versions == list(range(customer.version + 1, change.customer.version + 1))
    return change.customer


@given(STEPS)
def test_whatever_happens_exactly_one_is_primary_if_there_is_any(
    steps: list[tuple[str, str, bool | None]],
) -> None:
    customer = a_customer()
    for step in steps:
        customer = after(customer, step)

        assert len(primaries(customer)) == min(1, len(customer.contacts))
        assert len({contact.id for contact in customer.contacts}) == len(customer.contacts)
