from decimal import Decimal
from typing import Any

import pytest

from services.gateway.customer_bodies import SERVER_OWNED, changed_customer
from services.gateway.problems import Problem
from shared.contracts.customers.requests import UpdateCustomer
from tests.unit.gateway.support import an_address

CLEARABLE = ["phone", "fax", "website", "tax_id", "shipping_address", "preferred_shipping", "notes"]
NOT_CLEARABLE = [
    *("name", "email", "billing_address", "contacts", "payment_terms", "currency"),
    *("credit_limit", "discount_rate", "is_active"),
]
CONTACT = {
    "id": "cont_101",
    "name": "Alice Johnson",
    "title": None,
    "email": "alice.johnson@customerxyz.com",
    "phone": None,
    "is_primary": True,
}


def a_contact(**changes: object) -> dict[str, object]:
    """A contact as a detail shows it, with changes; `...` takes a member away."""
    return {name: value for name, value in {**CONTACT, **changes}.items() if value is not ...}


def change(**body: object) -> UpdateCustomer:
    return changed_customer(body, {"customer_id": "cust_1"})


def failure(**body: object) -> Problem:
    with pytest.raises(Problem) as caught:
        change(**body)
    assert caught.value.code == "validation_error"
    return caught.value


def errors(**body: object) -> dict[str | None, str]:
    """Code by pointer."""
    found = failure(**body).errors
    assert len(found) == len({error.pointer for error in found})
    return {error.pointer: error.code for error in found}


def test_what_is_absent_is_no_part_of_the_command() -> None:
    assert change().given() == {}
    assert change().to_json() == b'{"customer_id":"cust_1"}'
    assert change(name="New").given() == {"name": "New"}


def test_every_member_of_the_body_reaches_the_command() -> None:
    given: dict[str, Any] = {
        "name": "Updated Customer Name",
        "email": "new.orders@customer.com",
        "phone": "+1-555-0999",
        "fax": "+1-555-0998",
        "website": "https://newcustomer.com",
        "tax_id": "12-9876543",
        "billing_address": an_address(line2="Floor 3"),
        "shipping_address": an_address(),
        "contacts": [a_contact()],
        "payment_terms": "net_45",
        "currency": "EUR",
        "credit_limit": Decimal("15000.00"),
        "discount_rate": Decimal("7.5"),
        "preferred_shipping": "UPS_GROUND",
        "is_active": False,
        "notes": "two\nlines",
    }
    assert set(given) == set(UpdateCustomer.model_fields) - {"customer_id", "expected_versions"}
    assert change(**given).model_dump(exclude_unset=True) == {"customer_id": "cust_1", **given}


@pytest.mark.parametrize("member", CLEARABLE)
def test_null_clears_what_can_be_cleared(member: str) -> None:
    assert change(**{member: None}).given() == {member: None}


@pytest.mark.parametrize("member", NOT_CLEARABLE)
def test_null_is_refused_where_nothing_can_be_cleared(member: str) -> None:
    assert errors(**{member: None}) == {f"#/{member}": "null_not_allowed"}


def test_every_settable_member_is_clearable_or_not() -> None:
    addressing = {"customer_id", "expected_versions"}
    assert {*CLEARABLE, *NOT_CLEARABLE} == set(UpdateCustomer.model_fields) - addressing


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": " "}, "#/name", "too_short"),
        ({"email": "nobody"}, "#/email", "invalid_email"),
        ({"phone": "call me"}, "#/phone", "invalid_phone"),
        ({"website": "customer.com"}, "#/website", "invalid_website"),
        ({"payment_terms": "net_31"}, "#/payment_terms", "unknown_value"),
        ({"currency": "usd"}, "#/currency", "invalid_currency"),
        ({"credit_limit": "12.30"}, "#/credit_limit", "invalid_number"),
        ({"credit_limit": Decimal("100.001")}, "#/credit_limit", "too_many_decimals"),
        ({"discount_rate": 101}, "#/discount_rate", "out_of_range"),
        ({"is_active": "yes"}, "#/is_active", "invalid_type"),
        ({"notes": "x" * 5001}, "#/notes", "too_long"),
        ({"colour": "blue"}, "#/colour", "unknown_member"),
        ({"billing_address": "Business City"}, "#/billing_address", "invalid_type"),
        ({"billing_address": an_address(line3="x")}, "#/billing_address/line3", "unknown_member"),
    ],
)
def test_a_wrong_member_is_named_by_pointer_and_code(
    body: dict[str, object], pointer: str, code: str
) -> None:
    assert errors(**body) == {pointer: code}


