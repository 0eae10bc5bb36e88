import pytest

from services.customers.app import Settings
from shared.settings import InvalidSettings
from shared.settings import Settings as LeastSettings

WHOLE = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DATABASE_URL_CUSTOMERS": "postgresql://someone:secret@127.0.0.1/customers",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (
        *WHOLE,
        *("KAFKA_SESSION_TIMEOUT_MS", "REPLICA", "HEALTH_FILE", "LOG_LEVEL", "TRANSACTIONS", "MAX_IN_FLIGHT"),
    ):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_what_is_not_said_has_its_default(environment: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        environment.setenv(name, value)

    settings = Settings.from_environment()

    assert settings.kafka_bootstrap_servers == "127.0.0.1:1"
    assert settings.database_url.get_secret_value() == WHOLE["DATABASE_URL_CUSTOMERS"]
    assert (settings.replica, settings.log_level, settings.health_file) == ("0", "info", None)


def test_every_fault_is_named_at_once_and_no_value(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRANSACTIONS", "hunter2")
    environment.setenv("LOG_LEVEL", "hunter2")
    environment.setenv("REPLICA", "hunter2 hunter2")

    with pytest.raises(InvalidSettings) as ended:
        Settings.from_environment()

    said = str(ended.value)
    for variable in (*WHOLE, "TRANSACTIONS", "LOG_LEVEL", "REPLICA"):
        assert variable in said
    assert "hunter2" not in said


def test_a_missing_setting_ends_the_process(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        LeastSettings.from_environment()


def test_a_secret_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        environment.setenv(name, value)

    assert "secret@" not in repr(Settings.from_environment())
