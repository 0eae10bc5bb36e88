import pytest
from pydantic import TypeAdapter, ValidationError

from shared.contracts.values import Day, Instant

INSTANTS = TypeAdapter(Instant)
DAYS = TypeAdapter(Day)


@pytest.mark.parametrize("adapter", [INSTANTS, DAYS])
@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z",  # how some systems write that there is none
        "0001-01-01T00:00:00+14:00",
        "1899-12-31T23:59:59Z",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_date_that_is_none_is_not_taken_for_one(adapter: TypeAdapter[object], written: str) -> None:
    with pytest.raises(ValidationError, match="between the years 1900 and 9998"):
        adapter.validate_json(f'"{written}"')


@pytest.mark.parametrize("written", ["0001-01-01", "1899-12-31", "9999-12-31"])
def test_nor_is_a_day(written: str) -> None:
    with pytest.raises(ValidationError, match="between the years 1900 and 9998"):
        DAYS.validate_json(f'"{written}"')


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-01-15", "2024-01-15"),
        ("2024-01-15T23:30:00-01:00", "2024-01-16"),
        ("2024-01-15T00:00:00+05:00", "2024-01-14"),
        ("1900-01-01", "1900-01-01"),
        ("9998-12-31", "9998-12-31"),
    ],
)
def test_a_day_is_one_in_utc(written: str, day: str) -> None:
    assert DAYS.validate_json(f'"{written}"').isoformat() == day


@pytest.mark.parametrize("written", ["2024-01-15 10:00:00Z", "2024-01-15T10:00:00", "15.01.2024", "2024-1-5"])
def test_any_other_writing_is_none(written: str) -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        DAYS.validate_json(f'"{written}"')