@pytest.mark.parametrize("member", ["expected_versions", "contact_id"])
@pytest.mark.parametrize("value", [None, 1, [1], "cont_1"])
def test_what_the_request_addresses_is_not_the_bodys_to_say(member: str, value: object) -> None:
    assert errors(**{member: value}) == {f"#/{member}": "unknown_member"}


@pytest.mark.parametrize("address", ["billing_address", "shipping_address"])
def test_an_address_comes_whole(address: str) -> None:
    assert errors(**{address: {"city": "Business City"}}) == {
        f"#/{address}/line1": "required",
        f"#/{address}/country": "required",
    }
    assert errors(**{address: an_address(state=...)}) == {f"#/{address}/state": "required_for_country"}


@pytest.mark.parametrize("address", ["billing_address", "shipping_address"])
@pytest.mark.parametrize("member", ["line1", "line2", "city", "state", "postal_code", "country"])
def test_null_is_refused_in_an_address(address: str, member: str) -> None:
    assert errors(**{address: an_address(**{member: None})}) == {f"#/{address}/{member}": "null_not_allowed"}


@pytest.mark.parametrize("member", sorted(SERVER_OWNED))
def test_a_server_owned_member_is_ignored_whatever_it_says(member: str) -> None:
    for value in ("cust_x", 5, None, ["x"]):
        assert change(**{member: value}) == change()


@pytest.mark.parametrize("contacts", [[], [a_contact()], [a_contact(), a_contact(id="cont_102")]])
def test_contacts_as_a_detail_shows_them_go_along(contacts: list[dict[str, object]]) -> None:
    assert [contact.model_dump() for contact in change(contacts=contacts).contacts] == contacts


@pytest.mark.parametrize(
    "contacts",
    [
        {},
        "none",
        [None],
        ["Alice"],
        [{"name": "Alice"}],
        [a_contact(id=...)],
        [a_contact(title=...)],
        [a_contact(is_primary="yes")],
        [a_contact(name=None)],
        [a_contact(customer_id="cust_1")],
        [a_contact(), 5],
    ],
)
def test_contacts_in_any_other_shape_have_routes_of_their_own(contacts: object) -> None:
    found = failure(contacts=contacts).errors
    assert [(error.pointer, error.code) for error in found] == [
        ("#/contacts", "contacts_have_routes_of_their_own")
    ]
    assert "/api/customers/:id/contacts" in found[0].detail


def test_all_errors_come_in_one_answer() -> None:
    assert errors(
        name=None, email="x", nickname=1, credit_limit="1",
        billing_address=an_address(country="XX", city=...),
        shipping_address=an_address(state=..., line2=None), contacts=[{}], expected_versions=[1], is_active=1,
    ) == {
        "#/name": "null_not_allowed",
        "#/email": "invalid_email",
        "#/nickname": "unknown_member",
        "#/credit_limit": "invalid_number",
        "#/billing_address/country": "invalid_country",
        "#/billing_address/city": "required",
        "#/shipping_address/state": "required_for_country",
        "#/shipping_address/line2": "null_not_allowed",
        "#/contacts": "contacts_have_routes_of_their_own",
        "#/expected_versions": "unknown_member",
        "#/is_active": "invalid_type",
    }  # fmt: skip
