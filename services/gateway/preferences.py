"""What a client would rather have (RFC 7240): a short answer, or a whole one. Refuses nothing. Pure."""

import re
from collections.abc import Iterator

# A quote that is not closed reaches to the end, and nothing is read twice: one go, however ill-formed
_QUOTED = rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)'
_PREFERENCE = re.compile(rb'(?:%b|[^",])++' % _QUOTED)
_WITHOUT_PARAMETERS = re.compile(rb'(?:%b|[^";])*+' % _QUOTED)


def prefers_minimal(lines: list[bytes]) -> bool:
    """Whether the lines of `Prefer` ask for `return=minimal`.

    Of a preference that is repeated the first counts; with `return=representation` beside, neither does.
    """
    wished = [word for name, word in _preferences(b",".join(lines)) if name == b"return"]
    return wished[:1] == [b"minimal"] and b"representation" not in wished


def _preferences(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    for preference in _PREFERENCE.findall(value):
        # it matches nothing at least, so there is always a match
        name, _, word = _WITHOUT_PARAMETERS.match(preference)[0].partition(b"=")  # type: ignore[index]
        yield name.strip().lower(), word.strip().strip(b'"').lower()
