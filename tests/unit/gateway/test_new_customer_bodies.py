from decimal import Decimal
from typing import Any

import pytest

from services.gateway.contact_bodies import SERVER_OWNED as SERVER_OWNED_OF_CONTACT
from services.gateway.customer_bodies import SERVER_OWNED, new_customer
from services.gateway.decoding import decoded
from services.gateway.problems import Problem
from shared.contracts.customers.requests import CreateCustomer
from tests.unit.gateway.support import a_body, an_address


def customer(**changes: object) -> CreateCustomer:
    return new_customer(a_body(**changes), "cust_1")


def failure(**changes: object) -> Problem:
    with pytest.raises(Problem) as caught:
        customer(**changes)
    assert caught.value.code == "validation_error"
    return caught.value


def errors(**changes: object) -> dict[str | None, str]:
    """Code by pointer."""
    return {error.pointer: error.code for error in failure(**changes).errors}


def test_the_least_body_leaves_the_defaults_to_the_contract() -> None:
    taken_in = customer()
    assert taken_in.customer_id == "cust_1"
    assert taken_in.model_fields_set == {"customer_id", "name", "email", "billing_address"}
    assert taken_in.payment_terms == "net_30"
    assert taken_in.currency == "USD"
    assert taken_in.credit_limit == Decimal("0.00")
    assert taken_in.is_active is True
    assert taken_in.contacts == []
    assert taken_in.shipping_address is None


def test_name_email_and_billing_address_are_required() -> None:
    expected = {"#/name": "required", "#/email": "required", "#/billing_address": "required"}
    assert errors(name=..., email=..., billing_address=...) == expected


