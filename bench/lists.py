"""What an import, lists and searches cost: `python -m bench.lists` imports customers as another system would.

Starts a system of its own in a temporary folder, imports with `customers-api send … --wait`, and then asks
over one kept connection, subjects in turn: the first page, a deep page, a search of a rare and of a common
term, one customer. Prints customers imported a second, the median and the 99th percentile of each subject,
and the ratio of the deep page to the first.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from ops.local import LocalStack
from ops.settings import Settings

PAGE_ITEMS = 20
COMMON = "trading"  # in one of ten names
CITIES = ("Springfield", "Riverside", "Fairview", "Franklin", "Greenville")
KINDS = (
    "Supplies",
    "Hardware",
    "Foods",
    "Textiles",
    "Papers",
    "Tools",
    "Glass",
    "Paints",
    "Seeds",
    "Trading",
)

console = Console(width=160)


async def main(customers: int, rounds: int) -> None:
    """Run it all and print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            gateway_port=0,
            kafka_port=0,
            postgres_port=0,
            state_dir=Path(folder) / "state",
            trains_startup_cache=False,
        )
        lines = Path(folder) / "customers.jsonl"
        lines.write_text("".join(_lines(customers)))
        async with LocalStack(settings) as stack:
            took_s = await _import(stack.kafka_bootstrap_servers, lines)
            console.print(
                f"{customers} customers imported in {took_s:.0f} s: {customers / took_s:.0f} a second"
            )
            await asyncio.to_thread(_measure, stack.gateway_url, customers, rounds)


def _lines(customers: int) -> Iterator[str]:
    for number in range(customers):
        address = {"line1": f"{number} High Street", "city": CITIES[number % 5], "country": "GB"}
        yield (
            json.dumps(
                {
                    "external_ref": f"ERP-{number}",
                    "customer_since": "2023-06-15T00:00:00Z",
                    "name": f"{CITIES[number % 5]} {KINDS[number % 10]} {number:07}",
                    "email": f"orders{number:07}@example.com",
                    "billing_address": address,
                    "contacts": [{"name": "Alice Johnson", "email": f"alice{number}@example.com"}],
                    "credit_limit": "10000.00",
                }
            )
            + "\n"
        )


async def _import(bootstrap_servers: str, lines: Path) -> float:
    began_at = time.perf_counter()
    sending = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("customers-api"), "send", "customer.import.v1", lines, "--wait"),
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers},
    )
    if await sending.wait() != 0:
        raise SystemExit("the import failed")
    return time.perf_counter() - began_at


def _measure(url: str, customers: int, rounds: int) -> None:
    with httpx.Client(base_url=f"{url}/api/customers", timeout=30) as http:
        deep = min(4_000, customers // PAGE_ITEMS)
        newest = http.get("").json()["data"][0]["id"]
        subjects = {
            "page 1": "",
            f"page {deep}": f"?page={deep}",
            "search, one hit": f"?search=orders{customers // 2:07}",
            f"search, {customers // 10} hits": f"?search={COMMON}",
            "search, two characters": "?search=zz",
            "one customer": f"/{newest}",
        }
        took_ms: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(rounds):
            for name, path in subjects.items():
                began_at = time.perf_counter()
                http.get(path).raise_for_status()
                took_ms[name].append((time.perf_counter() - began_at) * 1000)
    _print(took_ms, f"page {deep}")


def _print(took_ms: dict[str, list[float]], deep: str) -> None:
    table = Table("subject", "p50_ms", "p99_ms")
    for name, each in took_ms.items():
        p99 = statistics.quantiles(each, n=100)[98]
        table.add_row(name, f"{statistics.median(each):.2f}", f"{p99:.2f}")
    console.print(table)
    ratio = statistics.median(took_ms[deep]) / statistics.median(took_ms["page 1"])
    console.print(f"{deep} / page 1, medians: {ratio:.2f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--customers", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=100)
    given = arguments.parse_args()
    asyncio.run(main(given.customers, given.rounds))
