"""What customers does on which message."""

from collections.abc import Sequence

from services.customers import store
from services.customers.changes import take_in
from services.customers.contacts import with_one_primary
from shared.consumer import Context, Handlers, Reading
from shared.contracts.customers import CreateCustomer, Customer, GetCustomer
from shared.errors import Refusal
from shared.messaging import Answer

handlers = Handlers("customers")


@handlers.on_batch(GetCustomer)
async def get_customers(queries: Sequence[GetCustomer], context: Reading) -> list[Answer[Customer] | Refusal]:
    """Give each customer in full, or say that there is none."""
    found = await store.customers_in_full(context.db, [query.customer_id for query in queries])
    return [found.get(query.customer_id) or _no_customer(query.customer_id) for query in queries]


@handlers.on(CreateCustomer)
async def create_customer(command: CreateCustomer, context: Context) -> Answer[Customer]:
    """Take the customer in, and say so."""
    ids = [context.new_id("cont") for _ in command.contacts]
    change = take_in(command, with_one_primary(command.contacts, ids), context.now)
    answer = await store.insert_customer(context.db, change)
    for event in change.events:
        context.emit(event)
    context.emit(change.customer)
    return answer


def _no_customer(customer_id: str) -> Refusal:
    return Refusal(code="customer_not_found", detail=f"no customer {customer_id}")
