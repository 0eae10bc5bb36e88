"""Time for tests: it passes when they say so, and everything that came before has been read."""

from collections.abc import Callable, Collection
from datetime import datetime

from shared.handlers import Service
from shared.messaging import Topic
from shared.timers import Timers


async def pass_time(service: Service, now: datetime, committed: Callable[[], None]) -> None:
    """Run everything that the service does as time passes, as of `now`."""
    timers = Timers(service, _everything_is_read, committed)
    for timed in service.handlers.timed:
        await timers.run_all_due(timed, now)


async def _everything_is_read(topics: Collection[Topic]) -> bool:
    return True
