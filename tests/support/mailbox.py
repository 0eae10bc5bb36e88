"""Where what the runtime sends goes in tests without a broker: it is kept to be looked at."""

from dataclasses import dataclass, field
from typing import Any

from shared.messaging import GATEWAY_REPLIES, SERVICES_REPLIES, Answer, Envelope
from shared.outbox import Outgoing


@dataclass
class Mailbox:
    """`Outlets` that keep everything.

    Attributes:
        answers: In their order, with the envelope of what they answer.
        letters: Dead letters.
        wakes: How many times the relay was woken.
    """

    answers: list[tuple[Envelope, Answer[Any]]] = field(default_factory=list)
    letters: list[Outgoing] = field(default_factory=list)
    wakes: int = 0

    def is_asked(self, envelope: Envelope) -> bool:
        """Whether the envelope names one of the replies topics."""
        return envelope.reply_to in (GATEWAY_REPLIES.name, SERVICES_REPLIES.name)

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Keep the answer."""
        self.answers.append((envelope, answer))

    async def bury(self, letter: Outgoing) -> None:
        """Keep the dead letter."""
        self.letters.append(letter)

    def wake_relay(self) -> None:
        """Count it."""
        self.wakes += 1

    def answer_to(self, envelope: Envelope) -> Answer[Any]:
        """The one answer to what was asked with this envelope."""
        (found,) = [answer for asked, answer in self.answers if asked.ask_id == envelope.ask_id]
        return found
