"""Waiting for what comes true by itself, without a guess at how long it takes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

WITHIN_S = 10.0
LOOK_EVERY_S = 0.02
SHOWN_MAX = 2_000


async def eventually(
    observe: Callable[[], T | Awaitable[T]],
    holds: Callable[[T], object] = bool,
    within_s: float = WITHIN_S,
) -> T:
    """What `observe` gives once `holds` says yes to it.

    Raises:
        AssertionError: not within `within_s` seconds; tells what was observed last.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        observed = observe()
        state: T = await observed if inspect.isawaitable(observed) else observed
        if holds(state):
            return state
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {within_s:g} s; at last there was {repr(state)[:SHOWN_MAX]}")
        await asyncio.sleep(LOOK_EVERY_S)
