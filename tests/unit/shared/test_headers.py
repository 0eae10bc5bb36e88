from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging import Envelope, Poison, read_headers, write_headers
from tests.support.builders import with_header, without

AT = datetime(2024, 1, 15, 21, 30, 0, 123456, tzinfo=UTC)
WHOLE = Envelope(
    id="0192f0c1-0000-7000-8000-000000000001",
    source="/customers-api/customers",
    type="customer.created.v1",
    subject="cust_456",
    time="2024-01-15T21:30:00.123456Z",
    partition_key="cust_456",
    sequence=42,
    correlation_id="req-1",
    causation_id="0192f0c1-0000-7000-8000-000000000000",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    expires_at=AT,
    reply_to="gateway.replies.v1",
    reply_partition=31,
    ask_id="00ff",
    caller="anonymous",
    waiting_since=AT,
)
LEAST = Envelope(id="1", source="/erp", type="customer.create.v1")

text = st.text(st.characters(codec="utf-8"), max_size=300)
name = st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1, max_size=255)
envelopes = st.builds(
    Envelope,
    id=name,
    source=name,
    type=name,
    subject=st.none() | text,
    time=st.none() | text,
    partition_key=st.none() | text,
    sequence=st.none() | st.integers(0, 10**12 - 1),
    correlation_id=st.none() | name,
    causation_id=st.none() | text,
    traceparent=st.none() | name,
    expires_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    reply_to=st.none() | text,
    reply_partition=st.none() | st.integers(0, 31),
    ask_id=st.none() | name,
    caller=st.none() | name,
    waiting_since=st.none() | st.datetimes(timezones=st.just(UTC)),
)


def test_a_whole_envelope_has_the_headers_of_the_specification_in_their_order() -> None:
    assert write_headers(WHOLE) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"0192f0c1-0000-7000-8000-000000000001"),
        ("ce_source", b"/customers-api/customers"),
        ("ce_type", b"customer.created.v1"),
        ("ce_subject", b"cust_456"),
        ("ce_time", b"2024-01-15T21:30:00.123456Z"),
        ("ce_dataschema", b"/schemas/customer.created/1.0.json"),
        ("content-type", b"application/json"),
        ("ce_partitionkey", b"cust_456"),
        ("ce_sequence", b"000000000042"),
        ("ce_correlationid", b"req-1"),
        ("ce_causationid", b"0192f0c1-0000-7000-8000-000000000000"),
        ("ce_traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("ce_expirytime", b"2024-01-15T21:30:00.123456Z"),
        ("reply_to", b"gateway.replies.v1"),
        ("reply_partition", b"31"),
        ("ask_id", b"00ff"),
        ("caller", b"anonymous"),
        ("waiting_since", b"2024-01-15T21:30:00.123456Z"),
    ]


def test_what_is_none_is_left_out() -> None:
    names = [name for name, _ in write_headers(LEAST)]

    assert names == ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_dataschema", "content-type"]


@given(envelopes)
def test_an_envelope_comes_back_as_it_was_written(envelope: Envelope) -> None:
    assert read_headers(write_headers(envelope)) == envelope


def test_an_instant_of_another_offset_is_the_same_instant() -> None:
    headers = with_header(write_headers(LEAST), "ce_expirytime", b"2024-01-15T22:30:00.123456+01:00")

    expires_at = read_headers(headers).expires_at

    assert expires_at == AT
    assert expires_at == AT.astimezone(timezone(timedelta(hours=-5)))


def test_headers_of_others_are_ignored() -> None:
    headers = [*write_headers(LEAST), ("x-of-theirs", b"1"), ("ce_comexampleext", b"2")]

    assert read_headers(headers) == LEAST


def test_parameters_of_the_content_type_mean_nothing() -> None:
    headers = with_header(write_headers(LEAST), "content-type", b"application/json; charset=utf-8")

    assert read_headers(headers) == LEAST


@pytest.mark.parametrize("required", ["ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"])
def test_an_envelope_without_a_required_header_is_bad(required: str) -> None:
    with pytest.raises(Poison, match=f"^bad_envelope: header {required} ") as poison:
        read_headers(without(write_headers(WHOLE), required))
    assert poison.value.code == "bad_envelope"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_specversion", b"1.0.2"),
        ("ce_specversion", b""),
        ("content-type", b"application/cloudevents+json"),
        ("content-type", b"text/plain"),
        ("content-type", b""),
        ("ce_id", b""),
        ("ce_id", b"x" * 256),
        ("ce_id", b"a\x00b"),
        ("ce_id", b"a\nb"),
        ("ce_source", b""),
        ("ce_source", b"x" * 256),
        ("ce_type", b""),
        ("ce_type", b"x" * 256),
        ("ce_subject", b"\xff\xfe"),
        ("x-of-theirs", b"\x80"),
        ("ce_sequence", b"one"),
        ("ce_sequence", b""),
        ("reply_partition", b"1.5"),
        ("ce_expirytime", b"soon"),
        ("ce_expirytime", b"2024-01-15T21:30:00"),
        ("ce_expirytime", b"2024-13-01T00:00:00Z"),
    ],
)
def test_a_header_that_cannot_be_read_makes_a_bad_envelope(header: str, value: bytes) -> None:
    with pytest.raises(Poison) as poison:
        read_headers(with_header(write_headers(WHOLE), header, value))
    assert poison.value.code == "bad_envelope"


def test_a_null_header_makes_a_bad_envelope() -> None:
    with pytest.raises(Poison, match="bad_envelope"):
        read_headers([*write_headers(LEAST), ("ce_subject", None)])  # type: ignore[list-item]


def test_the_reason_quotes_no_value() -> None:
    with pytest.raises(Poison) as poison:
        read_headers(with_header(write_headers(WHOLE), "ce_expirytime", b"alice@example.com"))
    assert "alice" not in str(poison.value)


def test_the_conversation_is_the_first_message_where_none_is_named() -> None:
    assert LEAST.conversation == "1"
    assert WHOLE.conversation == "req-1"


@pytest.mark.parametrize("header", ["ce_correlationid", "ce_traceparent", "caller", "ask_id"])
@pytest.mark.parametrize("value", [b"x" * 256, b"", b"two\nlines"])
def test_what_goes_into_every_consequence_is_short(header: str, value: bytes) -> None:
    with pytest.raises(Poison, match=f"bad_envelope: header {header}"):
        read_headers(with_header(write_headers(LEAST), header, value))
