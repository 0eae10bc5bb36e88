"""JSON as expressions of SQL, so that the database builds finished answers (docs/decisions/0007)."""

from typing import Any

from sqlalchemy import ColumnElement, Select, cast, func, literal_column, select
from sqlalchemy.types import Text

_UTC: ColumnElement[str] = literal_column("'UTC'")
_RFC_3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS"Z"'""")


def utc(at: ColumnElement[Any]) -> ColumnElement[str]:
    """An instant as answers show it: without fractional seconds; null for null."""
    return func.to_char(func.timezone(_UTC, at), _RFC_3339)


def at_least(decimals: ColumnElement[int], number: ColumnElement[Any]) -> ColumnElement[Any]:
    """A number with so many decimals, or as many more as it has."""
    return func.round(number, func.greatest(decimals, func.scale(func.trim_scale(number))))


def as_object(members: Select[Any]) -> ColumnElement[Any]:
    """The one row of `members` as a JSON object."""
    row = members.subquery("member")
    return select(func.row_to_json(row.table_valued())).select_from(row).scalar_subquery()


def as_list(elements: Select[Any]) -> ColumnElement[Any]:
    """The rows of `elements` as a JSON array of objects, in their order."""
    rows = elements.subquery("element")
    return func.array_to_json(func.array(select(rows.table_valued()).select_from(rows).scalar_subquery()))


def as_text(json: ColumnElement[Any]) -> ColumnElement[str]:
    """JSON as what an answer carries."""
    return cast(json, Text)
