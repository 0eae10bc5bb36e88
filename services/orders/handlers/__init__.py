"""What orders does on which message, by noun; how an order gets its credit stands in `saga`."""

from services.orders.handlers import customers, queries, saga, steps
from shared.handlers import Handlers

handlers = Handlers("orders", saga.handlers, steps.handlers, customers.handlers, queries.handlers)
