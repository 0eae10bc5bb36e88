"""PostgreSQL and Kafka in containers, where a Docker engine answers and has, or gets, their images."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import yaml
from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy
from testcontainers.postgres import PostgresContainer

from ops.ports import HOST, free_port
from tests.support.servers import PROJECT

COMPOSED = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
POSTGRES, KAFKA = COMPOSED["customers-db"]["image"], COMPOSED["kafka"]["image"]
STARTED = "Kafka Server started"
ENGINE_WITHIN_S = 5

# Whoever keeps a server ends its container; another one that watches over that would need one more image.
testcontainers_config.ryuk_disabled = True


class NoContainer(Exception):
    """There is no engine, or no image; says why."""


@contextmanager
def postgres() -> Iterator[str]:
    """The superuser's URL.

    Raises:
        NoContainer: nothing was started.
    """
    _ensure(POSTGRES)
    password = secrets.token_hex(20)
    container = PostgresContainer(
        POSTGRES, username="postgres", password=password, dbname="postgres", driver=None
    ).with_command("postgres -c fsync=off -c jit=off -c max_connections=200")
    with container:
        yield f"postgresql://postgres:{password}@{HOST}:{container.get_exposed_port(5432)}/postgres"


@contextmanager
def kafka() -> Iterator[str]:
    """Where clients find the broker.

    Raises:
        NoContainer: nothing was started.
    """
    _ensure(KAFKA)
    port = free_port()  # the broker must know it before it starts, to tell it to its clients
    container = DockerContainer(KAFKA).with_bind_ports(port, port)
    for name, value in _broker_settings(port).items():
        container = container.with_env(name, value)
    with container.waiting_for(LogMessageWaitStrategy(STARTED)):
        yield f"{HOST}:{port}"


def _ensure(image: str) -> None:
    try:
        client = docker.from_env(timeout=ENGINE_WITHIN_S)
        client.ping()
        if not client.images.list(image):
            client.images.pull(image)
    except DockerException as error:
        raise NoContainer(f"{image}: {type(error).__name__}") from None


def _broker_settings(port: int) -> dict[str, str]:
    """Those of the composition, but for where it listens and for whom."""
    given: dict[str, str] = COMPOSED["kafka"]["environment"]
    return {
        **given,
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LOG_DIRS": "/tmp/kafka",  # in the container
    }
