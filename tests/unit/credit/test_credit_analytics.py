import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.credit.analytics import Figures, answer, risk_of, utilization
from tests.support.credit_builders import TODAY, an_account

FIGURES = Figures(
    account=an_account(balance="2500.00", credit_limit="10000.00"),
    as_of=datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
    invoices=70,
    days=840,
    facts_version=3,
    risk="low",
    facts=None,
)


@pytest.mark.parametrize(
    ("balance", "limit", "expected"),
    [
        ("2500.00", "10000.00", "25.0"),
        ("0.00", "10000.00", "0.0"),
        ("-50.00", "100.00", "0.0"),
        ("150.00", "100.00", "150.0"),
        ("12.34", "100.00", "12.3"),
        ("12.35", "100.00", "12.4"),
        ("0.01", "9999999999.99", "0.0"),
        ("99999999999999.99", "0.01", "999999999999999900.0"),
        ("0.00", "0.00", "0.0"),
        ("-1.00", "0.00", "0.0"),
        ("0.01", "0.00", "100.0"),
    ],
)
def test_utilization_is_percent_of_the_limit_to_one_decimal(balance: str, limit: str, expected: str) -> None:
    assert str(utilization(Decimal(balance), Decimal(limit))) == expected


def test_an_answer_has_money_to_the_cent_and_instants_to_the_second() -> None:
    assert answer(FIGURES, "low").body == (
        b'{"current_balance":2500.00,"credit_limit":10000.00,"credit_utilization":25.0,'
        b'"avg_payment_days":12,"risk_score":"low","model_version":"tcs-1.0.0","as_of":"2024-01-15T10:30:00Z"}'
    )


def test_what_there_is_not_is_null() -> None:
    shown = json.loads(answer(replace(FIGURES, as_of=None, invoices=0, days=0), "medium").body)

    assert (shown["avg_payment_days"], shown["as_of"]) == (None, None)


def test_a_remembered_risk_is_not_computed_again() -> None:
    assert risk_of(replace(FIGURES, risk="high"), TODAY) == "high"
    with pytest.raises(ValueError, match="nothing was read"):
        risk_of(replace(FIGURES, risk=None), TODAY)
