"""The settings of orders that decide something. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OrdersPolicy:
    """How long is waited for what.

    Attributes:
        credit_answer_within_s: For credit's word on an order, from its placement on; then it is rejected.
        order_awaited_within_s: By a command for its order to be known, or to have come far enough; then it is
            refused.
    """

    credit_answer_within_s: int = 300
    order_awaited_within_s: int = 900
