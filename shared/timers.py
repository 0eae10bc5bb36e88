"""What a service does as time passes: each handler in one process at a time for each database.

A time-out is no proof that nothing comes: a handler may ask that its service has first read everything that
was on certain topics when the run began.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

import structlog
from sqlalchemy import text

from shared import outbox
from shared.database import is_away
from shared.handlers import Service, Tick, Timed
from shared.messaging import Topic

HasRead = Callable[[Collection[Topic]], Awaitable[bool]]
"""Whether a service has handled everything that is on these topics now, once it has waited a while for it."""

_TRY_LOCK = text("select pg_try_advisory_xact_lock(hashtext('timer'), hashtext(:name))")

log = structlog.get_logger()


class Timers:
    """Runs the timed handlers of one service.

    committed: called after each run that published something.
    """

    def __init__(self, service: Service, has_read: HasRead, committed: Callable[[], None]) -> None:
        self._service = service
        self._has_read = has_read
        self._committed = committed

    async def run(self) -> None:
        """Run them until this task is cancelled."""
        await asyncio.gather(*(self._run_for_ever(timed) for timed in self._service.handlers.timed))

    async def _run_for_ever(self, timed: Timed) -> None:
        while True:
            await asyncio.sleep(timed.every_s)
            try:
                await self.run_all_due(timed, datetime.now(UTC))
            except Exception as error:  # whatever it is, the next run tries again
                log.warning(
                    "timer.failed", name=timed.name, error=type(error).__name__, exc_info=not is_away(error)
                )

    async def run_all_due(self, timed: Timed, now: datetime) -> None:
        """Run a handler, as of `now`, until it has nothing more to do; another process may be at it."""
        if timed.having_read and not await self._has_read(timed.having_read):
            return
        while await self._run_once(timed, now):
            pass

    async def _run_once(self, timed: Timed, now: datetime) -> bool:
        service = self._service
        async with service.engine.begin() as db:
            if not (await db.execute(_TRY_LOCK, {"name": timed.name})).scalar_one():
                return False
            tick = Tick(db, now, service.name, service.handlers, service.policy)
            is_more = await timed.handler(tick)
            if tick.emitted:
                await outbox.put(db, tick.emitted)
        if tick.emitted:
            self._committed()
        return is_more
