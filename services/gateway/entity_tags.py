"""ETags: how one is written, and which ones a client says it has (RFC 9110 8.8.3, 13.1.2). Pure."""

import re

from services.gateway.problems import Problem

ANY = b"*"

_TAG = rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# possessive: however many blanks and commas come, the header is read in one go
_TAG_LIST = re.compile(rb"[ \t,]*+(?:%b[ \t]*+(?:,[ \t,]*+|\Z))++" % _TAG)
_TAGS = re.compile(_TAG)


def entity_tag(version: str) -> bytes:
    """The strong ETag of a version such as `c7-p42`."""
    return b'"%b"' % version.encode("ascii")


def known_tags(lines: list[bytes]) -> frozenset[bytes]:
    """The tags of `If-None-Match`, without `W/`, for they are compared weakly; `ANY` for `*`.

    Raises:
        Problem: `invalid_header`.
    """
    if not lines:
        return frozenset()
    value = b",".join(lines).strip()
    if value == ANY:
        return frozenset({ANY})
    if not _TAG_LIST.fullmatch(value):
        raise Problem("invalid_header", 'If-None-Match must be * or a list of entity tags such as "c7-p42".')
    return frozenset(tag.removeprefix(b"W/") for tag in _TAGS.findall(value))


def is_known(tag: bytes, known: frozenset[bytes]) -> bool:
    """Whether a client that has `known` has `tag` already."""
    return tag in known or ANY in known
