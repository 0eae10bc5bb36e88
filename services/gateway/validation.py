"""Members of a body held to their contract; all errors in one answer. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.gateway.field_errors import (
    NULL_NOT_ALLOWED,
    UNKNOWN_MEMBER,
    field_errors,
    first_of_each_place,
    pointer,
)
from services.gateway.problems import FieldError, invalid_members
from shared.contracts.values import Address

M = TypeVar("M", bound=BaseModel)
Members = Mapping[str, object]
Addressing = dict[str, Any]
"""The members of a command that path and headers give: texts, and a list of numbers."""

ADDRESSING = frozenset({"customer_id", "contact_id", "check_id", "expected_versions"})
ADDRESSES = ("billing_address", "shipping_address")
_HOLDS_EVERYWHERE = "-"  # satisfies the rule of every address member but country


def validated(
    contract: type[M], addressing: Addressing, members: Members, errors: Sequence[FieldError] = ()
) -> M:
    """The command to whom `addressing` says, with the members of a body.

    Strict: "yes" is no boolean. Unknown members are refused although contracts ignore them: on topics they
    come from newer senders, here they are mistakes; so is what a body says of `addressing`.

    Args:
        contract: Whose rules hold.
        addressing: Not the body's to say.
        members: As decoded, without those that are the server's.
        errors: Those found already; they come first.

    Raises:
        Problem: `validation_error` with everything that is wrong, one error for each place.
    """
    addresses = [name for name in ADDRESSES if name in contract.model_fields]
    errors = [*errors, *_not_the_bodys_to_say(members)]
    for name in addresses:
        errors += _nulls_in_address(name, members.get(name))
    try:
        valid = contract.model_validate({**members, **addressing}, strict=True, extra="forbid")
    except ValidationError as failure:
        found = failure.errors(include_url=False)
        errors += field_errors(found)
        for name in addresses:
            wrong = {str(path[1]) for path in (each["loc"] for each in found) if path[0] == name and path[1:]}
            errors += _missing_for_country(name, members[name], wrong) if wrong else []
    if errors:
        raise invalid_members(first_of_each_place(errors))
    return valid


def without(names: frozenset[str], members: Members) -> dict[str, object]:
    """The members but those of these names."""
    return {name: value for name, value in members.items() if name not in names}


def _not_the_bodys_to_say(members: Members) -> list[FieldError]:
    return [FieldError(*UNKNOWN_MEMBER, pointer(name)) for name in members if name in ADDRESSING]


def _nulls_in_address(name: str, address: object) -> list[FieldError]:
    """Null only clears what stands at the top; the contract allows it in an address, HTTP does not."""
    if not isinstance(address, dict):
        return []
    nulls = [member for member, value in address.items() if value is None and member in Address.model_fields]
    return [FieldError(*NULL_NOT_ALLOWED, pointer=pointer(name, member)) for member in nulls]


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
