"""Dead letters: a record that can never be handled, moved aside with its reason, byte for byte as it came."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from shared.kafka import dead_letter_topic
from shared.messaging import Headers, Poison, timestamp
from shared.outbox import Outgoing, TooLarge

REASON_MAX = 500


class Record(Protocol):
    """What is needed of a consumed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(
    record: Record, group: str, error: Exception, attempts: int, first_seen: datetime
) -> Outgoing:
    """The dead letter of a record: key, value and headers untouched, and why it ended here.

    The reason is the error's own text only where we wrote it ourselves: the text of any other may quote the
    body.
    """
    is_ours = isinstance(error, Poison | TooLarge)
    reason = str(error) if is_ours else "see the log of the consumer at this offset"
    why = {
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_group": group,
        "dlq_error_class": type(error).__name__,
        "dlq_error": reason[:REASON_MAX],
        "dlq_attempts": str(attempts),
        "dlq_first_seen": timestamp(first_seen),
    }
    return Outgoing(
        topic=dead_letter_topic(record.topic, group),
        key=record.key,
        value=record.value,
        headers=[
            *((_writable(name), value) for name, value in record.headers),
            *((name, text.encode()) for name, text in why.items()),
        ],
    )


def abridged(letter: Outgoing) -> Outgoing:
    """The letter without the record's value and own headers, for one that is larger than its topic takes.

    What is left tells where the record stands (`dlq_topic`, `dlq_partition`, `dlq_offset`).
    """
    why = [(name, value) for name, value in letter.headers if name.startswith("dlq_")]
    return replace(letter, key=None, value=None, headers=[*why, ("dlq_abridged", b"true")])


def _writable(name: str) -> str:
    """A header's name; bytes that were not UTF-8 are spelled out, because no client may write them."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
