"""The steps of an order after its placement, which others command; one that comes too early waits."""

from datetime import timedelta

from services.orders.handlers.carrying_out import carry_out
from services.orders.lifecycle import expect_possible, standing, take
from services.orders.policy import OrdersPolicy
from services.orders.returns import after_return, asked, expect_repeat, take_back
from services.orders.store import customers, orders, returns, waiting
from shared.contracts.credit.topics import EVENTS as CREDIT_EVENTS
from shared.contracts.customers.requests import GetCustomerState
from shared.contracts.orders.answers import OrderStanding
from shared.contracts.orders.events import OrderState
from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    ReturnOrder,
    ShipOrder,
    StartProcessing,
    StepOfOrder,
)
from shared.contracts.orders.topics import COMMANDS
from shared.errors import Refusal, Refused
from shared.handlers import Context, Handlers, Later, Tick
from shared.messaging import Answer

AT_ONCE = 100

handlers = Handlers("orders")


NOT_YET_POSSIBLE = Refusal(code="not_yet_possible", detail="the order has not come so far in time")
UNKNOWN_ORDER = Refusal(code="unknown_order", detail="the customer has no such order")


@handlers.on(StartProcessing)
@handlers.on(ShipOrder)
@handlers.on(DeliverOrder)
@handlers.on(CancelOrder)
async def take_step(command: StepOfOrder, context: Context[OrdersPolicy]) -> Answer[OrderStanding] | Later:
    """Take the order one step on, or fill in what was not known of it."""
    order = await _lock(command, context)
    change = None if order is None else take(order, command, context.now)
    if change is None:
        return await _set_aside(command, context)
    return await carry_out(change, context)


@handlers.on(ReturnOrder)
async def take_goods_back(
    command: ReturnOrder, context: Context[OrdersPolicy]
) -> Answer[OrderStanding] | Later:
    """Take back what is named of the order, or all of it, once for each return."""
    order = await _lock(command, context)
    if order is None or expect_possible(order, "return") == "waits":
        return await _set_aside(command, context)
    message = (context.envelope.source, context.envelope.id)
    before = await returns.find(context.db, order.order_id, command.return_id, message)
    if before is not None:
        expect_repeat(before, command)
        return standing(order)
    returned = take_back(order, command, context.now)
    if returned is None:
        return standing(order)
    await returns.keep(context.db, returned, asked(command), message)
    return await carry_out(after_return(order, returned, context.now), context)


@handlers.every(5.0, having_read=(COMMANDS, CREDIT_EVENTS))
async def give_up_on_orders(tick: Tick[OrdersPolicy]) -> bool:
    """Refuse the commands whose order has not come, or not come far enough, in time."""
    due = tick.now - timedelta(seconds=tick.policy.order_awaited_within_s)
    overdue = await waiting.overdue(tick.db, due, AT_ONCE)
    for each in overdue:
        await tick.refuse(each.record, NOT_YET_POSSIBLE if each.is_known else UNKNOWN_ORDER)
    await waiting.delete_overdue(tick.db, overdue)
    return len(overdue) == AT_ONCE


async def _lock(command: StepOfOrder, context: Context[OrdersPolicy]) -> OrderState | None:
    """The order that is named; None where the customer has none such, which stays so.

    Raises:
        Refused: `unknown_customer`, and no order of it is known.
    """
    order = await orders.lock_or_bar(context.db, command.order_named(context.envelope.source))
    if order is not None and order.customer_id == command.customer_id:
        return order
    customer = await customers.find(context.db, command.customer_id)
    if customer is None:
        context.ask(GetCustomerState(customer_id=command.customer_id))
    if customer is None or customer.is_erased:
        raise Refused("unknown_customer", f"no customer {command.customer_id}")
    return None


async def _set_aside(command: StepOfOrder, context: Context[OrdersPolicy]) -> Later:
    await waiting.set_aside(
        context.db,
        context.as_it_came(),
        named=(command.order_named(context.envelope.source), command.customer_id),
        message=(context.envelope.source, context.envelope.id),
    )
    return Later()
