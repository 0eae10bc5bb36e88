"""The file in which a process says each second that it lives and whether it is ready.

Reading and judging only; the services write it (environment HEALTH_FILE).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Heartbeat:
    """What a process said last.

    at: unix seconds.
    reasons: why it is not ready; empty when it is.
    """

    at: float
    ready: bool
    reasons: tuple[str, ...]


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