def test_every_member_of_the_body_reaches_the_command() -> None:
    contact = {"name": "Bob", "title": "Chief", "email": "bob@newcustomer.com", "phone": "+1-555-1000"}
    given: dict[str, Any] = {
        "phone": "+1-555-0999",
        "fax": "+1-555-0998",
        "website": "https://newcustomer.com",
        "tax_id": "12-9876543",
        "shipping_address": an_address(line2="Floor 3"),
        "contacts": [{**contact, "is_primary": True}],
        "payment_terms": "net_45",
        "currency": "EUR",
        "credit_limit": Decimal("5000.00"),
        "discount_rate": Decimal("2.5"),
        "preferred_shipping": "FEDEX_GROUND",
        "is_active": False,
        "notes": "two\nlines",
    }
    taken_in = customer(**given).model_dump()
    assert taken_in["contacts"][0].pop("is_primary") is True
    assert taken_in["contacts"] == [contact]
    assert taken_in["shipping_address"]["line2"] == "Floor 3"
    told = {name: taken_in[name] for name in given if name not in {"contacts", "shipping_address"}}
    assert told == {name: value for name, value in given.items() if name in told}


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"name": ""}, "#/name", "too_short"),
        ({"name": "   "}, "#/name", "too_short"),
        ({"name": "x" * 201}, "#/name", "too_long"),
        ({"name": "a\u0000b"}, "#/name", "invalid_characters"),
        ({"name": "a\nb"}, "#/name", "invalid_characters"),
        ({"name": 1}, "#/name", "invalid_type"),
        ({"name": ["x"]}, "#/name", "invalid_type"),
        ({"email": "no address"}, "#/email", "invalid_email"),
        ({"email": "a@" + "b" * 260 + ".com"}, "#/email", "too_long"),
        ({"phone": "call me"}, "#/phone", "invalid_phone"),
        ({"phone": "123-45"}, "#/phone", "invalid_phone"),
        ({"fax": "+1 555 1234 5678 9012 3456"}, "#/fax", "invalid_phone"),
        ({"website": "newcustomer.com"}, "#/website", "invalid_website"),
        ({"website": "ftp://newcustomer.com"}, "#/website", "invalid_website"),
        ({"website": "https://newcustomer.com/" + "x" * 2048}, "#/website", "too_long"),
        ({"tax_id": "-1"}, "#/tax_id", "invalid_tax_id"),
        ({"tax_id": "x" * 33}, "#/tax_id", "invalid_tax_id"),
        ({"billing_address": "Business City"}, "#/billing_address", "invalid_type"),
        ({"billing_address": an_address(line1="")}, "#/billing_address/line1", "too_short"),
        ({"billing_address": an_address(city="x" * 101)}, "#/billing_address/city", "too_long"),
        ({"billing_address": an_address(country="XX")}, "#/billing_address/country", "invalid_country"),
        ({"billing_address": an_address(country="USA")}, "#/billing_address/country", "invalid_country"),
        ({"billing_address": an_address(postal_code="1" * 21)}, "#/billing_address/postal_code", "too_long"),
        ({"shipping_address": an_address(city=...)}, "#/shipping_address/city", "required"),
        ({"contacts": {}}, "#/contacts", "invalid_type"),
        ({"contacts": ["Bob"]}, "#/contacts/0", "invalid_type"),
        ({"contacts": [{}]}, "#/contacts/0/name", "required"),
        ({"contacts": [{"name": "Bob", "title": "x" * 101}]}, "#/contacts/0/title", "too_long"),
        (
            {"contacts": [{"name": "Bob"}, {"name": "Al", "email": "x"}]},
            "#/contacts/1/email",
            "invalid_email",
        ),
        ({"contacts": [{"name": "Bob", "is_primary": "yes"}]}, "#/contacts/0/is_primary", "invalid_type"),
        ({"payment_terms": "net_31"}, "#/payment_terms", "unknown_value"),
        ({"payment_terms": 30}, "#/payment_terms", "unknown_value"),
        ({"currency": "usd"}, "#/currency", "invalid_currency"),
        ({"currency": "KWD"}, "#/currency", "invalid_currency"),
        ({"credit_limit": "12.30"}, "#/credit_limit", "invalid_number"),
        ({"credit_limit": True}, "#/credit_limit", "invalid_number"),
        ({"credit_limit": Decimal("100.001")}, "#/credit_limit", "too_many_decimals"),
        ({"credit_limit": Decimal("100.00000000000000001")}, "#/credit_limit", "too_many_decimals"),
        ({"credit_limit": -1}, "#/credit_limit", "out_of_range"),
        ({"credit_limit": 10_000_000_000}, "#/credit_limit", "out_of_range"),
        ({"credit_limit": Decimal("1e400")}, "#/credit_limit", "out_of_range"),
        ({"discount_rate": Decimal("100.01")}, "#/discount_rate", "out_of_range"),
        ({"discount_rate": "5"}, "#/discount_rate", "invalid_number"),
        ({"preferred_shipping": "ups ground"}, "#/preferred_shipping", "invalid_shipping_method"),
        ({"notes": "x" * 5001}, "#/notes", "too_long"),
        ({"is_active": 1}, "#/is_active", "invalid_type"),
        ({"is_active": "true"}, "#/is_active", "invalid_type"),
    ],
)
def test_a_wrong_member_is_named_by_pointer_and_code(
    changes: dict[str, object], pointer: str, code: str
) -> None:
    assert errors(**changes) == {pointer: code}


def test_a_length_is_told_in_characters() -> None:
    long, short = failure(name="x" * 201), failure(name="")
    assert [error.detail for error in long.errors] == ["must have at most 200 characters"]
    assert [error.detail for error in short.errors] == [
        "must have at least 1 characters, blanks around not counted"
    ]


@pytest.mark.parametrize("number", ["100", "100.00", "1e2", "100.000"])
def test_a_hundred_may_be_written_in_many_ways(number: str) -> None:
    assert customer(credit_limit=decoded(number.encode())).credit_limit == Decimal("100.00")


@pytest.mark.parametrize("number", ["1e99999999999999999999", "1e400", "-1e99999999999999999999"])
def test_an_exponent_that_overflows_is_out_of_range(number: str) -> None:
    assert errors(credit_limit=decoded(number.encode())) == {"#/credit_limit": "out_of_range"}


def test_a_fraction_too_small_to_hold_is_never_rounded_away() -> None:
    assert errors(credit_limit=decoded(b"1e-99999999999999999999")) == {"#/credit_limit": "too_many_decimals"}


