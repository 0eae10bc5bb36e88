import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customers.contacts import with_one_primary
from shared.contracts.values import NewContact
from shared.errors import Refused

ADA, BOB, CY = (NewContact(name=name) for name in ("Ada", "Bob", "Cy"))


def primary(contact: NewContact) -> NewContact:
    return contact.model_copy(update={"is_primary": True})


def test_the_first_is_primary_where_none_asks_to_be() -> None:
    found = with_one_primary([ADA, BOB], ["cont_1", "cont_2"])

    assert [(contact.id, contact.is_primary) for contact in found] == [("cont_1", True), ("cont_2", False)]


def test_the_one_that_asks_to_be_is_primary() -> None:
    found = with_one_primary([ADA, primary(BOB), CY], ["cont_1", "cont_2", "cont_3"])

    assert [contact.name for contact in found if contact.is_primary] == ["Bob"]


def test_two_that_ask_to_be_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        with_one_primary([primary(ADA), primary(BOB)], ["cont_1", "cont_2"])

    assert refused.value.refusal.code == "several_primary_contacts"


def test_nobody_has_no_primary() -> None:
    assert with_one_primary([], []) == []


def test_a_contact_keeps_everything_it_was_sent_with() -> None:
    wish = NewContact(name="Ada", title="Boss", email="ada@example.com", phone="+1-555-0100")

    (contact,) = with_one_primary([wish], ["cont_1"])

    assert contact.model_dump() == {**wish.model_dump(), "id": "cont_1", "is_primary": True}


@given(st.integers(1, 50), st.data())
def test_whoever_asks_exactly_one_is_primary_and_the_order_stays(size: int, data: st.DataObject) -> None:
    asks = data.draw(st.none() | st.integers(0, size - 1))
    wishes = [NewContact(name=f"{place}", is_primary=place == asks) for place in range(size)]

    found = with_one_primary(wishes, [f"cont_{place}" for place in range(size)])

    assert [contact.is_primary for contact in found].index(True) == (asks or 0)
    assert sum(contact.is_primary for contact in found) == 1
    assert [contact.name for contact in found] == [wish.name for wish in wishes]
