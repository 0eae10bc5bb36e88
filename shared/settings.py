"""Settings from the environment: read once, frozen, every fault named at once."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class InvalidSettings(SystemExit):
    """The environment lacks or misstates settings; ends the process with one line for each."""


class Settings(BaseSettings):
    """What every process reads.

    kafka_bootstrap_servers: host:port, several separated by commas.
    kafka_session_timeout_ms: after how much silence the broker takes a consumer's partitions away; at least
    the
        broker's `group.min.session.timeout.ms`.
    replica: this process's number or host name among its kind; unique among the living.
    health_file: where the heartbeat is written each second; None writes none.
    log_level: debug, info, warning or error.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kafka_bootstrap_servers: str
    kafka_session_timeout_ms: int = Field(default=6000, ge=1000)
    replica: str = Field(default="0", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    health_file: Path | None = None
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            InvalidSettings: naming every variable that is missing or wrong, never a value.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = (
                f"  {_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)
            )
            raise InvalidSettings("settings are missing or wrong:\n" + "\n".join(faults)) from None


class ServiceSettings(Settings):
    """What every service reads; each names the variable of its own `database_url`.

    transactions: how many run at once; connections to the database are six more, for reads, relay and probe.
    max_in_flight: records of one partition that may lie beyond its lowest unfinished one.
    allowed_reply_topics: further topics a sender may name in `reply_to`, separated by commas.
    """

    database_url: SecretStr
    transactions: int = Field(default=8, ge=1, le=100)
    max_in_flight: int = Field(default=1000, ge=1)
    allowed_reply_topics: str = ""


def _variable(location: tuple[int | str, ...]) -> str:
    return "_".join(map(str, location)).upper()
