"""What every change of an order leads to: it is stored and said, and what waited for it is handled now."""

from services.orders.lifecycle import Change, standing
from services.orders.policy import OrdersPolicy
from services.orders.store import orders
from shared.contracts.orders.answers import OrderStanding
from shared.handlers import Context
from shared.messaging import Answer


async def carry_out(change: Change, context: Context[OrdersPolicy]) -> Answer[OrderStanding]:
    """How the order stands then; a change without events is none."""
    if change.events:
        saved = await orders.save(context.db, change)
        for message in change.said(saved.totals):
            context.emit(message)
        context.resend(saved.woken)
    return standing(change.order)
