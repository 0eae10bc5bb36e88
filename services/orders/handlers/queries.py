"""What orders tells of a customer that customers knows."""

from typing import NoReturn

from services.orders.analytics import answer, reach
from services.orders.policy import OrdersPolicy
from services.orders.store import analytics, exports, orders, pages
from shared.contracts.customers.requests import GetCustomerState
from shared.contracts.orders.answers import OrderAnalytics, OrderInFull, OrderPage, OrdersExport
from shared.contracts.orders.requests import ExportOrders, FindOrders, GetOrder, GetOrderAnalytics
from shared.errors import Refused
from shared.handlers import Handlers, Reading
from shared.messaging import Answer

handlers = Handlers("orders")


@handlers.on(FindOrders)
async def find_orders(query: FindOrders, context: Reading) -> Answer[OrderPage]:
    """Give a page of the customer's orders."""
    answer = await pages.page_of_orders(context.db, query)
    return answer or _ask_for(query.customer_id, context)


@handlers.on(GetOrder)
async def get_order(query: GetOrder, context: Reading) -> Answer[OrderInFull]:
    """Give the order with its lines."""
    answer = await orders.order_in_full(context.db, query.customer_id, query.order_id)
    return answer or _ask_for(query.customer_id, context)


@handlers.on(GetOrderAnalytics)
async def get_order_analytics(
    query: GetOrderAnalytics, context: Reading[OrdersPolicy]
) -> Answer[OrderAnalytics]:
    """Give the customer's orders in figures, without reading more of them than the days that are cut."""
    figures = await analytics.find(context.db, query.customer_id, reach(query.period, query.now))
    if figures is None:
        _ask_for(query.customer_id, context)
    return answer(figures, query.now, context.policy.segments)


@handlers.on(ExportOrders)
async def export_orders(query: ExportOrders, context: Reading) -> Answer[OrdersExport]:
    """Give everything that is held about the customer, and of an erased one that it was erased."""
    answer = await exports.export(context.db, query.customer_id)
    return answer or _ask_for(query.customer_id, context)


def _ask_for(customer_id: str, context: Reading) -> NoReturn:
    context.ask(GetCustomerState(customer_id=customer_id))
    raise Refused("customer_not_found", f"no customer {customer_id}")
