from datetime import UTC, datetime

import pytest

from shared.dead_letters import dead_letter
from shared.messaging import Poison
from tests.support.kafka import Published

FIRST_SEEN = datetime(2024, 1, 15, 21, 30, tzinfo=UTC)
RECORD = Published("orders.v1", b"key", b"\xffvalue", [("ce_id", b"\xfe"), ("ce_id", b"2")], 7, 42)


def reason_of(error: Exception, attempts: int = 1) -> dict[str, str]:
    letter = dead_letter(RECORD, "orders", error, attempts, FIRST_SEEN)
    return {name: text.decode() for name, text in letter.headers[len(RECORD.headers) :]}


def test_key_value_and_headers_stay_byte_for_byte() -> None:
    letter = dead_letter(RECORD, "orders", Poison("invalid_body", "name: missing"), 1, FIRST_SEEN)

    assert letter.topic == "orders.v1.orders.dlq"
    assert (letter.key, letter.value) == (RECORD.key, RECORD.value)
    assert list(letter.headers[:2]) == RECORD.headers


def test_the_reason_says_where_the_record_came_from_and_what_was_tried() -> None:
    assert reason_of(Poison("invalid_body", "name: missing"), attempts=3) == {
        "dlq_topic": "orders.v1",
        "dlq_partition": "7",
        "dlq_offset": "42",
        "dlq_group": "orders",
        "dlq_error_class": "Poison",
        "dlq_error": "invalid_body: name: missing",
        "dlq_attempts": "3",
        "dlq_first_seen": "2024-01-15T21:30:00.000000Z",
    }


def test_the_text_of_a_foreign_error_is_not_told_for_it_may_quote_the_body() -> None:
    reason = reason_of(ValueError("alice@example.com is no number"))

    assert reason["dlq_error_class"] == "ValueError"
    assert "alice" not in reason["dlq_error"]


@pytest.mark.parametrize("size", [500, 5_000])
def test_a_reason_has_at_most_500_characters(size: int) -> None:
    assert len(reason_of(Poison("invalid_body", "x" * size))["dlq_error"]) == 500


def test_a_record_without_anything_has_a_dead_letter_too() -> None:
    letter = dead_letter(
        Published("a.v1", None, None, []), "a", Poison("bad_envelope", "empty"), 1, FIRST_SEEN
    )

    assert (letter.key, letter.value) == (None, None)
