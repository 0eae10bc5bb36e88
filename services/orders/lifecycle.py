"""How an order comes from one status to the next, and what follows from it. Pure.

A fact that comes late is filled in and takes nothing back; a step that adds none changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from services.orders.dates import not_ahead
from shared.contracts.orders.answers import OrderStanding, Status
from shared.contracts.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderEvent,
    OrderProcessingStarted,
    OrderRejected,
    OrderShipped,
    OrderState,
    OrderTotals,
)
from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    ShipOrder,
    StartProcessing,
    StepOfOrder,
)
from shared.errors import Refused
from shared.messaging import Answer, Event, State

Step = Literal["confirm", "reject", "start_processing", "ship", "deliver", "cancel", "return"]
Outcome = Literal["advances", "waits", "is_late", "is_not_possible"]

TRANSITIONS: dict[tuple[Status, Step], Status] = {
    ("pending", "confirm"): "confirmed",
    ("pending", "reject"): "rejected",
    ("pending", "cancel"): "cancelled",
    ("confirmed", "start_processing"): "processing",
    ("confirmed", "ship"): "shipped",
    ("confirmed", "deliver"): "delivered",
    ("confirmed", "cancel"): "cancelled",
    ("processing", "ship"): "shipped",
    ("processing", "deliver"): "delivered",
    ("processing", "cancel"): "cancelled",
    ("shipped", "deliver"): "delivered",
    ("shipped", "return"): "returned",
    ("delivered", "return"): "returned",
}

RANK: dict[Status, int] = {
    "pending": 0,
    "confirmed": 10,
    "processing": 20,
    "shipped": 30,
    "delivered": 40,
    "returned": 50,
}
"""How far an order has come on its way; the other statuses are ends beside it."""

ACCEPTED = frozenset({"confirmed", "processing", "shipped", "delivered", "returned"})
"""The statuses of orders that count among the customer's."""

_REACHED_BY: dict[Step, Status] = {
    "confirm": "confirmed",
    "start_processing": "processing",
    "ship": "shipped",
    "deliver": "delivered",
    "cancel": "cancelled",
    "return": "returned",
}
_NEEDED_FOR: dict[Step, Status] = {
    "start_processing": "confirmed",
    "ship": "confirmed",
    "deliver": "confirmed",
    "return": "shipped",
}


@dataclass(frozen=True, slots=True)
class Change:
    """An order after a step: what it is now, and what has happened.

    Attributes:
        before: What it was; None of a new one.
        order: The whole state, under its new version.
        events: In the order of their versions; the last has the version of `order`. None of them where the
            step changed nothing.
    """

    before: OrderState | None
    order: OrderState
    events: Sequence[OrderEvent]

    @property
    def moves(self) -> bool:
        """Whether the status is another one, so that what waited for it may be possible."""
        return self.before is None or self.before.status != self.order.status

    def said(self, totals: OrderTotals | None = None) -> list[Event | State]:
        """What is published of it, in its order; totals: the customer's, where they differ from before."""
        states: list[Event | State] = [self.order] if totals is None else [self.order, totals]
        return [*self.events, *states]

    @property
    def accepted_by(self) -> int:
        """How many accepted orders the customer has more: 1, 0 or -1."""
        return _is_accepted(self.order) - _is_accepted(self.before)

    @property
    def value_by(self) -> Decimal:
        """How much more the customer's accepted orders are worth, less what was returned."""
        return _value(self.order) - _value(self.before)

    @property
    def sold_by(self) -> int:
        """Whether what the order's lines say counts as sold: 1 from now on, -1 no longer, 0 as before."""
        return _is_sold(self.order) - _is_sold(self.before)


def outcome(status: Status, step: Step) -> Outcome:
    """What becomes of a step that an order of this status is to take.

    `waits`: until another step was taken. `is_late`: the order has come as far or farther.
    """
    if (status, step) in TRANSITIONS:
        return "advances"
    if status in RANK and step in _NEEDED_FOR and RANK[status] < RANK[_NEEDED_FOR[step]]:
        return "waits"
    reached = _REACHED_BY.get(step)
    if status == reached or (status in RANK and reached in RANK and RANK[reached] <= RANK[status]):
        return "is_late"
    return "is_not_possible"


