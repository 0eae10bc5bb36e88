"""Values that several contracts share: money, texts, addresses, contacts, codes. Pure.

Each type carries its rule (`http-api` D.4) and the stable code of its violation, so that the gateway's
bodies and the topics' records are held to the same rules. Decimals are strict by origin: JSON *strings* on
topics (`model_validate_json`), JSON *numbers* in HTTP bodies (`model_validate` of exactly decoded Decimals).
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Self, TypeVar

import pycountry
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.messaging import Value

CENT = Decimal("0.01")
EARLIEST_YEAR, LATEST_YEAR = 1900, 9998
CREDIT_LIMIT_MAX = Decimal("9999999999.99")
AMOUNT_MAX = Decimal("999999999999.99")
UNIT_PRICE_MAX = Decimal("9999999.9999")
CONTACTS_MAX = 50

D = TypeVar("D", date, datetime)

# ISO 4217 codes an account cannot be kept in: more than two minor digits, or no currency at all (metals,
# tests)
_UNUSABLE_CURRENCIES = frozenset(
    [
        "BHD",
        "IQD",
        "JOD",
        "KWD",
        "LYD",
        "OMR",
        "TND",
        "CLF",
        "UYW",
        "XAU",
        "XAG",
        "XPT",
        "XPD",
        "XDR",
        "XSU",
        "XUA",
        "XBA",
        "XBB",
        "XBC",
        "XBD",
        "XTS",
        "XXX",
    ]
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-]{4,30}")
_TAX_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./\-]{1,31}")
_WEBSITE = re.compile(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#:@\[\]\\]+)(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE
)
_SHIPPING = re.compile(r"[A-Z][A-Z0-9_]{1,49}")
_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_RFC_3339_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DECIMAL_TEXT = re.compile(r"-?(?:0|[1-9]\d{0,15})(?:\.\d{1,4})?")


# Text


def _clean(value: Any, allow_lines: bool = False) -> Any:
    if not isinstance(value, str):
        return value  # pydantic says that it must be a string
    if _SURROGATE.search(value) or (_CONTROL_BUT_LINES if allow_lines else _CONTROL).search(value):
        raise PydanticCustomError("invalid_characters", "must not contain control characters")
    return unicodedata.normalize("NFC", value).strip()


def _clean_lines(value: Any) -> Any:
    return _clean(value, allow_lines=True)


def _shown(**limits: str | int) -> WithJsonSchema:
    """What the published schema says of texts whose rule is kept by code."""
    return WithJsonSchema({"type": "string", **limits})


def _matches(pattern: re.Pattern[str], code: str, rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise PydanticCustomError(code, rule)
        return value

    return AfterValidator(check)


def _email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    is_plain = len(local) <= 64 and _PLAIN_LOCAL_PART.fullmatch(local) and _is_domain(domain)
    if not is_plain and not _is_email(value):
        raise PydanticCustomError("invalid_email", "must be an e-mail address")
    return value


def _is_email(value: str) -> bool:
    try:
        validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_domain(name: str) -> bool:
    """Whether addresses may end in it; asking is most of what the check of an import costs."""
    return _is_email(f"a@{name}")


def _phone(value: str) -> str:
    if not _PHONE.fullmatch(value) or not 7 <= sum(map(str.isdigit, value)) <= 15:
        raise PydanticCustomError(
            "invalid_phone", "must be a phone number of 7 to 15 digits, optionally with +"
        )
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_clean)]
Title = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_clean)]
Line = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_clean)]
Locality = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_clean)]
PostalCode = Annotated[str, Field(min_length=1, max_length=20), BeforeValidator(_clean)]
SearchText = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_clean)]
Notes = Annotated[str, Field(max_length=5000), BeforeValidator(_clean_lines)]
Email = Annotated[
    str,
    Field(max_length=254),
    BeforeValidator(_clean),
    AfterValidator(_email),
    _shown(format="email", maxLength=254),
]
Phone = Annotated[str, BeforeValidator(_clean), AfterValidator(_phone), _shown(pattern=f"^{_PHONE.pattern}$")]
Website = Annotated[
    str,
    Field(max_length=2048),
    BeforeValidator(_clean),
    _matches(_WEBSITE, "invalid_website", "must be an absolute http or https URL"),
    _shown(format="uri", maxLength=2048),
]
TaxId = Annotated[
    str,
    BeforeValidator(_clean),
    _matches(_TAX_ID, "invalid_tax_id", "must be 2 to 32 letters, digits, spaces, dots, slashes or hyphens"),
    _shown(pattern=f"^{_TAX_ID.pattern}$"),
]
ShippingMethod = Annotated[
    str,
    BeforeValidator(_clean),
    _matches(
        _SHIPPING, "invalid_shipping_method", "must be 2 to 50 capitals, digits or underscores, capital first"
    ),
    _shown(pattern=f"^{_SHIPPING.pattern}$"),
]


# Decimals


def _decimal(value: Any, info: ValidationInfo) -> Decimal:
    if info.mode == "json":
        if isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value):
            return Decimal(value)
        raise PydanticCustomError("invalid_decimal", 'must be a decimal as a JSON string, such as "12.30"')
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise PydanticCustomError("invalid_number", "must be a JSON number")


def _hundredths(value: Decimal) -> Decimal:
    if value.adjusted() > 15 or value != value.quantize(CENT):
        raise PydanticCustomError("too_many_decimals", "must have at most 2 decimals")
    return value.quantize(CENT) + 0  # + 0 turns -0.00 into 0.00


def _ten_thousandths(value: Decimal) -> Decimal:
    return value + 0  # no decimal on a topic has more than four


def _between(low: Decimal, high: Decimal, decimals: int = 2) -> BeforeValidator:
    rounded = _hundredths if decimals == 2 else _ten_thousandths

    def check(value: Any, info: ValidationInfo) -> Decimal:
        number = _decimal(value, info)
        if not low <= number <= high:
            raise PydanticCustomError(
                "out_of_range", "must be between {low} and {high}", {"low": str(low), "high": str(high)}
            )
        return rounded(number)

    return BeforeValidator(check)


def _decimal_schema(low: str, high: str, decimals: int = 2) -> WithJsonSchema:
    sign = "-?" if low.startswith("-") else ""
    return WithJsonSchema(
        {
            "type": "string",
            "format": "decimal",
            "pattern": rf"^{sign}\d+(\.\d{{1,{decimals}}})?$",
            "description": f"Decimal, at most {decimals} decimals, {low} to {high}.",
            "x-minimum": low,
            "x-maximum": high,
        }
    )


CreditLimit = Annotated[
    Decimal, _between(Decimal(0), CREDIT_LIMIT_MAX), _decimal_schema("0.00", str(CREDIT_LIMIT_MAX))
]
DiscountRate = Annotated[Decimal, _between(Decimal(0), Decimal(100)), _decimal_schema("0.00", "100.00")]
PositiveAmount = Annotated[Decimal, _between(CENT, AMOUNT_MAX), _decimal_schema("0.01", str(AMOUNT_MAX))]
"""Money that changes hands, in the currency beside it."""
Amount = Annotated[Decimal, _between(Decimal(0), AMOUNT_MAX), _decimal_schema("0.00", str(AMOUNT_MAX))]
"""Money, nothing included, in the currency beside it."""
Balance = Annotated[
    Decimal,
    _between(-AMOUNT_MAX * 100, AMOUNT_MAX * 100),
    _decimal_schema("-99999999999999.00", "99999999999999.00"),
]
"""A sum of money, which may be negative, in the currency beside it."""
UnitPrice = Annotated[
    Decimal,
    _between(Decimal(0), UNIT_PRICE_MAX, decimals=4),
    _decimal_schema("0.00", str(UNIT_PRICE_MAX), decimals=4),
]

NumberInAnswer = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A decimal in an answer, which is shaped for HTTP: a JSON number."""


