"""Request bodies: read within limits, decoded exactly, held to their contract; all errors in one answer."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.gateway.decoding import decoded
from services.gateway.field_errors import NULL_NOT_ALLOWED, field_errors, first_of_each_place, pointer
from services.gateway.headers import header_lines
from services.gateway.media_types import is_json
from services.gateway.problems import FieldError, Problem, invalid_members
from services.gateway.requests import HttpRequest
from services.gateway.settings import GatewaySettings
from shared.contracts.customers import CreateCustomer
from shared.contracts.values import CONTACTS_MAX, Address

M = TypeVar("M", bound=BaseModel)
Members = dict[str, object]

# Known but not the client's to set: ignored, so that what was read can be edited and sent back
SERVER_OWNED = frozenset(
    {
        *("id", "customer_id", "external_ref", "customer_since", "created_at", "updated_at"),
        *("current_balance", "lifetime_value", "total_orders"),
    }
)
SERVER_OWNED_OF_CONTACT = frozenset({"id", "customer_id", "created_at", "updated_at"})
ADDRESSES = ("billing_address", "shipping_address")

_HOLDS_EVERYWHERE = "-"  # satisfies the rule of every address member but country


async def read_members(request: HttpRequest) -> Members:
    """The members of the JSON object that a request carries.

    A client that takes longer than `body_within_s` gets 400 `malformed_json` and its connection is closed:
    half a body is as unreadable as a broken one, and a sender that slow must not hold the connection. After
    413 the connection stays and the server throws away what still comes, so that the client reads the answer.

    Raises:
        Problem: `unsupported_media_type`, `payload_too_large`, `malformed_json`, `duplicate_member`, or
            `validation_error` where it is not an object.
    """
    _refuse_media_type(request)
    value = decoded(await _read(request))
    if not isinstance(value, dict):
        raise invalid_members([FieldError("invalid_type", "must be an object", pointer())])
    return value


def new_customer(body: Members, customer_id: str) -> CreateCustomer:
    """The command that a body asks for, under the id the gateway has chosen.

    Raises:
        Problem: `validation_error` with everything that is wrong.
    """
    errors = [error for name in ADDRESSES for error in _nulls_in_address(name, body.get(name))]
    members = {name: value for name, value in body.items() if name not in SERVER_OWNED}
    if isinstance(contacts := body.get("contacts"), list):
        errors += _wrong_with_all_contacts(contacts)
        members["contacts"] = [_without_server_owned(contact) for contact in contacts[:CONTACTS_MAX]]
    return _validated(CreateCustomer, {**members, "customer_id": customer_id}, errors)


def _refuse_media_type(request: HttpRequest) -> None:
    types = header_lines(request.scope, b"content-type")
    if not all(map(is_json, types)):
        raise Problem("unsupported_media_type", "The body must be application/json.")
    if any(
        coding.strip().lower() != b"identity" for coding in header_lines(request.scope, b"content-encoding")
    ):
        raise Problem("unsupported_media_type", "The body must be sent without a content coding.")


async def _read(request: HttpRequest) -> bytes:
    settings: GatewaySettings = request.app.state.settings
    lengths = header_lines(request.scope, b"content-length")
    if lengths and lengths[0].isdigit() and int(lengths[0][:20]) > settings.body_max_bytes:
        raise _too_large(settings.body_max_bytes)
    try:
        async with asyncio.timeout(settings.body_within_s):
            return await _received(request, settings.body_max_bytes)
    except TimeoutError:
        detail = f"The body did not arrive within {settings.body_within_s:g} s."
        raise Problem("malformed_json", detail, headers={"Connection": "close"}) from None


async def _received(request: HttpRequest, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Problem("malformed_json", "The body ended early.")
        body += message["body"]
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not message["more_body"]:
            return bytes(body)


def _too_large(max_bytes: int) -> Problem:
    return Problem("payload_too_large", f"The body must have at most {max_bytes} bytes.")


def _nulls_in_address(name: str, address: object) -> list[FieldError]:
    """Null only clears what stands at the top; the contract allows it in an address, HTTP does not."""
    if not isinstance(address, dict):
        return []
    nulls = [member for member, value in address.items() if value is None and member in Address.model_fields]
    return [FieldError(*NULL_NOT_ALLOWED, pointer=pointer(name, member)) for member in nulls]


def _wrong_with_all_contacts(contacts: list[object]) -> list[FieldError]:
    primaries = [
        place
        for place, contact in enumerate(contacts)
        if isinstance(contact, dict) and contact.get("is_primary") is True
    ]
    errors = [
        FieldError(
            "several_primary_contacts",
            "one contact at most may be primary",
            pointer=pointer("contacts", place, "is_primary"),
        )
        for place in primaries[1:]
    ]
    if len(contacts) > CONTACTS_MAX:
        detail = f"must have at most {CONTACTS_MAX} contacts"
        errors.append(FieldError("too_many_contacts", detail, pointer=pointer("contacts")))
    return errors


def _without_server_owned(contact: object) -> object:
    if not isinstance(contact, dict):
        return contact
    return {name: value for name, value in contact.items() if name not in SERVER_OWNED_OF_CONTACT}


def _validated(contract: type[M], members: Members, errors: list[FieldError]) -> M:
    """`members` as a contract object; `errors` are those found already.

    Strict: "yes" is no boolean. Unknown members are refused although contracts ignore them: on topics they
    come from newer senders, here they are mistakes.
    """
    try:
        valid = contract.model_validate(members, strict=True, extra="forbid")
    except ValidationError as failure:
        found = failure.errors(include_url=False)
        errors = errors + field_errors(found)
        for name in ADDRESSES:
            wrong = {str(path[1]) for path in (each["loc"] for each in found) if path[0] == name and path[1:]}
            errors += _missing_for_country(name, members[name], wrong) if wrong else []
        raise invalid_members(first_of_each_place(errors)) from None
    if errors:
        raise invalid_members(first_of_each_place(errors))
    return valid


def _missing_for_country(name: str, address: object, wrong: set[str]) -> list[FieldError]:
    """The errors between members of an address that is wrong already.

    pydantic asks for what a country needs only where each member holds by itself; so it is asked again about
    the same address with stand-ins for the wrong members. None stands in for a country: what a wrong one
    needs, nobody knows.
    """
    if not isinstance(address, Mapping):
        return []
    known = {member: value for member, value in address.items() if member in Address.model_fields}
    stand_ins = {member: _HOLDS_EVERYWHERE for member in wrong if member in Address.model_fields}
    try:
        Address.model_validate({**known, **stand_ins}, strict=True)
    except ValidationError as failure:
        return field_errors(failure.errors(include_url=False), within=(name,))
    return []
