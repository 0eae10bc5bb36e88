from decimal import Decimal

import pytest

from services.orders.app import Settings
from services.orders.policy import DEFAULTS, OrdersPolicy, Thresholds


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
    monkeypatch.setenv("DATABASE_URL_ORDERS", "postgresql://orders@localhost/orders")
    return monkeypatch


def test_how_long_is_waited_has_defaults(environment: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().policy == OrdersPolicy(300, 900)


def test_how_long_is_waited_is_a_setting(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CREDIT_ANSWER_WITHIN_S", "2")
    environment.setenv("ORDER_AWAITED_WITHIN_S", "3")

    assert Settings.from_environment().policy == OrdersPolicy(2, 3)


def test_from_when_on_a_customer_is_what_is_a_setting(environment: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().policy.segments == DEFAULTS
    for number, name in enumerate(
        (
            *(
                "DORMANT_AFTER_DAYS",
                "ESTABLISHED_AFTER_DAYS",
                "ESTABLISHED_FROM_ORDERS",
                "AT_RISK_AFTER_DAYS",
            ),
            *("AT_RISK_AFTER_GAPS", "HIGH_VALUE_FROM"),
        ),
        start=2,
    ):
        environment.setenv(f"SEGMENT_{name}", str(number))

    assert Settings.from_environment().policy.segments == Thresholds(2, 3, 4, 5, 6, Decimal(7))
