import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.preferences import Patience, patience


@pytest.mark.parametrize(
    "lines",
    [
        [b"respond-async"],
        [b"Respond-Async"],
        [b" respond-async ; x=1"],
        [b'respond-async=""'],
        [b"handling=lenient, respond-async"],
        [b"return=minimal", b"respond-async"],
        [b'x="a, b", respond-async'],
        [b",,respond-async,"],
    ],
)
def test_a_promise_is_asked_for_however_it_is_written(lines: list[bytes]) -> None:
    assert patience(lines) == Patience(takes_promise=True)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"respond"],
        [b"respond-asynchronously"],
        [b"respond-async=no"],
        [b'x="respond-async"'],
        [b'x="a, respond-async"'],
        [b"x; respond-async"],
        [b"\xff"],
        [b"return=minimal"],
    ],
)
def test_any_other_preference_asks_for_no_promise(lines: list[bytes]) -> None:
    assert patience(lines) == Patience()


@pytest.mark.parametrize(
    ("line", "wait_s"),
    [
        (b"wait=1", 1),
        (b"wait=30", 30),
        (b"WAIT=7", 7),
        (b'wait="7"', 7),
        (b"wait = 7", 7),
        (b"wait=007", 7),
        (b"wait=7; x=1", 7),
        (b"wait=7, wait=9", 7),
        (b"x=1, wait=7", 7),
    ],
)
def test_a_wait_is_1_to_30_seconds_however_it_is_written(line: bytes, wait_s: int) -> None:
    assert patience([line]) == Patience(wait_s=wait_s)
    assert patience([line]).waited == [b"wait=%d" % wait_s]


@pytest.mark.parametrize(
    "line",
    [
        *(b"wait", b"wait=", b"wait=0", b"wait=31", b"wait=100", b"wait=-1", b"wait=+5", b"wait=1.5"),
        *(b"wait=5s", b"wait=five", b"wait=5 5", b"wait=\xd9\xa3", b"waits=5", b"wait=0, wait=5"),
        b"wait=" + b"0" * 50_000 + b"x",
    ],
)
def test_any_other_wait_is_ignored(line: bytes) -> None:
    assert patience([line]) == Patience()
    assert patience([line]).waited == []


@pytest.mark.parametrize(
    "lines",
    [[b"respond-async, wait=10"], [b"wait=10", b"respond-async"], [b"respond-async; wait=3, wait=10"]],
)
def test_both_may_be_wished_for_together(lines: list[bytes]) -> None:
    assert patience(lines) == Patience(takes_promise=True, wait_s=10)


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_any_bytes_are_read_and_nothing_is_refused(lines: list[bytes]) -> None:
    assert patience(lines).wait_s in {None, *range(1, 31)}
