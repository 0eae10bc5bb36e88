"""What the gateway reads from its environment."""

from pydantic import Field

from shared.settings import Settings


class GatewaySettings(Settings):
    """The gateway's own settings, beside what every process reads.

    deadline_s: how long an answer is waited for, then 504.
    body_max_bytes: a longer request body is 413.
    body_within_s: how long a client may take to send its body.
    """

    deadline_s: float = Field(default=5.0, gt=0)
    body_max_bytes: int = Field(default=65_536, ge=1)
    body_within_s: float = Field(default=10.0, gt=0)
