"""Several things at once, where the first failure is the failure of all."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def concurrently(*parts: Coroutine[Any, Any, object]) -> None:
    """Run them to their ends; when one fails the others are cancelled and its own error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as group_error:
        raise _first(group_error) from None


def _first(error: BaseException) -> BaseException:
    # People are shown one cause, not a tree.
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
