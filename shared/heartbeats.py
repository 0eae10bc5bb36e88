"""The file (HEALTH_FILE) in which a process says each second that it lives, and whether it is ready.

`python -m shared.heartbeats` judges it for a container: needs nothing but Python, and takes milliseconds.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BEAT_EVERY_S = 1.0
OLD_AFTER_S = 10.0  # a process that has not said anything for longer has stopped working


@dataclass(frozen=True)
class Heartbeat:
    """What a process said last.

    at: unix seconds.
    reasons: why it is not ready; empty when it is.
    """

    at: float
    ready: bool
    reasons: tuple[str, ...]


async def beat(file: Path, faults: Callable[[], list[str]]) -> None:
    """Write the heartbeat each second, for ever: who this is, since when, and why it is not ready, if so."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    while True:
        reasons = faults()
        beat_now = {
            "pid": os.getpid(),
            "started_at": started_at,
            "at": time.time(),
            "ready": not reasons,
            "reasons": reasons,
        }
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(beat_now))
        unfinished.replace(file)
        await asyncio.sleep(BEAT_EVERY_S if beat_now["ready"] else BEAT_EVERY_S / 10)


def read_heartbeat(file: Path) -> Heartbeat | None:
    """The last heartbeat; None where there is none or it is only half written."""
    try:
        found: dict[str, Any] = json.loads(file.read_bytes())
        reasons = tuple(str(reason) for reason in found.get("reasons", ()))
        return Heartbeat(at=float(found["at"]), ready=bool(found["ready"]), reasons=reasons)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def is_stale(heartbeat: Heartbeat | None, started_at: float, now: float, limits: tuple[float, float]) -> bool:
    """Whether the process must be taken for hung.

    Args:
        heartbeat: The last one, None before the first.
        started_at: Unix seconds.
        now: Unix seconds.
        limits: Seconds a heartbeat may be old, and seconds until the first one.
    """
    limit_s, first_limit_s = limits
    if heartbeat is None:
        return now - started_at > first_limit_s
    return now - heartbeat.at > limit_s


def why_unhealthy(heartbeat: Heartbeat | None, now: float, limit_s: float) -> str:
    """One line for people; empty when all is well."""
    if heartbeat is None:
        return "no heartbeat yet"
    if now - heartbeat.at > limit_s:
        return f"last heartbeat {now - heartbeat.at:.0f} s ago"
    if heartbeat.ready:
        return ""
    return ", ".join(heartbeat.reasons) or "not ready"


def main() -> None:
    """End with what is wrong with the process of this container, or in silence with code 0."""
    found = read_heartbeat(Path(os.environ["HEALTH_FILE"]))
    sys.exit(why_unhealthy(found, time.time(), OLD_AFTER_S) or 0)


if __name__ == "__main__":
    main()
