"""Query parameters: read as what they are to be, held to their query's contract; all errors in one answer."""

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError

from services.gateway.field_errors import parameter_errors
from services.gateway.problems import FieldError, Problem
from services.gateway.requests import HttpRequest
from shared.contracts.pages import DEPTH_MAX, LIMIT_MAX
from shared.messaging import Query

Q = TypeVar("Q", bound=Query[Any])
Reading = Callable[[str], object]
"""From the text of a parameter to a value of its contract; None where it is as good as absent."""
Members = Mapping[str, object]

_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?[0-9]+")
_DIGITS_MAX = 18  # what is longer is out of every range, and not worth the time to read it
_NOBODY: Members = {}


class Unreadable(Exception):
    """A parameter is not what it is to be.

    Attributes:
        code: As in a field error.
        detail: For people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def _nothing_wrong(members: Members) -> list[FieldError]:
    return []


@dataclass(frozen=True, slots=True)
class Parameters:
    """The query parameters of a route.

    Attributes:
        readings: How each there is is read, by its name.
        members: What the contract calls it, where that is not its name.
        between: What is wrong between parameters that are right by themselves; given the contract's members.
    """

    readings: Mapping[str, Reading]
    members: Mapping[str, str] = field(default_factory=dict)
    between: Callable[[Members], list[FieldError]] = _nothing_wrong

    def member(self, name: str) -> str:
        """What the contract calls a parameter."""
        return self.members.get(name, name)


NO_PARAMETERS = Parameters({})


def boolean(text: str) -> bool:
    """`true` or `false`, whatever the case of its letters."""
    if text.lower() not in _BOOLEANS:
        raise Unreadable("invalid_boolean", "must be true or false")
    return _BOOLEANS[text.lower()]


def whole_up_to(most: int) -> Reading:
    """The reading of a whole number from 1 to `most`, in ASCII digits."""

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise Unreadable("invalid_integer", "must be a whole number in plain digits")
        digits = text.lstrip("0")
        if len(digits) > _DIGITS_MAX or not 1 <= int(digits or 0) <= most:
            raise Unreadable("out_of_range", f"must be between 1 and {most}")
        return int(digits)

    return read


def words(text: str) -> str | None:
    """Text without the blanks around it; None where nothing else is there."""
    return text.strip() or None


def verbatim(text: str) -> str:
    """Text as it is."""
    return text


PAGED: Mapping[str, Reading] = {"page": whole_up_to(DEPTH_MAX), "limit": whole_up_to(LIMIT_MAX)}
"""The parameters of every list."""


def refuse_parameters(request: HttpRequest) -> None:
    """Check a request whose route has no query parameters.

    Raises:
        Problem: `invalid_parameter`; it has some.
    """
    if query := request.scope["query_string"]:
        _, errors = _split(query, NO_PARAMETERS.readings)
        if errors:
            raise _wrong(errors)


def query_of(
    request: HttpRequest, contract: type[Q], parameters: Parameters, addressing: Members = _NOBODY
) -> Q:
    """The query that the parameters of a request make; those that are absent keep the contract's default.

    addressing: The members that the path gives.

    Raises:
        Problem: `invalid_parameter` with everything that is wrong: unknown, repeated, unreadable, or against
            the rules of the contract and between parameters.
    """
    given, errors = _split(request.scope["query_string"], parameters.readings)
    members = dict(addressing)
    for name, text in given.items():
        try:
            value = parameters.readings[name](_sent_as_utf_8(text))
        except Unreadable as reason:
            errors.append(FieldError(reason.code, reason.detail, parameter=name))
        else:
            members |= {} if value is None else {parameters.member(name): value}
    errors += parameters.between(members)
    if not errors:
        with suppress(ValidationError):
            return contract.model_validate(members, strict=True)
    raise _wrong(errors + _against(contract, members))


def _split(query: bytes, known: Collection[str]) -> tuple[dict[str, str], list[FieldError]]:
    """The parameters that are known and given once, and what is wrong with the others.

    What is not UTF-8 becomes lone surrogates.
    """
    given = parse_qsl(
        query.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape"
    )
    names = [name for name, _ in given]
    unknown = [
        FieldError("unknown_parameter", "is not a parameter of this route", parameter=_sendable(name))
        for name in dict.fromkeys(names)
        if name not in known
    ]
    repeated = [name for name in known if names.count(name) > 1]
    errors = unknown + [
        FieldError("repeated_parameter", "must be given once", parameter=name) for name in repeated
    ]
    return {name: text for name, text in given if name in known and name not in repeated}, errors


def _sent_as_utf_8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unreadable("invalid_characters", "must be UTF-8, percent-encoded") from None
    return text


def _against(contract: type[Query[Any]], members: Members) -> list[FieldError]:
    try:
        contract.model_validate(members, strict=True)
    except ValidationError as failure:
        found = failure.errors(include_url=False)
        wrong = {each["loc"][0] for each in found if each["loc"]}
        # rules between parameters are asked after those of each: what is right by itself is asked again
        rest = {name: value for name, value in members.items() if name not in wrong}
        return parameter_errors(found) + (_against(contract, rest) if wrong else [])
    return []


def _wrong(errors: list[FieldError]) -> Problem:
    return Problem("invalid_parameter", "Some query parameters are wrong.", errors)


def _sendable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