def test_text_is_trimmed_and_normalised() -> None:
    assert customer(name="  Cafe\u0301  ").name == "Caf\u00e9"


def test_a_country_is_raised_to_capitals() -> None:
    assert customer(billing_address=an_address(country="us")).billing_address.country == "US"


CLEARABLE = ["phone", "fax", "website", "tax_id", "shipping_address", "preferred_shipping", "notes"]
NOT_CLEARABLE = [
    *("name", "email", "billing_address", "contacts", "payment_terms", "currency"),
    *("credit_limit", "discount_rate", "is_active"),
]


@pytest.mark.parametrize("member", CLEARABLE)
def test_null_leaves_a_clearable_member_empty(member: str) -> None:
    assert getattr(customer(**{member: None}), member) is None


@pytest.mark.parametrize("member", NOT_CLEARABLE)
def test_null_is_refused_where_nothing_can_be_cleared(member: str) -> None:
    assert errors(**{member: None}) == {f"#/{member}": "null_not_allowed"}


def test_every_settable_member_is_clearable_or_not() -> None:
    assert {*CLEARABLE, *NOT_CLEARABLE, "customer_id"} == set(CreateCustomer.model_fields)


@pytest.mark.parametrize("member", ["title", "email", "phone"])
def test_null_leaves_a_clearable_member_of_a_contact_empty(member: str) -> None:
    assert getattr(customer(contacts=[{"name": "Bob", member: None}]).contacts[0], member) is None


@pytest.mark.parametrize("member", ["name", "is_primary"])
def test_null_is_refused_in_a_contact_where_nothing_can_be_cleared(member: str) -> None:
    found = errors(contacts=[{"name": "Bob", member: None}])
    assert found == {f"#/contacts/0/{member}": "null_not_allowed"}


@pytest.mark.parametrize("address", ["billing_address", "shipping_address"])
@pytest.mark.parametrize("member", ["line1", "line2", "city", "state", "postal_code", "country"])
def test_null_is_refused_in_an_address(address: str, member: str) -> None:
    assert errors(**{address: an_address(**{member: None})}) == {f"#/{address}/{member}": "null_not_allowed"}


def test_unknown_members_are_refused_at_every_depth() -> None:
    assert errors(
        nickname="N", billing_address=an_address(line3="x"), contacts=[{"name": "Bob", "fax": "1"}]
    ) == {
        "#/nickname": "unknown_member",
        "#/billing_address/line3": "unknown_member",
        "#/contacts/0/fax": "unknown_member",
    }


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("a/b", "#/a~1b"),
        ("a~b", "#/a~0b"),
        ("", "#/"),
        ("a b", "#/a%20b"),
        ("gr\u00fc\u00df", "#/gr%C3%BC%C3%9F"),
        ("a%b#", "#/a%25b%23"),
    ],
)
def test_a_pointer_is_escaped_as_rfc_6901_asks_for_in_a_uri(name: str, pointer: str) -> None:
    assert errors(**{name: 1}) == {pointer: "unknown_member"}


@pytest.mark.parametrize("member", sorted(SERVER_OWNED))
def test_a_server_owned_member_is_ignored_whatever_it_says(member: str) -> None:
    for value in ("cust_x", 5, None, ["x"]):
        assert customer(**{member: value}) == customer()


@pytest.mark.parametrize("member", sorted(SERVER_OWNED_OF_CONTACT))
def test_a_server_owned_member_of_a_contact_is_ignored(member: str) -> None:
    assert customer(contacts=[{"name": "Bob", member: 5}]) == customer(contacts=[{"name": "Bob"}])


def test_a_server_owned_member_is_unknown_where_it_does_not_belong() -> None:
    assert errors(billing_address=an_address(id="x"), contacts=[{"name": "Bob", "total_orders": 1}]) == {
        "#/billing_address/id": "unknown_member",
        "#/contacts/0/total_orders": "unknown_member",
    }


@pytest.mark.parametrize("missing", [["state"], ["postal_code"], ["state", "postal_code"]])
def test_the_us_need_state_and_postal_code(missing: list[str]) -> None:
    address = an_address(**dict.fromkeys(missing, ...))
    expected = {f"#/shipping_address/{member}": "required_for_country" for member in missing}
    assert errors(shipping_address=address) == expected


