import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.decoding import decoded
from services.gateway.problems import Problem

LONE = "\\ud800"


def code_of(body: bytes) -> str | None:
    """The code of the refusal, None where the body is read."""
    try:
        decoded(body)
    except Problem as problem:
        return problem.code
    return None


def refusal(body: bytes) -> str:
    code = code_of(body)
    assert code is not None
    return code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \t\r\n",
        b"{",
        b"{]",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1} x',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b"\x00",
        b"\x0b{}",
        b"\xa0{}",
    ],
)
def test_what_is_not_rfc_8259_is_malformed(body: bytes) -> None:
    assert refusal(body) == "malformed_json"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"\xff"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ],
    ids=["no utf-8", "overlong", "encoded surrogate", "utf-16", "byte order mark"],
)
def test_what_is_not_plain_utf_8_is_malformed(body: bytes) -> None:
    assert refusal(body) == "malformed_json"


@pytest.mark.parametrize("body", [b"", b" \t\r\n"])
def test_a_body_that_is_not_there_is_called_so(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        decoded(body)
    assert "empty" in caught.value.detail


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_malformed(number: str) -> None:
    assert refusal(f'{{"credit_limit":{number}}}'.encode()) == "malformed_json"


@pytest.mark.parametrize(
    "body",
    [
        f'{{"a":"{LONE}"}}',
        f'{{"a":"x{LONE}y"}}',
        f'{{"{LONE}":1}}',
        f'["{LONE}"]',
        f'{{"a":[{{"b":"{LONE}"}}]}}',
        '"\\udc00\\ud800"',
    ],
)
def test_an_escaped_lone_surrogate_is_malformed(body: str) -> None:
    assert refusal(body.encode()) == "malformed_json"


def test_an_escaped_pair_is_the_character_it_stands_for() -> None:
    assert decoded(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"x":{"a":1,"a":2}}', b'[{"a":1,"b":2,"a":3}]'],
)
def test_equal_member_names_are_refused_wherever_they_stand(body: bytes) -> None:
    assert refusal(body) == "duplicate_member"


def test_an_equal_name_that_is_no_text_is_told_escaped() -> None:
    with pytest.raises(Problem) as caught:
        decoded(f'{{"{LONE}":1,"{LONE}":2}}'.encode())
    caught.value.detail.encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_of_64_is_read_and_of_65_is_malformed(opening: str, closing: str) -> None:
    def nested(depth: int, inner: str) -> bytes:
        return (opening * depth + inner + closing * depth).encode()

    assert decoded(nested(64, "1"))
    assert refusal(nested(65, "1")) == "malformed_json"


def test_an_empty_array_counts_as_a_level_of_nesting() -> None:
    assert decoded(b"[" * 64 + b"]" * 64)
    assert refusal(b"[" * 65 + b"]" * 65) == "malformed_json"


@pytest.mark.parametrize("body", [b"[" * 65_000, b'{"a":' * 13_000, b"[" * 30_000 + b"]" * 30_000])
def test_nesting_without_end_is_malformed_and_ends_nothing(body: bytes) -> None:
    assert refusal(body) == "malformed_json"


@pytest.mark.parametrize("number", ["1" * 65, "0." + "1" * 63, "1e" + "0" * 62 + "1", "-" + "1" * 64])
def test_a_number_of_65_characters_is_malformed(number: str) -> None:
    assert len(number) == 65
    assert refusal(number.encode()) == "malformed_json"


def test_a_number_of_64_characters_is_read_exactly() -> None:
    assert decoded(b"9" * 64) == 10**64 - 1
    assert str(decoded(b"0." + b"1" * 62)) == "0." + "1" * 62


def test_a_fraction_never_passes_through_a_float() -> None:
    assert decoded(b"100.00000000000000001") == Decimal("100.00000000000000001")
    assert decoded(b"0.1") == Decimal("0.1")
    assert isinstance(decoded(b"1e2"), Decimal)


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_exponent_beyond_every_decimal_stays_on_its_side_of_zero(sign: str) -> None:
    huge, tiny = (decoded(f"{sign}1e{exponent}".encode()) for exponent in ("9" * 40, "-" + "9" * 40))
    assert isinstance(huge, Decimal)
    assert isinstance(tiny, Decimal)
    assert abs(huge) > 10**100
    assert huge.is_finite()
    assert huge.is_signed() == tiny.is_signed() == bool(sign)
    assert 0 < abs(tiny) < Decimal("1e-100")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_a_documented_code(body: bytes) -> None:
    assert code_of(body) in {None, "malformed_json", "duplicate_member"}


TEXTS = st.text('ab "\\/\n\x00\x7f\u00e9\u2028\ufeff\U0001f600', max_size=10)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXTS,
    lambda parts: st.lists(parts) | st.dictionaries(TEXTS, parts),
    max_leaves=10,
)


@given(JSON_VALUES, st.booleans())
def test_every_json_text_is_read_as_what_it_says(value: Any, ascii_only: bool) -> None:
    assert decoded(json.dumps(value, ensure_ascii=ascii_only).encode()) == value
