"""How far ahead the dates of others may lie. Pure."""

from datetime import UTC, datetime, timedelta

from shared.errors import Refused

AHEAD_AT_MOST = timedelta(hours=24)  # a sender's local date may be ahead of UTC by less than a day


def not_ahead(name: str, at: datetime, now: datetime) -> datetime:
    """The instant in UTC, where it is no more than 24 hours ahead.

    Raises:
        Refused: `date_in_future`; `name` is the member that says so.
    """
    if at > now + AHEAD_AT_MOST:
        raise Refused("date_in_future", f"{name} lies more than 24 hours ahead")
    return at.astimezone(UTC)