def test_other_countries_need_neither_state_nor_postal_code() -> None:
    customer(billing_address=an_address(country="DE", state=..., postal_code=...))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"city": ...}, "required"), ({"city": 5}, "invalid_type"), ({"line3": "x"}, "unknown_member")],
)
def test_what_a_country_needs_is_told_beside_the_address_s_other_errors(
    wrong: dict[str, object], code: str
) -> None:
    address = an_address(state=..., postal_code=..., **wrong)
    assert errors(billing_address=address) == {
        f"#/billing_address/{next(iter(wrong))}": code,
        "#/billing_address/state": "required_for_country",
        "#/billing_address/postal_code": "required_for_country",
    }


def test_a_state_that_is_there_but_wrong_is_not_called_missing() -> None:
    address = an_address(state="x" * 101, postal_code=...)
    assert errors(billing_address=address) == {
        "#/billing_address/state": "too_long",
        "#/billing_address/postal_code": "required_for_country",
    }


def test_what_a_wrong_country_needs_is_not_guessed() -> None:
    address = an_address(country="XX", state=...)
    assert errors(billing_address=address) == {"#/billing_address/country": "invalid_country"}


def test_each_primary_contact_after_the_first_is_an_error() -> None:
    contacts = [
        {"name": name, "is_primary": is_primary}
        for name, is_primary in zip("abcd", [0, 1, 1, 1], strict=True)
    ]
    for contact in contacts:
        contact["is_primary"] = bool(contact["is_primary"])
    assert errors(contacts=contacts) == {
        "#/contacts/2/is_primary": "several_primary_contacts",
        "#/contacts/3/is_primary": "several_primary_contacts",
    }


def test_what_is_no_boolean_makes_no_contact_primary() -> None:
    contacts = [{"name": "a", "is_primary": True}, {"name": "b", "is_primary": "yes"}]
    assert errors(contacts=contacts) == {"#/contacts/1/is_primary": "invalid_type"}


def test_no_contact_needs_to_be_primary() -> None:
    assert len(customer(contacts=[{"name": "a"}, {"name": "b", "is_primary": False}]).contacts) == 2


def test_fifty_contacts_are_taken_and_a_fifty_first_is_one_too_many() -> None:
    contacts: list[object] = [{"name": f"c{place}"} for place in range(51)]
    assert len(customer(contacts=contacts[:50]).contacts) == 50
    assert errors(contacts=contacts) == {"#/contacts": "too_many_contacts"}


def test_too_many_contacts_do_not_hide_what_is_wrong_with_one() -> None:
    contacts: list[object] = [{"name": ""}, *({"name": f"c{place}"} for place in range(50))]
    assert errors(contacts=contacts) == {"#/contacts": "too_many_contacts", "#/contacts/0/name": "too_short"}


def test_all_errors_come_in_one_answer() -> None:
    assert errors(
        name=..., email="x", nickname=1, credit_limit="1", billing_address=an_address(country="XX", city=...),
        shipping_address=an_address(state=...), contacts=[{"name": "", "phone": "x"}, 7], is_active=None,
    ) == {
        "#/name": "required",
        "#/email": "invalid_email",
        "#/nickname": "unknown_member",
        "#/credit_limit": "invalid_number",
        "#/billing_address/country": "invalid_country",
        "#/billing_address/city": "required",
        "#/shipping_address/state": "required_for_country",
        "#/contacts/0/name": "too_short",
        "#/contacts/0/phone": "invalid_phone",
        "#/contacts/1": "invalid_type",
        "#/is_active": "null_not_allowed",
    }  # fmt: skip


def test_fifty_errors_are_listed_and_all_are_counted() -> None:
    found = failure(**{f"x{place}": 1 for place in range(60)})
    assert len(found.errors) == 50
    assert found.detail.startswith("60 members failed")


def test_a_detail_never_holds_the_value_that_was_sent() -> None:
    found = failure(
        name=5, email="secret@@secret", tax_id="!secret!", credit_limit="secret", payment_terms="secret"
    )
    assert not [error for error in found.errors if "secret" in error.detail]
