"""The embedded Apache Kafka: one process, broker and controller in one, data in the state folder.

Says how it is prepared, started and asked; the supervisor runs it.
"""

import asyncio
import logging
import uuid
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

from ops import jars
from ops.children import Kind
from ops.jars import Progress
from ops.ports import HOST, free_port, is_free
from ops.processes import Program, inherited_environment, run_to_end
from ops.startup_cache import StartupCache, java

HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
FORMAT_HEAP = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

# Both broker.* intervals: a broker that was killed must wait for its own old registration to expire, 9 s by
# default. A member of a group may be given up after 3 s, not 6, when its process is killed.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
log.segment.bytes=16777216
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=8
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
"""

LOGGING = """\
Configuration:
  status: "ERROR"
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "%d{ISO8601} %-5p %m (%c{1})%n%throwable{short.message}"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: STDOUT
    Logger:
      - name: kafka.server.KafkaRaftServer
        level: INFO
      - name: kafka.server.BrokerServer
        level: INFO
      - name: kafka.server.ControllerServer
        level: INFO
      - name: org.apache.kafka.storage.internals.log
        level: INFO
"""


class KafkaServer:
    """One broker with its data in `folder`, on 127.0.0.1:`port`.

    cache_folder: of the jars and the start-up cache; None is the user's.
    """

    name = "kafka"

    def __init__(self, folder: Path, port: int, cache_folder: Path | None = None) -> None:
        self.folder = folder
        self.port = port
        self.cache_folder = cache_folder or jars.kafka_folder()
        self.startup_cache = StartupCache(self.cache_folder)
        self._controller_port_file = folder / "controller-port"
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        self._logging = folder / "log4j2.yaml"

    @property
    def bootstrap_servers(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self.port}"

    async def prepare(self, progress: Progress = lambda fetched, expected: None) -> None:
        """Have the jars, write the configuration, and format the data folder at the first start."""
        await jars.ensure_jars(self.cache_folder, progress)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._logging.write_text(LOGGING)
        self._properties.write_text(
            PROPERTIES.format(
                host=HOST, port=self.port, controller_port=self._controller_port(), data=self._data
            )
        )
        if not (self._data / "meta.properties").exists():
            await self._format()

    def program(self) -> Program:
        """How the broker is started."""
        return self.program_with(self.startup_cache.options())

    def program_with(self, options: tuple[str, ...]) -> Program:
        """The same with options for the Java runtime."""
        return Program(
            name=self.name,
            argv=self._java(*HEAP, *options, "kafka.Kafka", str(self._properties)),
            environment=inherited_environment(),
            port=self.port,
            # A controlled shutdown writes the clean mark without which the next start reads all segments.
            grace_s=20.0,
        )

    def kind(self) -> Kind:
        """What a supervisor must know of it."""
        return Kind(name=self.name, program=self.program, is_ready=self.answers)

    async def answers(self) -> bool:
        """Whether it answers with its metadata."""
        if not await _accepts(self.port):
            return False
        # Slow to import.
        from aiokafka.client import AIOKafkaClient

        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap_servers, request_timeout_ms=2000)
        try:
            await client.bootstrap()
            is_there = bool(client.cluster.brokers())
        # Everything a broker may do while it starts or dies is "no".
        except Exception:
            return False
        finally:
            with suppress(Exception):
                await client.close()
        if is_there:
            self.startup_cache.answered()
        return is_there

    def _java(self, *arguments: str) -> tuple[str, ...]:
        files = (f"-Dlog4j2.configurationFile={self._logging}", f"-XX:ErrorFile={self.folder}/crash.log")
        return (java(), "-cp", jars.class_path(self.cache_folder), *files, *arguments)

    async def _format(self) -> None:
        # Of 22 letters, as Kafka writes its ids; one that began with a dash would be taken for an option.
        cluster_id = "A" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        arguments = ("format", "-t", cluster_id, "-c", str(self._properties))
        argv = self._java(*FORMAT_HEAP, "kafka.tools.StorageTool", *arguments)
        await run_to_end(Program("kafka format", argv, environment=inherited_environment()))

    def _controller_port(self) -> int:
        """The port kept from the last start, as long as it is free; it is nobody's but the broker's."""
        with suppress(FileNotFoundError, ValueError):
            kept = int(self._controller_port_file.read_text())
            if is_free(kept):
                return kept
        port = free_port()
        self._controller_port_file.write_text(str(port))
        return port


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
