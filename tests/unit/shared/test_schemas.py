from typing import Any

import pytest

from shared.contracts.customers.requests import AddContact, CreateCustomer, UpdateCustomer
from shared.contracts.examples import example_of
from shared.contracts.schemas import described, schemas_of
from shared.contracts.values import Address
from shared.messaging import Value


class Part(Value):
    """A part."""

    colour: str


class Whole(Value):
    """A whole, made for a test. It has parts.

    size: in mm; None where nobody measured. first, second: parts.
    shade: is no member, so it speaks of the whole.
    """

    size: int | None = None
    first: Part
    second: list[Part]


class Larger(Whole):
    """A larger whole. first: the largest part."""


def test_a_sentence_that_begins_with_members_describes_them() -> None:
    assert described(Whole).by_member == {
        "size": "In mm; null where nobody measured.",
        "first": "Parts.",
        "second": "Parts.",
    }


def test_the_first_sentence_is_the_summary_and_what_speaks_of_no_member_the_remarks() -> None:
    description = described(Whole)

    assert description.summary == "A whole, made for a test."
    assert description.remarks == "It has parts. shade: is no member, so it speaks of the whole."


def test_members_are_described_by_the_classes_that_are_extended_unless_told_anew() -> None:
    description = described(Larger)

    assert description.summary == "A larger whole."
    assert description.by_member["first"] == "The largest part."
    assert description.by_member["second"] == "Parts."


def test_schemas_come_with_all_parts_in_alphabetical_order() -> None:
    assert list(schemas_of([Whole])) == ["Part", "Whole"]


def test_a_member_may_be_null_only_where_null_is_a_value_of_it() -> None:
    members = schemas_of([UpdateCustomer])["UpdateCustomer"]["properties"]

    clearable = {name for name, member in members.items() if {"type": "null"} in member.get("anyOf", [])}
    assert clearable == {
        *("expected_versions", "phone", "fax", "website", "tax_id"),
        *("shipping_address", "preferred_shipping", "notes"),
    }


def test_an_optional_member_has_no_null_as_its_default() -> None:
    schemas = schemas_of([CreateCustomer, UpdateCustomer, AddContact, Address])

    defaults = [
        member["default"]
        for schema in schemas.values()
        for member in schema["properties"].values()
        if "default" in member
    ]
    assert defaults
    assert None not in defaults


def test_an_example_has_every_member_and_those_of_parts() -> None:
    schemas = schemas_of([CreateCustomer])

    example: dict[str, Any] = example_of("CreateCustomer", schemas)

    assert example.keys() == CreateCustomer.model_fields.keys()
    assert example["billing_address"].keys() == Address.model_fields.keys()
    assert example["contacts"][0]["name"] != example["name"]


def test_a_member_without_an_example_is_named() -> None:
    with pytest.raises(KeyError, match=r"Part\.colour has no example"):
        example_of("Part", schemas_of([Part]))
