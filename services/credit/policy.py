"""The settings of credit that decide something. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CreditPolicy:
    """What a decision on credit depends on beside the figures.

    Attributes:
        past_due_block_days: No credit while an open invoice is more than so many days past due.
    """

    past_due_block_days: int = 60
