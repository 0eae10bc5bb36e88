"""The lag of what a service follows, for Prometheus: measured once a second, served by a thread."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily

from shared.lanes import Lag

MEASURE_EVERY_S = 1.0

log = structlog.get_logger()

Measure = Callable[[], Awaitable[Mapping[str, Lag] | None]]
"""The lag by topic; None where it cannot be told now."""


@asynccontextmanager
async def lags_served(service: str, host: str, port: int, measure: Measure) -> AsyncIterator[None]:
    """Within the block `/metrics` shows the last measurement. Raises OSError where the port is taken."""
    lags = _Lags(service)
    registry = CollectorRegistry()
    registry.register(lags)
    server, _ = start_http_server(port, addr=host, registry=registry)
    measuring = asyncio.create_task(lags.measure_for_ever(measure))
    try:
        yield
    finally:
        measuring.cancel()
        await asyncio.to_thread(server.shutdown)
        server.server_close()


class _Lags:
    def __init__(self, service: str) -> None:
        self._service = service
        self._latest: Mapping[str, Lag] = {}  # replaced as a whole: the server's thread reads it

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What a scrape shows; called by the server's thread."""
        by = ["service", "topic"]
        records = GaugeMetricFamily(
            "customers_api_lag_records", "Offsets of this process that are not finished.", labels=by
        )
        seconds = GaugeMetricFamily(
            "customers_api_lag_seconds", "How long ago the oldest of them was written; 0: none.", labels=by
        )
        for topic, lag in self._latest.items():
            records.add_metric([self._service, topic], lag.records)
            seconds.add_metric([self._service, topic], lag.seconds)
        yield from (records, seconds)

    async def measure_for_ever(self, measure: Measure) -> None:
        while True:
            try:
                self._latest = await measure() or self._latest
            except (
                Exception
            ) as error:  # the broker is away, or nothing is read yet: better none than an old one
                self._latest = {}
                log.debug("lag.unknown", error=type(error).__name__)
            await asyncio.sleep(MEASURE_EVERY_S)
