"""Credit's half of an order's story: reserved or refused, released, invoiced, credited.

All events of a customer's orders come in their order, but for those that only say that an order was accepted:
they come many at once, before or after the others. Each also tells what a score needs of the order.
"""

from collections.abc import Sequence
from decimal import Decimal

from services.credit.accounts import ZERO, Account
from services.credit.handlers.accounts import account_or_marker, say
from services.credit.policy import CreditPolicy
from services.credit.postings import Change, day, fact_of, newest
from services.credit.receipts import money_of_return
from services.credit.receivables import as_wished, lower, ship
from services.credit.reservations import decide, release
from services.credit.store import money
from services.credit.store.accounts import lock_account
from services.credit.store.ledger import post, remember_orders
from services.credit.store.orders import order_standing
from shared.contracts.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderEvent,
    OrderPlaced,
    OrderProcessingStarted,
    OrderRejected,
    OrderReturned,
    OrderShipped,
)
from shared.handlers import Batch, Context, Handlers

handlers = Handlers("credit")


@handlers.on(OrderPlaced)
async def reserve_credit(order: OrderPlaced, context: Context[CreditPolicy]) -> None:
    """Hold the order's amount, or refuse it; either way say so, once."""
    account = await account_or_marker(context, order.customer_id, order.currency)
    standing = await order_standing(context.db, order, day(context.now))
    current = account.owing(standing.past_due)
    change = decide(order, current, standing, context.policy, context.now)
    await _keep(order, account, change, context)


@handlers.on(OrderRejected)
async def release_rejected(order: OrderRejected, context: Context) -> None:
    """Hold nothing for it: credit came too late, or never was."""
    await _release(order, "rejected", context)


@handlers.on(OrderCancelled)
async def release_cancelled(order: OrderCancelled, context: Context) -> None:
    """Hold nothing for it any more."""
    await _release(order, "cancelled", context)


@handlers.on(OrderShipped)
async def invoice_shipped(order: OrderShipped, context: Context) -> None:
    """What was held becomes an invoice."""
    await _invoice(order, context)


@handlers.on(OrderDelivered)
async def invoice_delivered(order: OrderDelivered, context: Context) -> None:
    """The same, where nobody said that it was shipped."""
    await _invoice(order, context)


@handlers.on(OrderReturned)
async def credit_return(order: OrderReturned, context: Context) -> None:
    """Credit what came back, of the order's invoice first."""
    note = money_of_return(order)
    account = await account_or_marker(context, order.customer_id, order.currency)
    standing = await order_standing(context.db, order, day(context.now))
    if await money.take_in(context.db, note) is not None:
        await _keep(order, account, None, context)
        return
    current = account.owing(standing.past_due)
    change = lower(current, note, as_wished([(standing.invoice, note.amount)]), day(context.now))
    await _keep(order, account, change, context, returned=note.amount)


@handlers.on_batch(OrderConfirmed, OrderProcessingStarted)
async def remember_accepted(
    orders: Sequence[OrderConfirmed | OrderProcessingStarted], batch: Batch[CreditPolicy]
) -> None:
    """Know that they were accepted, and which of them are being made ready."""
    await remember_orders(batch.db, newest(fact_of(order) for order in orders))


async def _release(order: OrderRejected | OrderCancelled, reason: str, context: Context) -> None:
    account = await lock_account(context.db, order.customer_id)
    if account is None:
        await remember_orders(context.db, [fact_of(order)])
        return
    standing = await order_standing(context.db, order, day(context.now))
    change = release(order, account.owing(standing.past_due), standing.reservation, reason, context.now)
    await _keep(order, account, change, context)


async def _invoice(order: OrderShipped | OrderDelivered, context: Context) -> None:
    account = await account_or_marker(context, order.customer_id, order.currency)
    standing = await order_standing(context.db, order, day(context.now))
    on_account = await money.on_account(context.db, order.customer_id)
    change = ship(order, account.owing(standing.past_due), standing, on_account, context.now)
    await _keep(order, account, change, context)


async def _keep(
    order: OrderEvent, account: Account, change: Change | None, context: Context, returned: Decimal = ZERO
) -> None:
    """Write what was decided, and say it; where nothing was, only what the event tells of the order."""
    fact = fact_of(order, returned)
    if change is None:
        await remember_orders(context.db, [fact])
        return
    await post(context.db, account, change, context.now, fact)
    say(change, context)
