"""How an order gets its credit: it is placed, credit answers or does not, and it is confirmed or rejected.

Credit follows `order.placed.v1` and answers by `credit.reserved.v1` or `credit.reservation_refused.v1`. What
comes after the order has gone on, or has ended, changes nothing; credit releases what it holds for an order
that has ended.
"""

from datetime import timedelta

from services.orders.handlers.carrying_out import carry_out
from services.orders.lifecycle import confirm, reject, standing
from services.orders.placement import draft, numbered, repeated, taken_in
from services.orders.policy import OrdersPolicy
from services.orders.store import orders, placements
from shared.contracts.credit.events import CreditReserved, ReservationRefused
from shared.contracts.credit.topics import EVENTS as CREDIT_EVENTS
from shared.contracts.customers.requests import GetCustomerState
from shared.contracts.orders.answers import OrderStanding
from shared.contracts.orders.requests import PlaceOrder
from shared.handlers import Context, Handlers, Tick
from shared.messaging import Answer

AT_ONCE = 100

handlers = Handlers("orders")


@handlers.on(PlaceOrder)
async def place_order(command: PlaceOrder, context: Context[OrdersPolicy]) -> Answer[OrderStanding]:
    """Take the order in, once for each reference of its sender; of an unknown customer it is rejected."""
    source = context.envelope.source
    numbering = numbered(command, context.now)
    known = await placements.lock(context.db, command, source, numbering)
    if known.present is not None:
        return standing(repeated(known.present, command))
    if known.customer is None:
        context.ask(GetCustomerState(customer_id=command.customer_id))
    wanted = draft(command, source, numbering, known.customer)
    placed = await placements.insert_order(context.db, wanted, context.now, context.envelope.conversation)
    change = taken_in(wanted, placed.order_number, context.now)
    for message in change.said():
        context.emit(message)
    context.resend(placed.woken)
    return standing(change.order)


@handlers.on(CreditReserved)
async def confirm_order(reserved: CreditReserved, context: Context[OrdersPolicy]) -> None:
    """Confirm the order that waits for it."""
    order = await orders.lock(context.db, reserved.order_id)
    if order is not None:
        await carry_out(confirm(order, context.now), context)


@handlers.on(ReservationRefused)
async def reject_order(refused: ReservationRefused, context: Context[OrdersPolicy]) -> None:
    """Reject the order that waits for it, for credit's reason."""
    order = await orders.lock(context.db, refused.order_id)
    if order is not None:
        await carry_out(reject(order, refused.reason, context.now), context)


@handlers.every(5.0, having_read=(CREDIT_EVENTS,))
async def give_up_on_credit(tick: Tick[OrdersPolicy]) -> bool:
    """Reject the orders that credit has not answered in time."""
    due = tick.now - timedelta(seconds=tick.policy.credit_answer_within_s)
    unanswered = await orders.unanswered(tick.db, due, AT_ONCE)
    for each in unanswered:
        change = reject(each.order, "credit_timeout", tick.now)
        saved = await orders.save(tick.db, change)
        for message in change.said(saved.totals):
            tick.emit(message, each.correlation_id)
        tick.resend(saved.woken)
    return len(unanswered) == AT_ONCE
