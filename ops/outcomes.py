"""What became of the lines that were to be sent: counted, the first complaints kept. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from shared.errors import Refusal

COMPLAINTS_MAX = 20


@dataclass
class Outcomes:
    """Of one input.

    Attributes:
        is_answered: Whether answers are awaited; without them a line is done once the broker has it.
        done: Lines that the broker has, or that a service has carried out.
        wrong: Lines that are not what the contract says; they were not sent.
        unanswered: Lines whose answer did not come in time.
        refused: How many lines were refused, by code.
        failed: Lines that have not reached their aim, as far as is known: wrong, unanswered or refused.
        complaints: The first 20 of them all, by line number.
    """

    is_answered: bool
    done: int = 0
    wrong: int = 0
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    complaints: list[tuple[int, str]] = field(default_factory=list)

    def is_wrong(self, number: int, reason: str) -> None:
        """The line does not keep the contract."""
        self.wrong += 1
        self._complain(number, reason)

    def is_refused(self, number: int, refusal: Refusal) -> None:
        """A service said no."""
        self.refused[refusal.code] += 1
        self._complain(number, f"{refusal.code}: {refusal.detail}")

    def is_unanswered(self, number: int) -> None:
        """No answer came in time."""
        self.unanswered += 1
        self._complain(number, "no answer in time")

    @property
    def handled(self) -> int:
        """Lines of which no more will become."""
        return self.done + self.failed

    def complaint_lines(self) -> list[str]:
        """The kept complaints by line number, and how many more there were."""
        told = [f"line {number}: {reason}" for number, reason in sorted(self.complaints)]
        more = self.failed - len(told)
        return [*told, f"and {more:,} more"] if more else told

    def summary(self, seconds: float) -> str:
        """All counts that are not 0, how long it took and how many lines that were in a second."""
        counts = [f"{self.done:,} {'done' if self.is_answered else 'sent'}"]
        if self.refused:
            by_code = ", ".join(f"{code} {count:,}" for code, count in sorted(self.refused.items()))
            counts.append(f"{self.refused.total():,} refused ({by_code})")
        if self.unanswered:
            counts.append(f"{self.unanswered:,} without an answer")
        if self.wrong:
            counts.append(f"{self.wrong:,} wrong")
        return f"{', '.join(counts)}; {seconds:.1f} s, {self.handled / max(seconds, 0.001):,.0f}/s"

    def _complain(self, number: int, reason: str) -> None:
        self.failed += 1
        if len(self.complaints) < COMPLAINTS_MAX:
            self.complaints.append((number, reason))
