"""Health by progress: what a service last got done, why it is not ready, and when it had better end.

A process that cannot get on by itself ends, and its supervisor starts a new one; one whose broker or
database is merely away stays and gets on when they are back.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

LOOK_EVERY_S = 0.5
PROBE_WITHIN_S = 1.0
STALLED_AFTER_S = 10.0
UNASSIGNED_AFTER_S = 30.0  # with the broker there; a rebalance takes less than a second
EXIT_STALLED = 70

log = structlog.get_logger()


class Watchdog:
    """Looks twice a second; ends the process when it is beyond help.

    Args:
        idle_for_s: Of each loop that must come round, how long ago it did.
        dead_tasks: Names of background tasks that have ended and never come back.
        probes: Of each server that is needed, whether it answers.
        is_assigned: Whether the process has its share of the work.
    """

    def __init__(
        self,
        idle_for_s: Mapping[str, Callable[[], float]],
        dead_tasks: Callable[[], list[str]],
        probes: Mapping[str, Callable[[], Awaitable[bool]]],
        is_assigned: Callable[[], bool],
    ) -> None:
        self._idle_for_s = idle_for_s
        self._dead_tasks = dead_tasks
        self._probes = probes
        self._is_assigned = is_assigned
        self._away = dict.fromkeys(probes, True)
        self._assigned_at = time.monotonic()

    def faults(self) -> list[str]:
        """Why the process is not ready; empty when it is."""
        faults = [f"{name} does not answer" for name, is_away in self._away.items() if is_away]
        if not self._is_assigned():
            faults.append("no partitions are assigned")
        return faults

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            results = await asyncio.gather(*(self._probe(name) for name in self._probes))
            self._away = {name: not answers for name, answers in zip(self._probes, results, strict=True)}
            if stalled := self._stalled():
                log.critical("process.stalled", reasons=stalled)
                os._exit(EXIT_STALLED)  # whatever is stuck would also hold up an orderly end
            await asyncio.sleep(LOOK_EVERY_S)

    async def _probe(self, name: str) -> bool:
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                return await self._probes[name]()
        except Exception:  # however it fails, it does not answer
            return False

    def _stalled(self) -> list[str]:
        stalled = [f"{name} has ended" for name in self._dead_tasks()]
        if any(self._away.values()):  # then nothing can get on, and a new process could not either
            self._assigned_at = time.monotonic()
            return stalled
        if self._is_assigned():
            self._assigned_at = time.monotonic()
        stalled += [
            f"{name} stands still" for name, idle in self._idle_for_s.items() if idle() > STALLED_AFTER_S
        ]
        if time.monotonic() - self._assigned_at > UNASSIGNED_AFTER_S:
            stalled.append("no partitions are assigned")
        return stalled
