import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import derived_id, derived_uuid, new_message_id, prefixed_id


def test_ids_that_are_kept_somewhere_never_change() -> None:
    assert prefixed_id("cust", UUID(int=0)) == "cust_00000000000000000000000000"
    assert prefixed_id("cust", UUID(int=2**128 - 1)) == "cust_7zzzzzzzzzzzzzzzzzzzzzzzzz"
    assert prefixed_id("cust", UUID("0192f0c1-5a6b-7c8d-9e0f-112233445566")) == GOLDEN_PREFIXED
    assert derived_id("so", "/erp", "ERP-1001") == GOLDEN_DERIVED
    assert str(derived_uuid("command", "anonymous", "POST", "/api/customers", "k1")) == GOLDEN_COMMAND


GOLDEN_PREFIXED = "cust_01jbrc2pkbfj6sw3rh48sm8nb6"
GOLDEN_DERIVED = "so_6wfwywf0kdan1sk0xc8s5dhp9n"
GOLDEN_COMMAND = "29aed69f-05ac-5753-b0fe-ba8de5072d18"


@given(st.uuids(), st.uuids())
def test_two_numbers_never_share_an_id(one: UUID, other: UUID) -> None:
    assert (prefixed_id("cust", one) == prefixed_id("cust", other)) == (one == other)


@given(st.uuids())
def test_an_id_is_one_that_the_contract_takes(number: UUID) -> None:
    assert re.fullmatch(r"cust_[0-9a-hjkmnp-tv-z]{26}", prefixed_id("cust", number))


def test_the_same_parts_make_the_same_id() -> None:
    assert derived_id("so", "/erp", "ERP-1001") == derived_id("so", "/erp", "ERP-1001")


def test_what_the_parts_are_and_where_they_end_matters() -> None:
    ids = [
        derived_id("so", "/erp", "ERP-1001"),
        derived_id("so", "/erp", "ERP-1002"),
        derived_id("so", "/erpE", "RP-1001"),
        derived_id("so", "/erp", "ERP", "-1001"),
        derived_id("so", "/erpERP-1001"),
        derived_id("inv", "/erp", "ERP-1001"),
    ]
    assert len({each.partition("_")[2] for each in ids}) == len(ids)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_two_lists_of_parts_never_make_one_id(one: list[str], other: list[str]) -> None:
    assert (derived_uuid(*one) == derived_uuid(*other)) == (one == other)


def test_ids_of_messages_follow_the_order_of_their_making() -> None:
    ids = [new_message_id() for _ in range(1000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert {UUID(each).version for each in ids} == {7}
