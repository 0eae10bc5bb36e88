"""What pydantic finds wrong, as stable codes with JSON pointers. Pure.

The rules' own codes (`invalid_email`, `out_of_range`, …) pass as they are; pydantic's become `required`,
`unknown_member`, `invalid_type`, `too_long`, `too_short`, `unknown_value`, `invalid_format`; any null is
`null_not_allowed`.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from pydantic_core import ErrorDetails

from services.gateway.problems import FieldError

NULL_NOT_ALLOWED = ("null_not_allowed", "must not be null")
UNKNOWN_MEMBER = ("unknown_member", "is not a known member")

_CODE_AND_DETAIL: Mapping[str, tuple[str, str]] = {
    "missing": ("required", "is required"),
    "extra_forbidden": UNKNOWN_MEMBER,
    "string_type": ("invalid_type", "must be a string"),
    "bool_type": ("invalid_type", "must be true or false"),
    "list_type": ("invalid_type", "must be an array"),
    "model_type": ("invalid_type", "must be an object"),
    "string_too_long": ("too_long", "must have at most {max_length} characters"),
    "string_too_short": (
        "too_short",
        "must have at least {min_length} characters, blanks around not counted",
    ),
    "literal_error": ("unknown_value", "must be one of {expected}"),
    "string_pattern_mismatch": ("invalid_format", "must match {pattern}"),
}

# RFC 3986 lets these stand in a fragment as they are
_FRAGMENT_SAFE = "~!$&'()*+,;=:@"


def pointer(*path: int | str) -> str:
    """The RFC 6901 pointer to a place in the body, as URI fragment: `#/contacts/0/name`; `#` is the whole."""
    tokens = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(["#", *(f"/{quote(token, safe=_FRAGMENT_SAFE)}" for token in tokens)])


def field_errors(found: Iterable[ErrorDetails], within: tuple[int | str, ...] = ()) -> list[FieldError]:
    """The errors of pydantic as ours; `within` is where in the body the validated object stands.

    An error that concerns several members (`ctx["members"]`) becomes one for each.
    """
    return [
        FieldError(*_code_and_detail(error), pointer=pointer(*within, *error["loc"], *member))
        for error in found
        for member in _members(error)
    ]


def parameter_errors(found: Iterable[ErrorDetails]) -> list[FieldError]:
    """The errors of pydantic in a query as errors of its parameters; what concerns several names `page`."""
    return [
        FieldError(*_code_and_detail(error), parameter=str(error["loc"][0] if error["loc"] else "page"))
        for error in found
    ]


def first_of_each_place(errors: Iterable[FieldError]) -> list[FieldError]:
    """One error for each pointer, the first."""
    found: dict[str | None, FieldError] = {}
    for error in errors:
        found.setdefault(error.pointer, error)
    return list(found.values())


def _members(error: ErrorDetails) -> list[tuple[str, ...]]:
    return [(member,) for member in error.get("ctx", {}).get("members", ())] or [()]


def _code_and_detail(error: ErrorDetails) -> tuple[str, str]:
    kind = error["type"]
    if error["input"] is None:
        return NULL_NOT_ALLOWED
    if kind not in _CODE_AND_DETAIL:
        return kind, error["msg"]
    code, detail = _CODE_AND_DETAIL[kind]
    return code, detail.format(**error.get("ctx", {}))
