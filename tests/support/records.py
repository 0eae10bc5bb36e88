"""Records and outlets for what runs without a broker."""

from dataclasses import dataclass, field
from typing import Any

from shared.messaging import Answer, Envelope, Headers
from shared.outbox import Outgoing


@dataclass(slots=True)
class ARecord:
    """A consumed record."""

    topic: str
    value: bytes | None
    headers: Headers
    key: bytes | None = b"key"
    partition: int = 0
    offset: int = 0


@dataclass
class NoOutlets:
    """Nobody awaits an answer; dead letters are kept in `letters`."""

    letters: list[Outgoing] = field(default_factory=list)

    def is_asked(self, envelope: Envelope) -> bool:
        """Never."""
        return False

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Nobody is asked, so nobody is answered."""
        raise AssertionError(f"an answer to {envelope.id} that nobody awaits")

    async def bury(self, letter: Outgoing) -> None:
        """Keep the dead letter."""
        self.letters.append(letter)

    def wake_relay(self) -> None:
        """There is no relay."""
