"""What orders learns of customers, and forgets."""

from services.orders.policy import OrdersPolicy
from services.orders.store import customers
from shared.contracts.customers.events import CustomerErased, CustomerState
from shared.handlers import Context, Handlers
from shared.messaging import Tombstone

handlers = Handlers("orders")


@handlers.on(CustomerState)
async def remember_customer(customer: CustomerState, context: Context[OrdersPolicy]) -> None:
    """Take over what an order needs of its customer."""
    await customers.remember(context.db, customer)


@handlers.on(CustomerErased)
async def forget_customer(erased: CustomerErased, context: Context[OrdersPolicy]) -> None:
    """Keep that there was such a customer, and of its orders what they are without it."""
    await _forget(erased.customer_id, erased.version, context)


@handlers.on_tombstone(CustomerState)
async def forget_customer_that_is_gone(gone: Tombstone, context: Context[OrdersPolicy]) -> None:
    """The same, where the state topic says it first."""
    await _forget(gone.entity_id, gone.version, context)


async def _forget(customer_id: str, version: int, context: Context[OrdersPolicy]) -> None:
    if await customers.erase(context.db, customer_id, version, context.now):
        await context.forget(customer_id)
