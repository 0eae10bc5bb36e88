"""/api/customers/:id/analytics: a customer in figures, which three services know."""

from datetime import UTC, datetime

from litestar import HttpMethod, route

from services.gateway.addressing import customer_id
from services.gateway.analytics_answer import composed
from services.gateway.parameters import Parameters, Unreadable, query_of
from services.gateway.representations import Reply, shown
from services.gateway.requests import HttpRequest, relay_all
from shared.contracts.credit.requests import GetCreditAnalytics
from shared.contracts.customers.requests import GetCustomer
from shared.contracts.orders.requests import GetOrderAnalytics
from shared.contracts.periods import PERIODS


def code(text: str) -> str:
    """The code of a period."""
    if text not in PERIODS:
        raise Unreadable("unknown_value", f"must be one of {', '.join(PERIODS)}")
    return text


PARAMETERS = Parameters({"period": code})


@route("/customers/{customer_id:str}/analytics", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_analytics(request: HttpRequest) -> Reply:
    """What a customer has bought and owes, in figures."""
    # whole seconds, as the answer tells them: what it says of its window is then exact
    now = datetime.now(UTC).replace(microsecond=0)
    unless_given = {"customer_id": customer_id(request), "period": "all", "now": now}
    of_orders = query_of(request, GetOrderAnalytics, PARAMETERS, unless_given)
    who, period = of_orders.customer_id, of_orders.period
    of_credit = GetCreditAnalytics(customer_id=who, period=period, now=now)
    asked = (GetCustomer(customer_id=who), of_orders, of_credit)
    customer, orders, credit = await relay_all(request, *asked)
    return shown(composed(customer, orders, credit, period=period, now=now))


HANDLERS = (get_analytics,)
