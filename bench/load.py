"""A closed loop of HTTP requests over kept connections, in a process of its own: `python -m bench.load`.

Written for little CPU of its own, since it shares the machine with what it measures. Every answer's status
and body are checked; one that is not as expected counts as failed and does not count as a request.
"""

import argparse
import asyncio
import json
import random
import time
from urllib.parse import urlsplit

import uvloop


class Connection(asyncio.Protocol):
    """One kept connection that asks for one random customer after another until the end."""

    def __init__(self, host: str, ids: list[str], ends_at: float) -> None:
        self._host = host
        self._ids = ids
        self._ends_at = ends_at
        self._received = b""
        self._asked_at = 0.0
        self._asked = ""
        self.latencies: list[float] = []
        self.failed = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Take what came; once an answer is whole, check it and ask again."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        if head.startswith(b"HTTP/1.1 200") and self._asked.encode() in body:
            self.latencies.append(time.perf_counter() - self._asked_at)
        else:
            self.failed += 1
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        if not self.finished.done():
            self.finished.set_result(None)

    def _ask(self) -> None:
        if time.perf_counter() >= self._ends_at:
            self._transport.close()
            return
        self._asked = random.choice(self._ids)  # noqa: S311  # a workload, no secret
        self._asked_at = time.perf_counter()
        request = f"GET /api/customers/{self._asked} HTTP/1.1\r\nHost: {self._host}\r\n\r\n"
        self._transport.write(request.encode())  # type: ignore[attr-defined]  # it is a WriteTransport


async def measure(url: str, ids: list[str], connections: int, seconds: float) -> dict[str, float]:
    """Ask for `seconds` over `connections`; requests a second, latencies in milliseconds, failures."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    began_at = time.perf_counter()
    opened = [
        loop.create_connection(
            lambda: Connection(parts.netloc, ids, began_at + seconds), parts.hostname, parts.port
        )
        for _ in range(connections)
    ]
    protocols = [protocol for _, protocol in await asyncio.gather(*opened)]
    await asyncio.gather(*(protocol.finished for protocol in protocols))
    return summary(
        [latency for protocol in protocols for latency in protocol.latencies],
        time.perf_counter() - began_at,
        sum(protocol.failed for protocol in protocols),
    )


def summary(latencies_s: list[float], seconds: float, failed: int) -> dict[str, float]:
    """Requests a second, median and 99th percentile in milliseconds."""
    ordered = sorted(latencies_s) or [float("nan")]
    return {
        "per_s": round(len(latencies_s) / seconds, 1),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
        "requests": len(latencies_s),
        "failed": failed,
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("--customers", type=int, required=True)
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=8)
    given = arguments.parse_args()
    all_ids = [f"cust_bench{number}" for number in range(1, given.customers + 1)]
    print(json.dumps(uvloop.run(measure(given.url, all_ids, given.connections, given.seconds))))  # noqa: T201
