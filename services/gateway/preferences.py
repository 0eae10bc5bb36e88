"""What a client would rather have (RFC 7240): a short answer or a whole one, and how soon. Refuses nothing.

Pure. Of a preference that is repeated the first counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

WAIT_MAX_S = 30

# A quote that is not closed reaches to the end, and nothing is read twice: one go, however ill-formed
_QUOTED = rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)'
_PREFERENCE = re.compile(rb'(?:%b|[^",])++' % _QUOTED)
_WITHOUT_PARAMETERS = re.compile(rb'(?:%b|[^";])*+' % _QUOTED)
_SECONDS = re.compile(rb"0*+([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Patience:
    """How a client would wait for an answer.

    Attributes:
        takes_promise: `respond-async`: a promise will do where there is no answer yet.
        wait_s: `wait`: so many seconds, 1 to 30; None where it does not say, or says something else.
    """

    takes_promise: bool = False
    wait_s: int | None = None

    @property
    def waited(self) -> list[bytes]:
        """The preference that sets the time, where there is one."""
        return [] if self.wait_s is None else [b"wait=%d" % self.wait_s]


def patience(lines: list[bytes]) -> Patience:
    """How the lines of `Prefer` would have an answer waited for."""
    wished = list(_preferences(b",".join(lines)))
    waits = [_SECONDS.fullmatch(word) for name, word in wished if name == b"wait"]
    seconds = int(waits[0][1]) if waits and waits[0] else 0
    return Patience(
        takes_promise=(b"respond-async", b"") in wished,
        wait_s=seconds if 1 <= seconds <= WAIT_MAX_S else None,
    )


def prefers_minimal(lines: list[bytes]) -> bool:
    """Whether the lines of `Prefer` ask for `return=minimal`, and not for `return=representation` as well."""
    wished = [word for name, word in _preferences(b",".join(lines)) if name == b"return"]
    return wished[:1] == [b"minimal"] and b"representation" not in wished


def _preferences(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    for preference in _PREFERENCE.findall(value):
        # it matches nothing at least, so there is always a match
        name, _, word = _WITHOUT_PARAMETERS.match(preference)[0].partition(b"=")  # type: ignore[index]
        yield name.strip().lower(), word.strip().strip(b'"').lower()
