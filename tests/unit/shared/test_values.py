import json
from decimal import Decimal
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.customers.events import CustomerCreated
from shared.contracts.customers.requests import CreateCustomer
from shared.contracts.values import Address
from shared.messaging import Poison
from tests.support.builders import Body, a_contact_body, an_address

LEAST: Body = {
    "customer_id": "cust_456",
    "name": "New Customer Corp",
    "email": "orders@newcustomer.example",
    "billing_address": an_address(),
}


def decoded(**changes: object) -> CreateCustomer:
    """The command as a consumer reads it off its topic."""
    members = {name: value for name, value in {**LEAST, **changes}.items() if value is not ...}
    return CreateCustomer.from_json(json.dumps(members).encode())


def faults_of(**changes: object) -> list[str]:
    with pytest.raises(Poison) as poison:
        decoded(**changes)
    assert poison.value.code == "invalid_body"
    return str(poison.value).removeprefix("invalid_body: ").split("; ")


ACCEPTED: list[tuple[str, object, object]] = [
    ("name", "  Ada  ", "Ada"),
    ("name", "x" * 200, "x" * 200),
    ("name", "e\u0301", "\u00e9"),
    ("email", "A@B.example", "A@B.example"),
    ("email", "x@localhost.test", "x@localhost.test"),
    ("phone", "+1-555-0999", "+1-555-0999"),
    ("phone", "(555) 123-4567"[1:], "555) 123-4567"),
    ("phone", "1234567", "1234567"),
    ("phone", None, None),
    ("fax", "+49 (0)30 123456", "+49 (0)30 123456"),
    ("website", "https://example.com", "https://example.com"),
    ("website", "HTTP://[::1]:8080/a?b#c", "HTTP://[::1]:8080/a?b#c"),
    ("tax_id", "12-9876543", "12-9876543"),
    ("tax_id", "DE 123/456.789", "DE 123/456.789"),
    ("payment_terms", "due_on_receipt", "due_on_receipt"),
    ("payment_terms", "net_90", "net_90"),
    ("currency", "EUR", "EUR"),
    ("currency", "JPY", "JPY"),
    ("credit_limit", "0", Decimal("0.00")),
    ("credit_limit", "12.3", Decimal("12.30")),
    ("credit_limit", "9999999999.99", Decimal("9999999999.99")),
    ("credit_limit", "-0.00", Decimal("0.00")),
    ("discount_rate", "100.00", Decimal("100.00")),
    ("preferred_shipping", "UPS_GROUND", "UPS_GROUND"),
    ("notes", "x" * 5000, "x" * 5000),
    ("notes", "two\nlines\tand a tab", "two\nlines\tand a tab"),
    ("notes", "", ""),
    ("is_active", False, False),
    ("customer_id", "cust_" + "a" * 64, "cust_" + "a" * 64),
]

