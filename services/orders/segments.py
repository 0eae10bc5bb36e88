"""Which kind of customer somebody is, by its orders. Pure.

Thresholds are absolute: a wholesaler's few customers are too few for quantiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from services.orders.policy import Thresholds
from shared.contracts.orders.answers import Segment

RECENT_ORDERS = 12  # whose gaps tell how often a customer orders


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a segment depends on. Accepted orders alone count.

    Attributes:
        tenure_days: As a customer.
        orders: How many.
        days_since_last: Since the last order; None where there is none.
        recent: Days of the latest orders, at most `RECENT_ORDERS`, in any order.
        year_revenue: Of the trailing 365 days, today included, less what was returned.
    """

    tenure_days: int
    orders: int
    days_since_last: int | None
    recent: Sequence[date]
    year_revenue: Decimal


def segment(of: Behaviour, thresholds: Thresholds) -> Segment:
    """The first segment that applies."""
    is_young = of.tenure_days < thresholds.established_after_days
    if of.days_since_last is None:
        return "new" if is_young else "dormant"
    if of.days_since_last > thresholds.dormant_after_days:
        return "dormant"
    has_habit = of.orders >= thresholds.established_from_orders
    if has_habit and _is_overdue(of.days_since_last, of.recent, thresholds):
        return "at_risk"
    if of.year_revenue >= thresholds.high_value_from:
        return "high_value"
    return "regular" if has_habit and not is_young else "new"


def _is_overdue(days_since_last: int, recent: Sequence[date], thresholds: Thresholds) -> bool:
    if len(recent) < 2:  # while kept figures are wrong there may be fewer orders than are counted
        return False
    gaps = sorted((later - earlier).days for earlier, later in pairwise(sorted(recent)))
    twice_the_median = gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]
    is_long = days_since_last > thresholds.at_risk_after_days
    return is_long and 2 * days_since_last > thresholds.at_risk_after_gaps * twice_the_median
