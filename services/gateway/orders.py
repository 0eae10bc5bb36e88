"""/api/customers/:id/orders: list a customer's orders, read one."""

from litestar import HttpMethod, route

from services.gateway.addressing import customer_id, order_id
from services.gateway.order_parameters import PARAMETERS
from services.gateway.parameters import query_of, refuse_parameters
from services.gateway.representations import Reply, page, shown
from services.gateway.requests import HttpRequest, relay
from shared.contracts.orders.requests import FindOrders, GetOrder

_READS = [HttpMethod.GET, HttpMethod.HEAD]
_ORDERS = "/customers/{customer_id:str}/orders"


@route(_ORDERS, http_method=_READS)
async def find_orders(request: HttpRequest) -> Reply:
    """One page of a customer's orders that meet all conditions."""
    to = {"customer_id": customer_id(request)}
    return page(await relay(request, query_of(request, FindOrders, PARAMETERS, to)))


@route(f"{_ORDERS}/{{order_id:str}}", http_method=_READS)
async def get_order(request: HttpRequest) -> Reply:
    """One order with its lines."""
    refuse_parameters(request)
    order = GetOrder(customer_id=customer_id(request), order_id=order_id(request))
    return shown(await relay(request, order))


HANDLERS = (find_orders, get_order)