REFUSED: list[tuple[str, object, str]] = [
    ("name", ..., "name: missing"),
    ("name", None, "name: string_type"),
    ("name", "", "name: string_too_short"),
    ("name", "   ", "name: string_too_short"),
    ("name", "x" * 201, "name: string_too_long"),
    ("name", 1, "name: string_type"),
    ("name", "a\x00b", "name: invalid_characters"),
    ("name", "a\nb", "name: invalid_characters"),
    ("name", "a\x85b", "name: invalid_characters"),
    ("email", ..., "email: missing"),
    ("email", "nobody", "email: invalid_email"),
    ("email", "a@b@c.example", "email: invalid_email"),
    ("email", "a b@c.example", "email: invalid_email"),
    ("email", "x" * 250 + "@b.example", "email: string_too_long"),
    ("phone", "call me", "phone: invalid_phone"),
    ("phone", "123456", "phone: invalid_phone"),
    ("phone", "1234567890123456", "phone: invalid_phone"),
    ("phone", "++1-555-0999", "phone: invalid_phone"),
    ("fax", "", "fax: invalid_phone"),
    ("website", "example.com", "website: invalid_website"),
    ("website", "ftp://example.com", "website: invalid_website"),
    ("website", "https://", "website: invalid_website"),
    ("website", "https://a b", "website: invalid_website"),
    ("website", "https://example.com/" + "x" * 2030, "website: string_too_long"),
    ("tax_id", "1", "tax_id: invalid_tax_id"),
    ("tax_id", "-12", "tax_id: invalid_tax_id"),
    ("tax_id", "1" * 33, "tax_id: invalid_tax_id"),
    ("payment_terms", "net_31", "payment_terms: literal_error"),
    ("payment_terms", None, "payment_terms: literal_error"),
    ("currency", "usd", "currency: invalid_currency"),
    ("currency", "XXX", "currency: invalid_currency"),
    ("currency", "KWD", "currency: invalid_currency"),
    ("currency", "ABC", "currency: invalid_currency"),
    ("credit_limit", 10, "credit_limit: invalid_decimal"),
    ("credit_limit", 10.5, "credit_limit: invalid_decimal"),
    ("credit_limit", True, "credit_limit: invalid_decimal"),
    ("credit_limit", None, "credit_limit: invalid_decimal"),
    ("credit_limit", "1e2", "credit_limit: invalid_decimal"),
    ("credit_limit", " 1", "credit_limit: invalid_decimal"),
    ("credit_limit", "+1", "credit_limit: invalid_decimal"),
    ("credit_limit", "1.", "credit_limit: invalid_decimal"),
    ("credit_limit", "007", "credit_limit: invalid_decimal"),
    ("credit_limit", "1,00", "credit_limit: invalid_decimal"),
    ("credit_limit", "NaN", "credit_limit: invalid_decimal"),
    ("credit_limit", "Infinity", "credit_limit: invalid_decimal"),
    ("credit_limit", "\u0661", "credit_limit: invalid_decimal"),
    ("credit_limit", "-0.01", "credit_limit: out_of_range"),
    ("credit_limit", "10000000000.00", "credit_limit: out_of_range"),
    ("credit_limit", "100.001", "credit_limit: too_many_decimals"),
    ("discount_rate", "100.01", "discount_rate: out_of_range"),
    ("discount_rate", "2.555", "discount_rate: too_many_decimals"),
    ("discount_rate", 2.5, "discount_rate: invalid_decimal"),
    ("preferred_shipping", "ups", "preferred_shipping: invalid_shipping_method"),
    ("preferred_shipping", "U", "preferred_shipping: invalid_shipping_method"),
    ("preferred_shipping", "U" * 51, "preferred_shipping: invalid_shipping_method"),
    ("notes", "x" * 5001, "notes: string_too_long"),
    ("notes", "a\x00b", "notes: invalid_characters"),
    ("is_active", None, "is_active: bool_type"),
    ("customer_id", "cust_", "customer_id: string_pattern_mismatch"),
    ("customer_id", "cust_a\n", "customer_id: string_pattern_mismatch"),
    ("customer_id", "456", "customer_id: string_pattern_mismatch"),
    ("customer_id", "cust_" + "a" * 65, "customer_id: string_pattern_mismatch"),
    ("contacts", None, "contacts: list_type"),
    ("contacts", {}, "contacts: list_type"),
    ("contacts", [{}], "contacts.0.name: missing"),
    ("contacts", [a_contact_body(title="x" * 101)], "contacts.0.title: string_too_long"),
    ("contacts", [a_contact_body(email="nobody")], "contacts.0.email: invalid_email"),
    ("contacts", [a_contact_body(phone="1")], "contacts.0.phone: invalid_phone"),
    ("contacts", [a_contact_body()] * 51, "contacts: too_long"),
    ("billing_address", ..., "billing_address: missing"),
    ("billing_address", None, "billing_address: model_type"),
    ("billing_address", "Main Street", "billing_address: model_type"),
    ("billing_address", an_address(line1=...), "billing_address.line1: missing"),
    ("billing_address", an_address(line1="x" * 201), "billing_address.line1: string_too_long"),
    ("billing_address", an_address(line2=""), "billing_address.line2: string_too_short"),
    ("billing_address", an_address(city="x" * 101), "billing_address.city: string_too_long"),
    ("billing_address", an_address(state="x" * 101), "billing_address.state: string_too_long"),
    ("billing_address", an_address(postal_code="1" * 21), "billing_address.postal_code: string_too_long"),
    ("billing_address", an_address(country="ZZ"), "billing_address.country: invalid_country"),
    ("billing_address", an_address(country="USA"), "billing_address.country: invalid_country"),
    ("billing_address", an_address(country="\u017fS"), "billing_address.country: invalid_country"),
    ("billing_address", an_address(country="\u0131R"), "billing_address.country: invalid_country"),
    ("billing_address", an_address(state=...), "billing_address: required_for_country"),
    ("billing_address", an_address(postal_code=...), "billing_address: required_for_country"),
    ("shipping_address", an_address(city=...), "shipping_address.city: missing"),
]


