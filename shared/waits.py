"""Waiting that can be broken off: for what may take for ever, where somebody else could go on instead."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class LetGo(Exception):
    """The wait was broken off; what was waited for is not known to have come."""


class Waits:
    """The waits of one owner, which can be broken off together."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._is_letting_go = False

    async def wait_for(self, awaited: Coroutine[Any, Any, T]) -> T:
        """The outcome of what is awaited.

        Raises:
            LetGo: the wait was broken off.
        """
        if self._is_letting_go:
            awaited.close()
            raise LetGo
        task = asyncio.ensure_future(awaited)
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            if self._is_letting_go:
                raise LetGo from None
            raise
        finally:
            self._running.discard(task)

    @contextmanager
    def let_go(self) -> Iterator[None]:
        """Break off what is awaited now, and within the block whatever would be."""
        self._is_letting_go = True
        try:
            for task in self._running:
                task.cancel()
            yield
        finally:
            self._is_letting_go = False
