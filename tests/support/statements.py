"""What an engine sends to its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass
class Sent:
    """Statements in their order, and how many transactions were committed and rolled back."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    rollbacks: int = 0


@contextmanager
def sent_by(engine: AsyncEngine) -> Iterator[Sent]:
    """Keep what the engine sends while the block runs; BEGIN, COMMIT and ROLLBACK are no statements."""
    sent = Sent()

    def statement(_: Any, __: Any, text: str, *___: Any) -> None:
        sent.statements.append(text)

    def commit(_: Any) -> None:
        sent.commits += 1

    def rollback(_: Any) -> None:
        sent.rollbacks += 1

    listeners: dict[str, Callable[..., Any]] = {
        "before_cursor_execute": statement,
        "commit": commit,
        "rollback": rollback,
    }
    for name, listener in listeners.items():
        event.listen(engine.sync_engine, name, listener)
    try:
        yield sent
    finally:
        for name, listener in listeners.items():
            event.remove(engine.sync_engine, name, listener)
