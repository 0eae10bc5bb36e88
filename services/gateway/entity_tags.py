"""ETags: how one is written, and which ones a client names (RFC 9110 8.8.3, 13.1.1, 13.1.2). Pure.

A tag such as `"c7-p42"` names two versions: c is the customer's own, p counts what orders and credit told.
"""

import re

from services.gateway.problems import Problem

ANY = b"*"
VERSIONS_MAX = 100  # as many as a command carries

_TAG = rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# possessive: however many blanks and commas come, the header is read in one go
_TAG_LIST = re.compile(rb"[ \t,]*+(?:%b[ \t]*+(?:,[ \t,]*+|\Z))++" % _TAG)
_TAGS = re.compile(_TAG)
_TAG_OF_OURS = re.compile(rb'"c([1-9][0-9]{0,8})-p[0-9]+"')  # strong, which a weak one never matches


def entity_tag(version: str) -> bytes:
    """The strong ETag of a version such as `c7-p42`."""
    return b'"%b"' % version.encode("ascii")


def known_tags(lines: list[bytes]) -> frozenset[bytes]:
    """The tags of `If-None-Match`, without `W/`, for they are compared weakly; `ANY` for `*`.

    Raises:
        Problem: `invalid_header`.
    """
    return (
        frozenset(tag.removeprefix(b"W/") for tag in _tags("If-None-Match", lines)) if lines else frozenset()
    )


def is_known(tag: bytes, known: frozenset[bytes]) -> bool:
    """Whether a client that has `known` has `tag` already."""
    return tag in known or ANY in known


def expected_versions(lines: list[bytes]) -> list[int] | None:
    """The customer's versions that `If-Match` allows, ascending; None where any will do.

    Only the c part counts: what orders and credit told in the meantime is in nobody's way. A tag that is not
    ours or is weak matches nothing.

    Raises:
        Problem: `invalid_header`.
    """
    if not lines or ANY in (tags := _tags("If-Match", lines)):
        return None
    ours = [found[1] for tag in tags if (found := _TAG_OF_OURS.fullmatch(tag))]
    versions = sorted({int(version) for version in ours})
    if len(versions) > VERSIONS_MAX:
        raise Problem("invalid_header", f"If-Match must name at most {VERSIONS_MAX} versions.")
    return versions


def _tags(header: str, lines: list[bytes]) -> list[bytes]:
    value = b",".join(lines).strip()
    if value == ANY:
        return [ANY]
    if not _TAG_LIST.fullmatch(value):
        raise Problem("invalid_header", f'{header} must be * or a list of entity tags such as "c7-p42".')
    return _TAGS.findall(value)
