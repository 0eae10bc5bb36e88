from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credit.postings import Invoice
from services.credit.settlements import Settlements, mean_days, settlements_of, spans
from shared.contracts.periods import PERIODS, Period, Span, begin_of
from tests.support.credit_builders import an_open_invoice


def settled(on: date, days: int) -> Invoice:
    """One that was paid, the last of it on that day, so many days after its date."""
    return an_open_invoice(
        invoice_date=on - timedelta(days=days), paid=Decimal("100.00"), settled_on=on, last_paid_on=on
    )


def test_a_settled_invoice_counts_on_its_day_in_its_month_and_ever() -> None:
    invoices = [settled(date(2024, 3, 14), 12), settled(date(2024, 3, 14), 13), settled(date(2024, 3, 2), 1)]

    assert settlements_of(invoices) == [
        Settlements("day", date(2024, 3, 2), 1, 1),
        Settlements("day", date(2024, 3, 14), 2, 25),
        Settlements("ever", date(1, 1, 1), 3, 26),
        Settlements("month", date(2024, 3, 1), 3, 26),
    ]


def test_what_is_open_or_was_closed_without_a_payment_does_not_count() -> None:
    partly_paid = an_open_invoice(paid=Decimal("1.00"), last_paid_on=date(2024, 3, 1))
    credited = an_open_invoice(credited=Decimal("100.00"), settled_on=date(2024, 3, 1))

    assert settlements_of([an_open_invoice(), partly_paid, credited]) == []


def test_with_payments_and_notes_mixed_the_last_payment_counts_in_days() -> None:
    mixed = an_open_invoice(
        invoice_date=date(2024, 2, 1), last_paid_on=date(2024, 2, 11), settled_on=date(2024, 3, 5)
    )

    assert settlements_of([mixed])[0] == Settlements("day", date(2024, 3, 5), 1, 10)


def test_money_that_was_there_before_its_invoice_took_no_days() -> None:
    early = an_open_invoice(
        invoice_date=date(2024, 2, 1), last_paid_on=date(2024, 1, 1), settled_on=date(2024, 2, 1)
    )

    assert settlements_of([early])[0].days == 0


@pytest.mark.parametrize(
    ("period", "now", "expected"),
    [
        (
            "30d",
            datetime(2024, 1, 20, 23, 59, tzinfo=UTC),
            [Span("day", date(2023, 12, 21), date(2024, 1, 21))],
        ),
        (
            "30d",
            datetime(2024, 3, 31, tzinfo=UTC),
            [
                Span("day", date(2024, 3, 1), date(2024, 3, 1)),
                Span("month", date(2024, 3, 1), date(2024, 4, 1)),
                Span("day", date(2024, 4, 1), date(2024, 4, 1)),
            ],
        ),
        (
            "1y",
            datetime(2024, 2, 29, 12, tzinfo=UTC),
            [
                Span("day", date(2023, 2, 28), date(2023, 3, 1)),
                Span("month", date(2023, 3, 1), date(2024, 3, 1)),
                Span("day", date(2024, 3, 1), date(2024, 3, 1)),
            ],
        ),
        ("all", datetime(2024, 2, 29, tzinfo=UTC), [Span("ever", date.min, date.max)]),
    ],
)
def test_a_period_is_whole_months_and_the_days_at_its_edges(
    period: Period, now: datetime, expected: list[Span]
) -> None:
    assert spans(period, now) == expected


def hours_into_2023(hours: int) -> datetime:
    return datetime(2023, 1, 1, tzinfo=UTC) + timedelta(hours=hours)


@given(
    now=st.integers(0, 2 * 366 * 24).map(hours_into_2023),
    invoices=st.lists(st.builds(settled, st.dates(date(2022, 1, 1), date(2025, 1, 2)), st.integers(0, 90))),
)
def test_the_rows_of_a_period_add_up_to_what_was_settled_from_its_first_day_to_today(
    now: datetime, invoices: list[Invoice]
) -> None:
    rows = settlements_of(invoices)
    for period in PERIODS:
        begin = begin_of(period, now)
        meant = [
            each.days_to_pay
            for each in invoices
            if each.settled_on and (begin is None or begin.date() <= each.settled_on <= now.date())
        ]
        within = [
            row
            for row in rows
            for span in spans(period, now)
            if row.grain == span.grain and span.since <= row.starts_on < span.until
        ]

        assert sum(row.invoices for row in within) == len(meant)
        assert sum(row.days for row in within) == sum(days or 0 for days in meant)


@pytest.mark.parametrize(
    ("invoices", "days", "expected"),
    [(0, 0, None), (3, 64, 21), (2, 25, 13), (2, 24, 12), (1, 0, 0), (3, 65, 22), (10**9, 15 * 10**8, 2)],
)
def test_the_mean_is_rounded_half_up(invoices: int, days: int, expected: int | None) -> None:
    assert mean_days(invoices, days) == expected
