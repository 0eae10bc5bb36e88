"""What comes back of an order, and how much of its total is left then. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.orders.dates import not_ahead
from services.orders.lifecycle import Change, after, changed
from shared.contracts.orders.answers import Status
from shared.contracts.orders.events import OrderReturned, OrderState
from shared.contracts.orders.requests import ReturnOrder
from shared.errors import Refused


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asked for, by which its repeats are known.

    Attributes:
        amount: None for all that is left.
        returned_at: None for when it is handled.
    """

    amount: Decimal | None
    returned_at: datetime | None


def take_back(order: OrderState, command: ReturnOrder, now: datetime) -> OrderReturned | None:
    """What of a shipped order comes back: the amount that the command names, else all that is left.

    The status becomes `returned` when nothing is left then. None: nothing was left, and no amount is named.

    Raises:
        Refused: `exceeds_total`, `date_in_future`.
    """
    returned_at = now if command.returned_at is None else not_ahead("returned_at", command.returned_at, now)
    left = order.total_amount - order.returned_amount
    amount = left if command.amount is None else command.amount
    if order.status == "returned" and command.amount is None:
        return None
    if amount > left or amount == 0:
        raise Refused("exceeds_total", f"{left} of the order is left to be returned")
    status: Status = "returned" if amount == left else order.status
    return OrderReturned(
        **after(order, status),
        amount=amount,
        is_partial=amount < left,
        returned_at=returned_at,
        return_id=command.return_id,
    )


def after_return(order: OrderState, returned: OrderReturned, now: datetime) -> Change:
    """The order after it."""
    return changed(order, returned, now, returned_amount=order.returned_amount + returned.amount)


def expect_repeat(before: Asked, command: ReturnOrder) -> None:
    """Go on only where the command asks for what was done under its id before.

    Raises:
        Refused: `return_id_reused`.
    """
    if before != asked(command):
        raise Refused("return_id_reused", "this return_id came before, with another content")


def asked(command: ReturnOrder) -> Asked:
    """What the command asks for, as it says it."""
    return Asked(command.amount, command.returned_at)
