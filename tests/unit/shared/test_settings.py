from pathlib import Path

import pytest

from services.customers.app import Settings
from shared.settings import InvalidSettings, host_name, read
from shared.settings import Settings as LeastSettings

WHOLE = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DATABASE_URL_CUSTOMERS": "postgresql://someone:secret@127.0.0.1/customers",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (
        *WHOLE,
        *(
            "SECRETS_DIR",
            "KAFKA_SESSION_TIMEOUT_MS",
            "REPLICA",
            "HEALTH_FILE",
            "LOG_LEVEL",
            "TRANSACTIONS",
            "MAX_IN_FLIGHT",
        ),
    ):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_what_is_not_said_has_its_default(environment: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        environment.setenv(name, value)

    settings = Settings.from_environment()

    assert settings.kafka_bootstrap_servers == "127.0.0.1:1"
    assert settings.database_url.get_secret_value() == WHOLE["DATABASE_URL_CUSTOMERS"]
    assert (settings.replica, settings.log_level, settings.health_file) == (host_name(), "info", None)


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


def test_what_the_environment_lacks_is_read_from_the_file_of_its_name(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("SECRETS_DIR", str(tmp_path))
    environment.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    (tmp_path / "DATABASE_URL_CUSTOMERS").write_text("postgresql://in-a-file\n")
    (tmp_path / "KAFKA_BOOTSTRAP_SERVERS").write_text("127.0.0.1:2")

    settings = Settings.from_environment()

    assert settings.database_url.get_secret_value() == "postgresql://in-a-file"
    assert settings.kafka_bootstrap_servers == "127.0.0.1:1"


def test_a_variable_is_read_from_the_environment_then_from_its_file(tmp_path: Path) -> None:
    environment = {"SECRETS_DIR": str(tmp_path), "HERE": "here", "EMPTY": ""}
    for name in ("HERE", "EMPTY", "THERE"):
        (tmp_path / name).write_text(f"{name} in a file\n")

    found = [read(name, environment) for name in ("HERE", "EMPTY", "THERE", "NOWHERE")]

    assert found == ["here", "EMPTY in a file", "THERE in a file", None]
