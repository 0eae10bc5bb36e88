"""How many rows the database reads for what is asked of it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import reading


@dataclass
class Read:
    """What was asked while a block ran: statements with their parameters."""

    engine: AsyncEngine
    asked: list[tuple[str, Any]] = field(default_factory=list)

    async def rows(self) -> Counter[str]:
        """Rows read for it by table; those that a filter dropped count too. Asks all of it once more."""
        found: Counter[str] = Counter()
        async with reading(self.engine).connect() as db:
            for statement, parameters in self.asked:
                explained = f"explain (analyze, format json) {statement}"
                (plan,) = (await db.exec_driver_sql(explained, parameters)).one()
                for table, rows in _scans((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]):
                    found[table] += rows
        return found


@contextmanager
def read_by(engine: AsyncEngine) -> Iterator[Read]:
    """Keep what the engine selects while the block runs."""
    read = Read(engine)

    def keep(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().lower().startswith(("select", "with")):
            read.asked.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", keep)
    try:
        yield read
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", keep)


def _scans(node: dict[str, Any]) -> Iterator[tuple[str, int]]:
    dropped = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    if "Relation Name" in node:
        yield node["Relation Name"], round((node["Actual Rows"] + dropped) * node["Actual Loops"])
    for part in node.get("Plans", []):
        yield from _scans(part)
