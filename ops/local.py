"""The whole local system: servers, jobs, services and the gateway, in order, under one supervisor.

A library: the terminal belongs to `ops.run`, and the tests use this without one.
"""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Self

from ops import orphans, ports, processes, services, training
from ops.children import Kind, Limits
from ops.concurrency import concurrently
from ops.kafka import KafkaServer
from ops.postgres import PostgresServer
from ops.processes import Program
from ops.services import Commands, Kafka, Replica
from ops.settings import SERVICES, DatabaseUrls, Settings
from ops.state import StateFolder
from ops.supervisor import Supervisor


class Report:
    """Is told how the start and the end go; this one keeps silent."""

    def begun(self, part: str) -> None:
        """A part is being worked on."""

    def done(self, part: str, result: str) -> None:
        """A part came to its result."""

    def downloaded(self, fetched: int, expected: int) -> None:
        """So many bytes of the first download are there; called from other threads."""


class LocalStack:
    """Everything that `customers-api run` runs; `async with` starts and ends it.

    gateway_url, kafka_bootstrap_servers: known once started.
    """

    def __init__(
        self, settings: Settings, commands: Commands | None = None, report: Report | None = None
    ) -> None:
        self.settings = settings
        self.state = StateFolder(settings.state_dir)
        self.gateway_url = ""
        self.kafka_bootstrap_servers = settings.kafka_bootstrap_servers or ""
        self._commands = commands or Commands()
        self._report = report or Report()
        self._databases: dict[str, DatabaseUrls] = dict(settings.databases)
        limits = Limits(settings.heartbeat_limit_s, settings.first_heartbeat_limit_s)
        self._supervisor = Supervisor(self.state, limits)
        self._listener: socket.socket | None = None
        self._training: asyncio.Task[None] | None = None
        self._watch = orphans.Watch(self.state)

    async def __aenter__(self) -> Self:
        self.state.acquire()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def processes(self) -> dict[str, int]:
        """The pid of each process that is up now, by name."""
        return {name: child.pid for name, child in self._supervisor.children.items() if child.pid}

    def database_url(self, service: str) -> str:
        """What the service connects with: the role that reads and writes rows."""
        return self._databases[service].runtime

    def database_owner_url(self, service: str) -> str:
        """What its migrations connect with."""
        return self._databases[service].owner

    async def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone; it is restarted unless held."""
        await self._end(name, signal.SIGKILL)

    async def terminate(self, name: str) -> None:
        """SIGTERM, and wait until it is gone; it is restarted unless held."""
        await self._end(name, signal.SIGTERM)

    def hold(self, name: str) -> None:
        """Do not restart it when it ends; this alone does not end it."""
        self._supervisor.children[name].hold()

    def resume(self, name: str) -> None:
        """Start it again, and restart it as before."""
        self._supervisor.children[name].start()

    async def wait_ready(self, *names: str) -> None:
        """Wait until these (none: all) are ready; raises NotReady for one that will not be."""
        await self._supervisor.wait_ready(names or None)

    def hasten(self) -> None:
        """Let an end that is under way wait for nothing any more."""
        self._supervisor.hasten()

    async def _start(self) -> None:
        await self._end_orphans()
        await self._watch.start()
        self._listener = ports.listen(self.settings.gateway_port, "GATEWAY_PORT")
        host, port = self._listener.getsockname()
        self.gateway_url = f"http://{host}:{port}"
        # Both before any of them starts: that a port is taken is told at once.
        postgres, kafka = self._postgres(), self._kafka()
        await concurrently(self._start_postgres(postgres), self._start_kafka(kafka))
        await concurrently(*(self._start_child(kind) for kind in self._service_kinds()))
        if kafka and self.settings.trains_startup_cache:
            self._training = asyncio.create_task(training.train(kafka, self._supervisor))

    async def _stop(self) -> None:
        if self._training:
            self._training.cancel()
            await asyncio.gather(self._training, return_exceptions=True)
        # First, so that nobody waits in the queue of a gateway that does not come back.
        if self._listener:
            self._listener.close()
        running = list(self._supervisor.children)
        gateways = [name for name in running if name.startswith("gateway-")]
        servers = [KafkaServer.name, PostgresServer.name]
        consumers = [name for name in running if name not in {*gateways, *servers}]
        for group in (gateways, consumers, *([server] for server in servers)):
            await self._stop_children([name for name in group if name in running])
        await self._supervisor.close()
        await self._watch.stop()
        self.state.release()

    async def _stop_children(self, names: list[str]) -> None:
        for name in names:
            self._report.begun(name)
        await self._supervisor.stop(names)
        for name in names:
            self._report.done(name, "stopped")

    async def _end(self, name: str, signal_: signal.Signals) -> None:
        child = self._supervisor.children[name]
        child.send(signal_)
        await child.ended()

    async def _end_orphans(self) -> None:
        ended = await asyncio.to_thread(orphans.end_orphans, self.state.records().values())
        if ended:
            self._report.done(", ".join(ended), "ended: left over from a supervisor that was killed")

    def _postgres(self) -> PostgresServer | None:
        if not self.settings.needs_postgres:
            return None
        port = ports.required(self.settings.postgres_port, "POSTGRES_PORT")
        return PostgresServer(self.state.postgres, self.state.secrets, port)

    def _kafka(self) -> KafkaServer | None:
        if not self.settings.needs_kafka:
            return None
        port = ports.required(self.settings.kafka_port, "KAFKA_PORT")
        return KafkaServer(self.state.kafka, port)

    async def _start_postgres(self, server: PostgresServer | None) -> None:
        if server:
            with self._told(f"prepare {server.name}", "done"):
                await server.prepare()
            await self._start_child(server.kind())
            await server.close_to_all()
        for service in SERVICES:
            if service not in self._databases and server:
                self._databases[service] = await server.create_database(service)
        jobs = (services.migration(self._commands, name, self._databases[name]) for name in SERVICES)
        await concurrently(*(self._run_job(job) for job in jobs))

    async def _start_kafka(self, server: KafkaServer | None) -> None:
        if server:
            with self._told(f"prepare {server.name}", "done"):
                await server.prepare(self._report.downloaded)
            self.kafka_bootstrap_servers = server.bootstrap_servers
            await self._start_child(server.kind())
        await self._run_job(services.topics(self._commands, self._broker()))

    async def _start_child(self, kind: Kind) -> None:
        with self._told(kind.name, "ready"):
            self._supervisor.start(kind)
            await self._supervisor.wait_ready([kind.name])

    async def _run_job(self, job: Program) -> None:
        with self._told(job.name, "done"):
            await processes.run_to_end(job)

    @contextmanager
    def _told(self, part: str, result: str) -> Iterator[None]:
        self._report.begun(part)
        began_at = monotonic()
        try:
            yield
        except asyncio.CancelledError:
            self._report.done(part, "given up")
            raise
        except Exception:
            self._report.done(part, "failed")
            raise
        self._report.done(part, f"{result} after {monotonic() - began_at:.1f} s")

    def _service_kinds(self) -> list[Kind]:
        kafka = self._broker()
        listener = self._listener.fileno() if self._listener else -1
        consumers = [
            services.service(self._commands, name, self._replica(name, number), kafka, self._databases[name])
            for name in SERVICES
            for number in range(self.settings.replicas)
        ]
        gateways = [
            services.gateway(self._commands, Replica(number, self.state.health), listener, kafka)
            for number in range(self.settings.replicas)
        ]
        return [*consumers, *gateways]

    def _replica(self, service: str, number: int) -> Replica:
        return Replica(number, self.state.health, self.settings.metrics_port_of(service, number))

    def _broker(self) -> Kafka:
        return Kafka(self.kafka_bootstrap_servers, is_ours=self.settings.needs_kafka)