# Times


def instant_in_answer(at: datetime | None) -> str:
    """An instant as JSON, as answers show it: UTC without fractional seconds; `null` for None."""
    return "null" if at is None else f'"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"'


def _of_our_times(value: D) -> D:
    """What lies beyond cannot be told in every time zone, and is a mistake."""
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise PydanticCustomError("out_of_range", "must lie between the years 1900 and 9998")
    return value


def _instant(value: Any, info: ValidationInfo) -> Any:
    if info.mode == "json" and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise PydanticCustomError("invalid_instant", "must be an RFC 3339 date-time with an offset")
    return value


def _day(value: Any, info: ValidationInfo) -> Any:
    if info.mode != "json":
        return value
    if isinstance(value, str) and _RFC_3339_DATE.fullmatch(value):
        return value
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        return _of_our_times(datetime.fromisoformat(value)).astimezone(UTC).date()
    raise PydanticCustomError("invalid_date", "must be an RFC 3339 date, or a date-time with an offset")


Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_of_our_times)]
"""A point in time: on topics RFC 3339 with an offset, such as 2024-01-15T00:00:00Z."""
Day = Annotated[
    date,
    BeforeValidator(_day),
    AfterValidator(_of_our_times),
    WithJsonSchema({"anyOf": [{"type": "string", "format": kind} for kind in ("date", "date-time")]}),
]
"""A calendar day in UTC: 2024-01-15; a date-time with an offset is the day on which it falls there."""


