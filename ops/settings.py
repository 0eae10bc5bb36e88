"""What the local stack can be told by the environment, read once and checked whole.

Does not know how anything is started.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from shared.heartbeats import OLD_AFTER_S

SERVICES = ("customers", "orders", "credit")
MAX_PORT = 65535
MAX_REPLICAS = 64


class SettingsInvalid(Exception):
    """One line for each setting that cannot be used, naming its variable."""


@dataclass(frozen=True)
class DatabaseUrls:
    """Where one service's data is.

    runtime: for the service; may read and write rows, nothing else.
    owner: for migrations; owns the database.
    """

    runtime: str
    owner: str


@dataclass(frozen=True)
class Settings:
    """How the local stack runs.

    gateway_port, kafka_port, postgres_port: on 127.0.0.1; 0 means any free one.
    state_dir: data, logs and passwords; kept over restarts.
    replicas: processes of each service and of the gateway, 1..64.
    kafka_bootstrap_servers: a broker to use; None starts the embedded one.
    databases: by service; where one is missing, the embedded PostgreSQL is started for it.
    heartbeat_limit_s: a process whose heartbeat is older is killed.
    first_heartbeat_limit_s: the same for a process that has not shown any yet.
    trains_startup_cache: whether the broker's start may be made faster in the background.
    metrics_port: where the first process of a service serves its metrics, each further one at the next; 0
        has none serve any.
    """

    gateway_port: int = 8000
    kafka_port: int = 9092
    postgres_port: int = 5433
    state_dir: Path = Path(".local")
    replicas: int = 1
    kafka_bootstrap_servers: str | None = None
    databases: Mapping[str, DatabaseUrls] = field(default_factory=dict)
    heartbeat_limit_s: float = OLD_AFTER_S
    first_heartbeat_limit_s: float = 60.0
    trains_startup_cache: bool = True
    metrics_port: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read every variable, or raise SettingsInvalid that names all that are wrong."""
        reader = _Reader(environment)
        settings = cls(
            gateway_port=reader.integer("GATEWAY_PORT", 8000, MAX_PORT),
            kafka_port=reader.integer("KAFKA_PORT", 9092, MAX_PORT),
            postgres_port=reader.integer("POSTGRES_PORT", 5433, MAX_PORT),
            state_dir=Path(environment.get("STATE_DIR") or ".local").absolute(),
            replicas=reader.integer("REPLICAS", 1, MAX_REPLICAS, minimum=1),
            kafka_bootstrap_servers=reader.bootstrap_servers(),
            databases=reader.databases(),
            trains_startup_cache=environment.get("TRAIN_STARTUP_CACHE", "1") != "0",
            metrics_port=reader.integer("METRICS_PORT", 0, MAX_PORT - len(SERVICES) * MAX_REPLICAS),
        )
        ports = [
            port for port in (settings.gateway_port, settings.kafka_port, settings.postgres_port) if port
        ]
        if len(set(ports)) < len(ports):
            reader.errors.append("GATEWAY_PORT, KAFKA_PORT and POSTGRES_PORT must differ")
        if reader.errors:
            raise SettingsInvalid("\n".join(reader.errors))
        return settings

    def metrics_port_of(self, service: str, replica: int) -> int:
        """Where one process serves its metrics; 0: nowhere."""
        return self.metrics_port and self.metrics_port + SERVICES.index(service) * self.replicas + replica

    @property
    def needs_kafka(self) -> bool:
        """Whether the embedded broker is started."""
        return self.kafka_bootstrap_servers is None

    @property
    def needs_postgres(self) -> bool:
        """Whether the embedded PostgreSQL is started."""
        return any(service not in self.databases for service in SERVICES)


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.errors: list[str] = []

    def integer(self, name: str, default: int, maximum: int, minimum: int = 0) -> int:
        text = self.environment.get(name) or str(default)
        if text.isascii() and text.isdigit() and minimum <= int(text) <= maximum:
            return int(text)
        self.errors.append(f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}")
        return default

    def bootstrap_servers(self) -> str | None:
        text = self.environment.get("KAFKA_BOOTSTRAP_SERVERS")
        if not text:
            return None
        for server in text.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                self.errors.append(
                    f"KAFKA_BOOTSTRAP_SERVERS must be host:port, comma separated, not {server!r}"
                )
        return text

    def databases(self) -> dict[str, DatabaseUrls]:
        found = {}
        for service in SERVICES:
            runtime = self._database_url(f"DATABASE_URL_{service.upper()}")
            owner = self._database_url(f"DATABASE_OWNER_URL_{service.upper()}")
            if runtime:
                found[service] = DatabaseUrls(runtime=runtime, owner=owner or runtime)
            elif owner:
                self.errors.append(
                    f"DATABASE_OWNER_URL_{service.upper()} needs DATABASE_URL_{service.upper()}"
                )
        return found

    def _database_url(self, name: str) -> str | None:
        url = self.environment.get(name)
        if url and urlsplit(url).scheme not in {"postgresql", "postgres"}:
            # The value is not repeated: it holds a password.
            self.errors.append(f"{name} must start with postgresql://")
        return url or None
