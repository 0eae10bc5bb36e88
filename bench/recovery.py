"""How long a request waits when a process is killed: `python -m bench.recovery`.

Asks at a fixed rate (an open loop), kills `customers-0` with SIGKILL in the middle, and prints for each
partition the longest wait of a read and of a create. With one process all partitions wait for its restart;
with two, those of the other one must not wait at all. Then kills Kafka and PostgreSQL, and prints how long
after they are ready again a read and a create are answered.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from aiokafka.partitioner import murmur2
from rich.console import Console

from ops.local import LocalStack
from ops.settings import Settings
from shared.kafka import PARTITIONS

ADDRESS = {"line1": "1", "city": "B", "country": "DE"}
BODY = {"name": "A", "email": "a@example.com", "billing_address": ADDRESS}
RATE_PER_S = 50  # of reads and of creates each: waits are to be those of the restart, not of a queue
BEFORE_S, AFTER_S = 2.0, 4.0

console = Console(width=160)


def partition_of(customer_id: str) -> int:
    """The partition of a customer's messages."""
    return (murmur2(customer_id.encode()) & 0x7FFFFFFF) % PARTITIONS


async def main(kills: int) -> None:
    """Run it with one process and with two, and print."""
    for replicas in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder) / "state"
            settings = Settings(0, 0, 0, state, replicas=replicas, trains_startup_cache=False)
            async with (
                LocalStack(settings) as stack,
                httpx.AsyncClient(base_url=stack.gateway_url) as http,
            ):
                ids = [await _create(http) for _ in range(200)]
                for number in range(kills):
                    await _kill_and_tell(stack, http, ids, f"{replicas} process(es), kill {number + 1}")
                for server in ("kafka", "postgres"):
                    await _kill_server_and_tell(stack, http, ids[0], server)


async def _create(http: httpx.AsyncClient) -> str:
    answer = await http.post("/api/customers", json=BODY, timeout=10)
    answer.raise_for_status()
    customer_id: str = answer.json()["data"]["id"]
    return customer_id


async def _kill_and_tell(stack: LocalStack, http: httpx.AsyncClient, ids: list[str], title: str) -> None:
    waits: dict[str, dict[int, list[float]]] = {"GET": defaultdict(list), "POST": defaultdict(list)}
    failed: list[str] = []

    async def read(number: int) -> str:
        customer_id = ids[number % len(ids)]
        (await http.get(f"/api/customers/{customer_id}", timeout=10)).raise_for_status()
        return customer_id

    async def create(_: int) -> str:
        return await _create(http)

    async def timed(name: str, ask: Callable[[int], Awaitable[str]], number: int) -> None:
        began_at = time.perf_counter()
        try:
            customer_id = await ask(number)
        except httpx.HTTPError as error:
            failed.append(f"{name}: {error!r}")
            return
        waits[name][partition_of(customer_id)].append(time.perf_counter() - began_at)

    async with asyncio.TaskGroup() as requests:
        began_at = time.perf_counter()
        killed = False
        for number in range(int((BEFORE_S + AFTER_S) * RATE_PER_S)):
            await asyncio.sleep(max(0.0, began_at + number / RATE_PER_S - time.perf_counter()))
            name, ask = ("POST", create) if number % 3 == 0 else ("GET", read)
            requests.create_task(timed(name, ask, number))
            if not killed and time.perf_counter() - began_at > BEFORE_S:
                killed = True
                requests.create_task(stack.kill("customers-0"))
    await stack.wait_ready()
    console.print(f"{title}: {len(failed)} failed {failed[:2]}")
    for name, by_partition in waits.items():
        usual = statistics.median(wait for each in by_partition.values() for wait in each)
        worst = sorted(max(each) for each in by_partition.values())
        shown = ", ".join(f"{wait:.3f}" for wait in worst)
        console.print(f"  {name:4} usual {usual:.3f} s; longest wait of each partition: {shown} s")


async def _kill_server_and_tell(stack: LocalStack, http: httpx.AsyncClient, known: str, server: str) -> None:
    killed_at = time.perf_counter()
    await stack.kill(server)
    await stack.wait_ready(server)
    ready_at = time.perf_counter()
    seen: Counter[int] = Counter()
    while seen[200] == 0:
        seen[(await http.get(f"/api/customers/{known}", timeout=10)).status_code] += 1
    read_at = time.perf_counter()
    while seen[201] == 0:
        seen[(await http.post("/api/customers", json=BODY, timeout=10)).status_code] += 1
    console.print(
        f"{server} killed: ready again after {ready_at - killed_at:.2f} s; after that, the first read took "
        f"{read_at - ready_at:.2f} s, the first create {time.perf_counter() - ready_at:.2f} s; {dict(seen)}"
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=3)
    asyncio.run(main(arguments.parse_args().kills))
