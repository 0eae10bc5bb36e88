"""What the shape costs: GET by id through the whole system against a bare echo on one broker, in one run.

`python -m bench.shape` starts a system of its own in a temporary folder, stores the customers, and
alternates both subjects. Prints requests a second, latencies, CPU milliseconds a request of every process,
the ratio of the medians, and how the first request after ten seconds of silence compares with a busy one.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.echo import make_topics
from ops.local import LocalStack
from ops.settings import Settings
from shared.database import new_engine

SILENCE_S = 10

# every column by the rules of the API; two contacts each, as a business customer has
CUSTOMERS = """
insert into customers select 'cust_bench' || n, 1, 'Customer ' || n, 'orders' || n || '@example.com',
  '+1-555-0456', null, 'https://example.com/' || n, '98-7654321', '{"line1":"456 Customer Blvd",
  "line2":"Floor 3","city":"Customer City","state":"NY","postal_code":"10001","country":"US"}', null,
  'net_15', 'USD', 10000, 5, 'UPS', now(), true, 'A customer with consistent orders', now(), now(), null, null
  from generate_series(1, :count) n
"""
CONTACTS = """
insert into contacts select 'cust_bench' || n, p, 'cont_' || n || 'x' || p, 'Alice Johnson',
  'Procurement Manager', 'alice' || n || '@example.com', '+1-555-0458', p = 0, now(), now()
  from generate_series(1, :count) n, generate_series(0, 1) p
"""

console = Console(width=160)


async def main(customers: int, connections: int, rounds: int, seconds: float, replicas: int) -> None:
    """Run it all and print."""
    with tempfile.TemporaryDirectory() as folder:
        ports = {"gateway_port": 0, "kafka_port": 0, "postgres_port": 0}
        settings = Settings(
            state_dir=Path(folder) / "state", replicas=replicas, trains_startup_cache=False, **ports
        )
        async with LocalStack(settings) as stack:
            await _store(stack, customers)
            await make_topics(stack.kafka_bootstrap_servers)
            echo = await _start("bench.echo", "service", stack.kafka_bootstrap_servers)
            get = [
                "bench.load",
                stack.gateway_url,
                f"--customers={customers}",
                f"--connections={connections}",
            ]
            ask = ["bench.echo", "client", stack.kafka_bootstrap_servers, f"--callers={connections}"]
            for subject in (
                get,
                ask,
            ):  # warm: the broker's JVM is three times as dear in its first half minute
                await _run(*subject, "--seconds=15")
            results: dict[str, list[dict[str, Any]]] = {"echo": [], "get": []}
            for number in range(rounds):
                order = ["echo", "get"] if number % 2 else ["get", "echo"]
                for name in order:
                    subject = get if name == "get" else ask
                    results[name].append(await _measured(stack, echo, subject, seconds))
            _print(results)
            busy = statistics.median(each["p50_ms"] for each in results["get"])
            _print_silence(stack.gateway_url, busy)
            echo.terminate()
            await echo.wait()


async def _store(stack: LocalStack, customers: int) -> None:
    engine = new_engine(stack.database_url("customers"), pool_size=2, application_name="bench")
    async with engine.begin() as db:
        await db.execute(text("set local statement_timeout = 0"))
        await db.execute(text(CUSTOMERS), {"count": customers})
        await db.execute(text(CONTACTS), {"count": customers})
    await engine.dispose()


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, stdout=asyncio.subprocess.PIPE
    )


async def _run(*arguments: str) -> dict[str, Any]:
    process = await _start(*arguments)
    output, _ = await process.communicate()
    result: dict[str, Any] = json.loads(output)
    return result


async def _measured(
    stack: LocalStack, echo: asyncio.subprocess.Process, subject: list[str], seconds: float
) -> dict[str, Any]:
    pids = {**stack.processes, "echo": echo.pid}
    before = {name: _cpu_s(pid) for name, pid in pids.items()}
    result = await _run(*subject, f"--seconds={seconds}")
    for name, pid in pids.items():
        result[name] = round((_cpu_s(pid) - before[name]) * 1000 / max(1, result["requests"]), 3)
    return result


def _cpu_s(pid: int) -> float:
    """User and system time of a process and its children (PostgreSQL has one for each connection)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(each.cpu_times().user + each.cpu_times().system for each in family)


def _print(results: dict[str, list[dict[str, Any]]]) -> None:
    table = Table("subject", "round", *next(iter(results.values()))[0])
    for name, rounds in results.items():
        for number, figures in enumerate(rounds, 1):
            table.add_row(name, str(number), *map(str, figures.values()))
    console.print(table)
    ratios = [get["per_s"] / echo["per_s"] for get, echo in zip(results["get"], results["echo"], strict=True)]
    median = statistics.median(get["per_s"] for get in results["get"]) / statistics.median(
        echo["per_s"] for echo in results["echo"]
    )
    console.print(f"GET / echo, medians: {median:.3f}; worst round: {min(ratios):.3f}; CPU: ms a request")


def _print_silence(url: str, busy_ms: float) -> None:
    first = []
    for _ in range(3):
        time.sleep(SILENCE_S)
        began_at = time.perf_counter()
        with urllib.request.urlopen(f"{url}/api/customers/cust_bench1") as answer:  # noqa: S310  # our own gateway
            answer.read()
        first.append((time.perf_counter() - began_at) * 1000)
    shown = ", ".join(f"{each:.1f}" for each in first)
    console.print(
        f"first request after {SILENCE_S} s of silence: {shown} ms; busy, at the median: {busy_ms} ms"
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--customers", type=int, default=100_000)
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--replicas", type=int, default=1)
    given = arguments.parse_args()
    asyncio.run(main(given.customers, given.connections, given.rounds, given.seconds, given.replicas))
