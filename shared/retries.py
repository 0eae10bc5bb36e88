"""Trying again: at once what collided with others, for as long as it takes what a database is needed for."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import structlog

from shared.database import is_away, is_locked, is_transient
from shared.waits import LetGo, Waits

TRANSIENT_ATTEMPTS = 3
TRANSIENT_PAUSE_S = 0.02
AWAY_PAUSE_S = 0.05
AWAY_PAUSE_MAX_S = 0.5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something cannot be done.

    Attributes:
        attempts: How often it was tried; while the database was away is not counted.
        first_seen: When it was tried first.
    """

    error: Exception
    attempts: int
    first_seen: datetime


async def persevere(attempt: Callable[[], Awaitable[None]], waits: Waits) -> Failure | None:
    """Try until it succeeds, or fails for a reason that another attempt would not change.

    Raises:
        LetGo: it was waiting for the database, or for something else, and was let go.
    """
    first_seen = datetime.now(UTC)
    pause = AWAY_PAUSE_S
    numbers = count(1)
    while True:
        try:
            await attempt()
            return None
        except LetGo:
            raise
        except Exception as error:  # whatever it is, what comes behind must not have to wait for ever
            if is_away(error) or is_locked(error):
                log.warning("database.away", error=type(error).__name__, locked=is_locked(error))
                await waits.wait_for(asyncio.sleep(pause))
                pause = min(pause * 2, AWAY_PAUSE_MAX_S)
                continue
            number = next(numbers)
            if not is_transient(error) or number == TRANSIENT_ATTEMPTS:
                return Failure(error, number, first_seen)
            await asyncio.sleep(TRANSIENT_PAUSE_S * number * (1 + random.random()))  # noqa: S311  # jitter
