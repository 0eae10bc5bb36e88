"""Ids: opaque, with the prefix of their entity, made from 128 bits; and the ids of messages. Pure."""

import uuid

import uuid_utils

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
NAMESPACE = uuid.UUID("6b1d8c5e-5d0f-5a53-9d0c-0d6f9a3f7c11")  # drawn once; every derived id hangs on it


def prefixed_id(prefix: str, number: uuid.UUID) -> str:
    """`<prefix>_` and the 128 bits of `number` as 26 characters of lower-case Crockford base 32."""
    bits = number.int
    return f"{prefix}_" + "".join(CROCKFORD[(bits >> shift) & 31] for shift in range(125, -5, -5))


def derived_id(prefix: str, *parts: str) -> str:
    """The id of what `parts` stand for: the same parts make the same id, in every process, for ever."""
    return prefixed_id(prefix, derived_uuid(prefix, *parts))


def derived_uuid(*parts: str) -> uuid.UUID:
    """UUIDv5 of the parts, whose lengths are part of what is hashed, so that no two lists make one text."""
    return uuid.uuid5(NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts))


def new_message_id() -> str:
    """UUIDv7: unique, and in the order of its making."""
    return str(uuid_utils.uuid7())