def confirm(order: OrderState, now: datetime) -> Change:
    """The order with credit reserved for it; unchanged where that comes too late."""
    if outcome(order.status, "confirm") != "advances":
        return Change(order, order, [])
    return changed(order, OrderConfirmed(**after(order, "confirmed")), now)


def reject(order: OrderState, reason: str, now: datetime) -> Change:
    """The order that gets no credit; unchanged where that comes too late."""
    if outcome(order.status, "reject") != "advances":
        return Change(order, order, [])
    event = OrderRejected(**after(order, "rejected"), reason=reason)
    return changed(order, event, now, status_reason=reason)


def take(order: OrderState, command: StepOfOrder, now: datetime) -> Change | None:
    """The order after the step; None where the step must wait for another one.

    Raises:
        Refused: `not_possible`, `date_in_future`.
    """
    match command:
        case StartProcessing():
            return _taken(order, "start_processing", now, OrderProcessingStarted)
        case ShipOrder():
            shipped = not_ahead("ship_date", command.ship_date, now)
            return _taken(order, "ship", now, OrderShipped, ship_date=shipped)
        case DeliverOrder():
            delivered = not_ahead("delivery_date", command.delivery_date, now)
            return _taken(order, "deliver", now, OrderDelivered, delivery_date=delivered)
        case CancelOrder():
            return _cancelled(order, command.reason, now)
    raise TypeError(f"{type(command).__name__} is taken otherwise")


def expect_possible(order: OrderState, step: Step) -> Outcome:
    """What becomes of the step, where it is not refused.

    Raises:
        Refused: `not_possible`.
    """
    if (found := outcome(order.status, step)) == "is_not_possible":
        raise Refused("not_possible", f"the order is {order.status}")
    return found


def told(order: OrderState) -> dict[str, Any]:
    """What every event tells of an order, but for the status it had."""
    return {name: getattr(order, name) for name in OrderEvent.model_fields if name != "previous_status"}


def standing(order: OrderState) -> Answer[OrderStanding]:
    """What every command is answered with."""
    said = OrderStanding.model_validate({name: getattr(order, name) for name in OrderStanding.model_fields})
    return Answer(said.model_dump_json().encode())


def after(order: OrderState, status: Status) -> dict[str, Any]:
    """What the event tells by which the order comes to the status, or stays in it."""
    return {**told(order), "status": status, "previous_status": order.status, "version": order.version + 1}


def changed(order: OrderState, event: OrderEvent, now: datetime, **facts: Any) -> Change:
    """The order after the event, with the members that it changes beside the status."""
    said = {"status": event.status, "version": event.version, "updated_at": now}
    return Change(order, order.model_copy(update={**said, **facts}), [event])


def _cancelled(order: OrderState, reason: str | None, now: datetime) -> Change:
    if expect_possible(order, "cancel") == "is_late":
        return Change(order, order, [])
    event = OrderCancelled(**after(order, "cancelled"), reason=reason)
    return changed(order, event, now, status_reason=reason)


def _taken(
    order: OrderState, step: Step, now: datetime, event: type[OrderEvent], **facts: datetime
) -> Change | None:
    found = expect_possible(order, step)
    if found == "waits":
        return None
    missing = {name: fact for name, fact in facts.items() if getattr(order, name) is None}
    if found == "is_late" and not missing:
        return Change(order, order, [])
    status = TRANSITIONS.get((order.status, step), order.status)
    return changed(order, event(**after(order, status), **missing), now, **missing)


def _is_accepted(order: OrderState | None) -> bool:
    return order is not None and order.status in ACCEPTED


def _is_sold(order: OrderState | None) -> bool:
    return order is not None and order.status in ACCEPTED - {"returned"}


def _value(order: OrderState | None) -> Decimal:
    if order is None or not _is_accepted(order):
        return Decimal("0.00")
    return order.total_amount - order.returned_amount
