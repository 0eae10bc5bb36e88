"""Content negotiation: does a client accept JSON, and is what it sends JSON. Pure."""

import re

_JSON_TYPE = re.compile(rb"application/json|[!#$&^_.+a-z0-9-]+/[!#$&^_.+a-z0-9-]+\+json")
_RANGES_BY_PRECISION = (b"application/json", b"application/*", b"*/*")


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type is `application/json` or `*+json`; its parameters mean nothing."""
    return _JSON_TYPE.fullmatch(content_type.partition(b";")[0].strip().lower()) is not None


def accepts_json(accept: bytes) -> bool:
    """Whether an Accept header (its lines joined by commas; empty: absent) allows `application/json`.

    The most precise range that covers it decides, by its `q`.
    """
    ranges = [part for part in accept.lower().split(b",") if part.strip()]
    split = (part.partition(b";") for part in ranges)
    quality_by_range = {media.strip(): _quality(parameters) for media, _, parameters in split}
    for media in _RANGES_BY_PRECISION:
        if media in quality_by_range:
            return quality_by_range[media] > 0
    return not ranges


def _quality(parameters: bytes) -> float:
    for parameter in parameters.split(b";"):
        name, _, value = parameter.strip().partition(b"=")
        if name.strip() == b"q":
            return float(value) if re.fullmatch(rb"\d(?:\.\d{0,3})?", value.strip()) else 1.0
    return 1.0