@pytest.mark.parametrize(("member", "sent", "read"), ACCEPTED)
def test_what_the_rules_allow_is_read(member: str, sent: object, read: object) -> None:
    assert getattr(decoded(**{member: sent}), member) == read


@pytest.mark.parametrize(("member", "sent", "fault"), REFUSED)
def test_what_the_rules_forbid_is_poison_with_the_code_of_its_rule(
    member: str, sent: object, fault: str
) -> None:
    assert faults_of(**{member: sent}) == [fault]


LOCAL_PARTS = st.text("ab.1!'+_-\u00fc \"@", max_size=70)
DOMAINS = st.text("ab.1-_\u00fc @[]", max_size=20) | st.sampled_from(["x.example", "b\u00fccher.example"])


@given(local=LOCAL_PARTS, domain=DOMAINS)
def test_an_address_is_judged_as_the_library_judges_it(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    try:
        validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        assert faults_of(email=address) == ["email: invalid_email"]
    else:
        assert decoded(email=address).email == address.strip()


def test_all_faults_are_named_at_once() -> None:
    assert faults_of(name="", credit_limit=1, currency="usd") == [
        "name: string_too_short",
        "currency: invalid_currency",
        "credit_limit: invalid_decimal",
    ]


def test_a_fault_quotes_no_value() -> None:
    assert "secret" not in faults_of(email="secret")[0]


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"1", b'"text"', b"\xff", b'{"a": NaN}'])
def test_what_is_no_json_object_is_poison(value: bytes) -> None:
    with pytest.raises(Poison, match="invalid_body"):
        CreateCustomer.from_json(value)


def test_unknown_members_are_ignored_at_every_depth() -> None:
    known = decoded(contacts=[a_contact_body()])

    newer = decoded(
        contacts=[a_contact_body(mood="fine")], billing_address=an_address(floor=3), loyalty="gold"
    )

    assert newer == known


def test_what_was_not_sent_has_its_default() -> None:
    command = decoded()

    assert (command.payment_terms, command.currency, command.is_active) == ("net_30", "USD", True)
    assert (command.credit_limit, command.discount_rate) == (Decimal("0.00"), Decimal("0.00"))
    assert (command.contacts, command.shipping_address, command.notes) == ([], None, None)


def test_a_country_is_written_in_capitals() -> None:
    address = Address.model_validate(an_address(country="us"))

    assert address.country == "US"


def test_a_country_that_needs_no_state_may_lack_it() -> None:
    address = Address.model_validate({"line1": "1 High St", "city": "London", "country": "GB"})

    assert address.model_dump() == {"line1": "1 High St", "city": "London", "country": "GB"}


cents = st.integers(0, 999_999_999_999).map(lambda number: Decimal(number).scaleb(-2))


@given(cents)
def test_every_amount_crosses_a_topic_to_the_cent(amount: Decimal) -> None:
    command = decoded(credit_limit=str(amount))
    again = CreateCustomer.from_json(command.to_json())

    assert command.credit_limit == again.credit_limit == amount
    assert str(again.credit_limit) == str(amount.quantize(Decimal("0.01")))
    assert json.loads(command.to_json())["credit_limit"] == str(amount.quantize(Decimal("0.01")))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_kept_whole_or_refused_never_rounded(number: Decimal) -> None:
    given_members: dict[str, Any] = {**LEAST, "credit_limit": number}
    fits = 0 <= number <= Decimal("9999999999.99") and (number * 100) % 1 == 0
    try:
        command = CreateCustomer.model_validate(given_members)
    except ValidationError:
        assert not fits
    else:
        assert fits
        assert command.credit_limit == number


@given(st.floats())
def test_a_float_is_no_amount(number: float) -> None:
    with pytest.raises(ValidationError):
        CreateCustomer.model_validate({**LEAST, "credit_limit": number})


@given(st.integers(0, 10_000).map(lambda number: Decimal(number).scaleb(-2)))
def test_an_event_carries_decimals_as_text(rate: Decimal) -> None:
    event = CustomerCreated.model_validate(
        {
            "customer_id": "cust_456",
            "version": 1,
            "customer_since": "2024-01-15T21:30:00Z",
            "payment_terms": "net_30",
            "currency": "USD",
            "credit_limit": rate,
            "discount_rate": rate,
            "is_active": True,
        }
    )
    assert json.loads(event.to_json())["discount_rate"] == str(rate.quantize(Decimal("0.01")))