# Codes


@cache
def _countries() -> frozenset[str]:
    return frozenset(country.alpha_2 for country in pycountry.countries)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies) - _UNUSABLE_CURRENCIES


def _country(value: str) -> str:
    code = value.upper() if value.isascii() else value  # capitals of other letters can be ASCII
    if code not in _countries():
        raise PydanticCustomError("invalid_country", "must be an ISO 3166-1 alpha-2 code")
    return code


def _currency(value: str) -> str:
    if value not in _currencies():
        raise PydanticCustomError(
            "invalid_currency", "must be an ISO 4217 code of a currency with at most 2 minor digits"
        )
    return value


Country = Annotated[str, BeforeValidator(_clean), AfterValidator(_country), _shown(pattern="^[A-Za-z]{2}$")]
Currency = Annotated[str, BeforeValidator(_clean), AfterValidator(_currency), _shown(pattern="^[A-Z]{3}$")]
PaymentTerms = Literal[
    "due_on_receipt", "prepaid", "net_7", "net_10", "net_15", "net_30", "net_45", "net_60", "net_90"
]


# Parts


def unchanged() -> Any:
    """The default of a member that is left as it is where it is absent; null is no value of it."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


CUSTOMER_ID = r"cust_[A-Za-z0-9]{1,64}"
CONTACT_ID = r"cont_[A-Za-z0-9]{1,64}"
ORDER_ID = r"so_[A-Za-z0-9]{1,64}"
INVOICE_ID = r"inv_[A-Za-z0-9]{1,64}"
CHECK_ID = r"chk_[A-Za-z0-9]{1,64}"
ORDER_NUMBER = r"SO-\d{4}-\d{3,9}"

CustomerId = Annotated[str, Field(pattern=f"^{CUSTOMER_ID}$")]
ContactId = Annotated[str, Field(pattern=f"^{CONTACT_ID}$")]
OrderId = Annotated[str, Field(pattern=f"^{ORDER_ID}$")]
InvoiceId = Annotated[str, Field(pattern=f"^{INVOICE_ID}$")]
CheckId = Annotated[str, Field(pattern=f"^{CHECK_ID}$")]
OrderNumber = Annotated[str, Field(pattern=f"^{ORDER_NUMBER}$")]
Reason = Annotated[str, Field(min_length=1, max_length=500), BeforeValidator(_clean)]
ForeignId = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,100}$")]
"""An id another system gave: visible ASCII."""


class Address(Value):
    """A postal address; members that are not set are left out.

    On topics null is accepted for them, never sent.
    country: ISO 3166-1 alpha-2, capitals. state, postal_code: required where the country is US.
    """

    line1: Line
    line2: Line | None = None
    city: Locality
    state: Locality | None = None
    postal_code: PostalCode | None = None
    country: Country

    @model_validator(mode="after")
    def _complete_for_its_country(self) -> Self:
        missing = [name for name in ("state", "postal_code") if getattr(self, name) is None]
        if self.country == "US" and missing:
            raise PydanticCustomError(
                "required_for_country", "required where the country is US", {"members": missing}
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_set(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class NewContact(Value):
    """A contact as it is sent with a new customer.

    title, email, phone: None where not known. is_primary: a wish; which one is primary, customers decides.
    """

    name: Name
    title: Title | None = None
    email: Email | None = None
    phone: Phone | None = None
    is_primary: StrictBool = False


class Contact(Value):
    """A person to call at a customer; exactly one of a customer's contacts is primary."""

    id: str
    name: str
    title: str | None
    email: str | None
    phone: str | None
    is_primary: bool
