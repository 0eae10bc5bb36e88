"""The gateway put together: `uvicorn --factory services.gateway.app:create_app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, Router
from litestar.datastructures import State

from services.gateway import analytics, contacts, credit_checks, customers, health, openapi, orders
from services.gateway.edge import Edge
from services.gateway.methods import options_of
from services.gateway.problems import EXCEPTION_HANDLERS
from services.gateway.requests import refuse_unacceptable
from services.gateway.settings import GatewaySettings
from shared import memory
from shared.heartbeats import beat
from shared.messaging import GATEWAY_REPLIES
from shared.rpc import KafkaRpc, Rpc
from shared.telemetry import configure_logging

RESOURCES = (customers, contacts, orders, analytics, credit_checks)


def create_app(settings: GatewaySettings | None = None, rpc: Rpc | None = None) -> Litestar:
    """The ASGI application.

    Args:
        settings: None reads the environment.
        rpc: Whom to ask; started and stopped by whoever made it. None makes this a process of its own: it
            connects to Kafka when it starts, logs to standard output and writes its heartbeat.
    """
    settings = settings or GatewaySettings.from_environment()
    if rpc is None:
        configure_logging(f"gateway-{settings.replica}", settings.log_level)
    handlers = [each for resource in RESOURCES for each in resource.HANDLERS]
    routed = [*options_of(handlers), *handlers]
    api = Router("/api", route_handlers=routed, before_request=refuse_unacceptable)
    app = Litestar(
        [api, *health.HANDLERS, *openapi.HANDLERS],
        state=State({"settings": settings, "rpc": rpc}, deep_copy=False),
        lifespan=[_connected] if rpc is None else [],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = Edge(app.asgi_handler)
    return app


def connect(settings: GatewaySettings) -> KafkaRpc:
    """Whom the gateway asks, not started yet."""
    return KafkaRpc(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        source="/customers-api/gateway",
        replies=GATEWAY_REPLIES,
    )


@asynccontextmanager
async def _connected(app: Litestar) -> AsyncIterator[None]:
    settings: GatewaySettings = app.state.settings
    rpc = app.state.rpc = connect(settings)
    # from before the bus is reached: whoever supervises sees a process that waits, not one that hangs
    background = [asyncio.create_task(beat(file, rpc.faults)) for file in [settings.health_file] if file]
    await rpc.start()
    memory.settle()
    try:
        yield
    finally:
        await rpc.stop()
        for task in background:
            task.cancel()
