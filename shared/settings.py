"""Settings from the environment: read once, frozen, every fault named at once.

A variable that is not in the environment may stand in a file of its name in SECRETS_DIR (/run/secrets): so
containers are given passwords.
"""

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS_DIR = "/run/secrets"
REPLICA_MAX_CHARS = 64


def host_name() -> str:
    """The name of this host, or container, as far as it may stand in the name of a replica."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:REPLICA_MAX_CHARS]


def read(variable: str, environment: Mapping[str, str]) -> str | None:
    """A variable of the environment, else the content of its file; None where neither is there."""
    if value := environment.get(variable):
        return value
    file = Path(environment.get("SECRETS_DIR", SECRETS_DIR)) / variable
    return file.read_text().strip() or None if file.is_file() else None


class InvalidSettings(SystemExit):
    """The environment lacks or misstates settings; ends the process with one line for each."""


class Settings(BaseSettings):
    """What every process reads.

    kafka_bootstrap_servers: host:port, several separated by commas.
    kafka_session_timeout_ms: after how much silence the broker takes a consumer's partitions away; at least
    the
        broker's `group.min.session.timeout.ms`.
    replica: this process's number or host name among its kind; unique among the living. Default: the host's
        name.
    health_file: where the heartbeat is written each second; None writes none.
    log_level: debug, info, warning or error.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kafka_bootstrap_servers: str
    kafka_session_timeout_ms: int = Field(default=6000, ge=1000)
    replica: str = Field(default_factory=host_name, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    health_file: Path | None = None
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            InvalidSettings: naming every variable that is missing or wrong, never a value.
        """
        secrets = os.environ.get("SECRETS_DIR", SECRETS_DIR)
        try:
            return cls(_secrets_dir=secrets) if Path(secrets).is_dir() else cls()
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
    metrics_port, metrics_host: where the lag of what is followed is served for Prometheus; port 0: nowhere.
    """

    database_url: SecretStr
    transactions: int = Field(default=8, ge=1, le=100)
    max_in_flight: int = Field(default=1000, ge=1)
    allowed_reply_topics: str = ""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"


def _variable(location: tuple[int | str, ...]) -> str:
    return "_".join(map(str, location)).upper()
