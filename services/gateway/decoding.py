"""Exact JSON: bytes to Python objects, by RFC 8259 and nothing beside it. Pure.

Numbers with a fraction or an exponent become Decimals of exactly what was written, whole ones integers.
Refused: what is not UTF-8 (a byte order mark too), NaN and Infinity, lone surrogates, equal member names,
nesting deeper than 64, numbers of more than 64 characters.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from services.gateway.problems import Problem

NESTING_MAX = 64
NUMBER_MAX_CHARS = 64
BLANKS = b" \t\r\n"

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def decoded(body: bytes) -> object:
    """The value of a JSON text.

    Raises:
        Problem: `malformed_json` or `duplicate_member`.
    """
    if not body.strip(BLANKS):
        raise _malformed("The request needs a body; it is empty.")
    try:
        value: object = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise _malformed(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    _refuse_depth_and_surrogates(value)
    return value


def _malformed(detail: str) -> Problem:
    return Problem("malformed_json", detail)


def _too_deep() -> Problem:
    return _malformed(f"The body nests deeper than {NESTING_MAX}.")


def _refuse_depth_and_surrogates(value: object) -> None:
    level, depth = [value], 0
    while level:
        if any(isinstance(part, str) and _SURROGATE.search(part) for part in level):
            raise _malformed("The body has a lone surrogate, which no Unicode text has.")
        nested = [part for part in level if isinstance(part, dict | list)]
        depth += 1
        if nested and depth > NESTING_MAX:
            raise _too_deep()
        level = [inner for part in nested for inner in _parts(part)]


def _parts(container: dict[str, object] | list[object]) -> list[object]:
    return container if isinstance(container, list) else [*container, *container.values()]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        # escaped as in JSON: the name may hold what cannot be sent back
        raise Problem("duplicate_member", f"Member {json.dumps(twice[:100])} is given more than once.")
    return members


def _whole(text: str) -> int:
    _refuse_length(text)
    return int(text)


def _fraction(text: str) -> Decimal:
    _refuse_length(text)
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what a Decimal holds; it has to stay out of every range
        return Decimal(f"{'-' if text.startswith('-') else ''}1e{'-' if 'e-' in text.lower() else ''}999999")


def _refuse_length(number: str) -> None:
    if len(number) > NUMBER_MAX_CHARS:
        raise _malformed(f"The body has a number of more than {NUMBER_MAX_CHARS} characters.")


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"The body has {name}, which is no JSON number.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_fraction, parse_int=_whole, parse_constant=_refuse_constant
)
