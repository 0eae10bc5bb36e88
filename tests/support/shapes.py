"""What JSON looks like: members and types, with numbers as they were written."""

import json
from typing import Any

Shape = dict[str, str]


class Number(str):
    """A JSON number, as text."""


def exact(text: str | bytes) -> Any:
    """The value of a JSON text; numbers are `Number`s."""
    return json.loads(text, parse_float=Number, parse_int=Number)


def shape_of(value: object, path: str = "") -> Shape:
    """The type at each path: `contacts[].id` is a path; of a list, the paths of all its elements."""
    match value:
        case dict():
            inner = [shape_of(member, f"{path}.{name}".lstrip(".")) for name, member in value.items()]
        case list():
            inner = [shape_of(element, f"{path}[]") for element in value]
        case _:
            inner = []
    found = {path: type_of(value)} if path else {}
    for each in inner:
        for name, kind in each.items():
            found[name] = found.get(name, kind) if found.get(name, kind) == kind else "various"
    return found


def type_of(value: object) -> str:
    """object, array, string, boolean, null; of a number, how many decimals it is written with at least."""
    match value:
        case Number():
            decimals = len(value.partition(".")[2])
            return ("integer", "decimal", "money")[min(decimals, 2)]
        case bool():
            return "boolean"
        case str():
            return "string"
        case None:
            return "null"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            raise TypeError(f"{value!r} was not read by exact()")


def lacking(documented: Shape, found: Shape) -> list[str]:
    """What is documented and not found so, one line each; a rate may have two decimals where one is shown."""
    allowed = {"decimal": {"decimal", "money"}}
    return [
        f"{path}: {kind} is documented, {found.get(path, 'nothing')} found"
        for path, kind in documented.items()
        if found.get(path) not in allowed.get(kind, {kind})
    ]
