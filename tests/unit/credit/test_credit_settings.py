import pytest

from services.credit.app import Settings, create_app
from services.credit.policy import CreditPolicy


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("DATABASE_URL_CREDIT", "postgresql://credit:x@127.0.0.1:1/credit")
    return monkeypatch


async def test_invoices_more_than_sixty_days_past_due_block_credit_unless_set_otherwise(
    environment: pytest.MonkeyPatch,
) -> None:
    assert Settings.from_environment().policy == CreditPolicy(past_due_block_days=60)
    environment.setenv("PAST_DUE_BLOCK_DAYS", "90")
    assert Settings.from_environment().policy == CreditPolicy(past_due_block_days=90)


async def test_the_application_is_made_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    assert create_app() is not None
