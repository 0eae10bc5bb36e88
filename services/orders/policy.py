"""The settings of orders that decide something. Pure."""

from dataclasses import dataclass, fields
from decimal import Decimal
from hashlib import sha256

SEGMENT_RULES = "segments-1.0.0"
_DIGEST_CHARS = 8


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which figures on a customer is of which segment. Days are whole days in UTC.

    Attributes:
        dormant_after_days: Since the last order: more than that.
        established_after_days: As a customer: who is one for less is new.
        established_from_orders: Who has fewer is new, and none is at risk; at least 2.
        at_risk_after_days: Since the last order: more than that,
        at_risk_after_gaps: and more than so many times the median gap between the latest orders.
        high_value_from: Revenue of 365 days, in the customer's currency, two decimals.
    """

    dormant_after_days: int = 180
    established_after_days: int = 90
    established_from_orders: int = 3
    at_risk_after_days: int = 60
    at_risk_after_gaps: int = 3
    high_value_from: Decimal = Decimal("25000.00")

    @property
    def version(self) -> str:
        """Of the rules with these thresholds: others than the defaults have a digest of their own in it."""
        if self == DEFAULTS:
            return SEGMENT_RULES
        said = ",".join(f"{each.name}={Decimal(getattr(self, each.name)):.2f}" for each in fields(self))
        return f"{SEGMENT_RULES}+{sha256(said.encode()).hexdigest()[:_DIGEST_CHARS]}"


DEFAULTS = Thresholds()


@dataclass(frozen=True)
class OrdersPolicy:
    """How long is waited for what, and how customers are told apart.

    Attributes:
        credit_answer_within_s: For credit's word on an order, from its placement on; then it is rejected.
        order_awaited_within_s: By a command for its order to be known, or to have come far enough; then it is
            refused.
        segments: From which figures on a customer is of which segment.
    """

    credit_answer_within_s: int = 300
    order_awaited_within_s: int = 900
    segments: Thresholds = DEFAULTS
