"""Which processes make the system, and what each of them is told.

Only the variables a process needs: no service sees another one's database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ops.children import Kind
from ops.processes import Program, inherited_environment, python
from ops.settings import DatabaseUrls
from shared.heartbeats import read_heartbeat

# Only our own broker allows less than 6000 (group.min.session.timeout.ms).
SESSION_TIMEOUT_MS = "3000"


@dataclass(frozen=True)
class Commands:
    """The command lines; `{service}` and `{fd}` are filled in.

    fd: the number of the listening socket the gateway takes its connections from.
    """

    migrate: tuple[str, ...] = python("-m", "shared.jobs", "migrate", "{service}")
    topics: tuple[str, ...] = python("-m", "shared.jobs", "topics")
    service: tuple[str, ...] = python("-m", "shared.serve", "{service}")
    gateway: tuple[str, ...] = python(
        *("-m", "uvicorn", "--factory", "services.gateway.app:create_app", "--fd", "{fd}"),
        *(
            "--loop",
            "uvloop",
            "--http",
            "services.gateway.protocol:Protocol",
            "--no-access-log",
            "--no-server-header",
            "--no-proxy-headers",
            # longer than clients and balancers keep a connection, so that it is they who close it
            "--timeout-keep-alive",
            "75",
        ),
    )


@dataclass(frozen=True)
class Replica:
    """Which process of a service: number 0.., the folder of heartbeats, the port of metrics (0: none)."""

    number: int
    health: Path
    metrics_port: int = 0


@dataclass(frozen=True)
class Kafka:
    """The broker everybody uses; is_ours: embedded, with our limits."""

    bootstrap_servers: str
    is_ours: bool

    def environment(self) -> dict[str, str]:
        """What any process is told of it."""
        return {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers}

    def member_environment(self) -> dict[str, str]:
        """The same for members of consumer groups."""
        own = {"KAFKA_SESSION_TIMEOUT_MS": SESSION_TIMEOUT_MS} if self.is_ours else {}
        return {**self.environment(), **own}


def migration(commands: Commands, service: str, urls: DatabaseUrls) -> Program:
    """Bring one service's database to the present form."""
    told = {f"DATABASE_OWNER_URL_{service.upper()}": urls.owner}
    return _program(f"migrate {service}", _filled(commands.migrate, service=service), told)


def topics(commands: Commands, kafka: Kafka) -> Program:
    """Make the topics that are missing."""
    return _program("topics", commands.topics, kafka.environment())


def service(commands: Commands, name: str, replica: Replica, kafka: Kafka, urls: DatabaseUrls) -> Kind:
    """One process of a service, which is told of one database only, in the role that cannot alter it."""
    told = {
        **kafka.member_environment(),
        f"DATABASE_URL_{name.upper()}": urls.runtime,
        "METRICS_PORT": str(replica.metrics_port),
    }
    argv = _filled(commands.service, service=name)
    return _kind(_program(f"{name}-{replica.number}", argv, told), replica)


def gateway(commands: Commands, replica: Replica, listener: int, kafka: Kafka) -> Kind:
    """One process of the gateway; all of them share the listening socket."""
    argv = _filled(commands.gateway, fd=str(listener))
    program = _program(f"gateway-{replica.number}", argv, kafka.environment())
    return _kind(replace(program, pass_fds=(listener,)), replica)


def _kind(program: Program, replica: Replica) -> Kind:
    health_file = replica.health / f"{program.name}.json"
    own = {"REPLICA": str(replica.number), "HEALTH_FILE": str(health_file)}
    whole = replace(program, environment={**program.environment, **own}, health_file=health_file)

    async def is_ready() -> bool:
        heartbeat = read_heartbeat(health_file)
        return heartbeat is not None and heartbeat.ready

    return Kind(name=program.name, program=lambda: whole, is_ready=is_ready)


def _program(name: str, argv: tuple[str, ...], told: Mapping[str, str]) -> Program:
    return Program(name=name, argv=argv, environment={**inherited_environment(), **told})


def _filled(argv: tuple[str, ...], **words: str) -> tuple[str, ...]:
    for word, value in words.items():
        argv = tuple(part.replace("{" + word + "}", value) for part in argv)
    return argv
