"""The query parameters of a customer's orders, as what `FindOrders` calls them."""

import re
from datetime import UTC, datetime, time
from typing import cast, get_args

from services.gateway.parameters import PAGED, Members, Parameters, Unreadable
from services.gateway.problems import FieldError
from shared.contracts.orders.answers import Status

STATUSES: tuple[Status, ...] = get_args(Status)

_ALIASES = {"canceled": "cancelled"}
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCAL = rf"{_DAY.pattern}T{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.[0-9]{{1,9}})?"
_INSTANT = re.compile(rf"{_LOCAL}(?:Z|[+-]{_HOUR}:{_SIXTY})?")
_WITHOUT_ITS_PLUS = re.compile(rf"{_LOCAL} {_HOUR}:{_SIXTY}")


def statuses(text: str) -> list[Status]:
    """Statuses, separated by commas, each once; `canceled` is `cancelled` as well."""
    given = [_ALIASES.get(word, word) for word in text.split(",")]
    if not set(STATUSES).issuperset(given):
        known = ", ".join(STATUSES)
        raise Unreadable("unknown_value", f"must be one of {known}, or several separated by commas")
    return cast(list[Status], list(dict.fromkeys(given)))


def earliest(text: str) -> datetime:
    """An instant in UTC; of a day its first."""
    return _instant(text, of_day=time.min)


def latest(text: str) -> datetime:
    """An instant in UTC; of a day its last microsecond."""
    return _instant(text, of_day=time.max)


def _instant(text: str, of_day: time) -> datetime:
    written = text.upper()  # RFC 3339 lets t and z be small
    try:
        if _DAY.fullmatch(written):
            return datetime.combine(datetime.fromisoformat(written), of_day, UTC)
        if _INSTANT.fullmatch(written):
            at = datetime.fromisoformat(written)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # a day that no calendar has, or one before or after all that count
        pass
    hint = "; the + of an offset is written %2B" if _WITHOUT_ITS_PLUS.fullmatch(written) else ""
    raise Unreadable(
        "invalid_date", f"must be an RFC 3339 date or date-time: 2024-01-15, 2024-01-15T10:00:00Z{hint}"
    )


def _not_backwards(members: Members) -> list[FieldError]:
    begin, end = members.get("ordered_from"), members.get("ordered_to")
    if isinstance(begin, datetime) and isinstance(end, datetime) and begin > end:
        return [FieldError("out_of_range", "must not be before date_from", parameter="date_to")]
    return []


PARAMETERS = Parameters(
    readings={"status": statuses, "date_from": earliest, "date_to": latest, **PAGED},
    members={"status": "statuses", "date_from": "ordered_from", "date_to": "ordered_to"},
    between=_not_backwards,
)
