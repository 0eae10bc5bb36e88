import pytest

from services.orders.app import Settings
from services.orders.policy import OrdersPolicy


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
