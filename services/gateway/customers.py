"""/api/customers: create a customer, read one."""

import re

from litestar import HttpMethod, post, route

from services.gateway.bodies import new_customer, read_members
from services.gateway.entity_tags import known_tags
from services.gateway.headers import header_lines
from services.gateway.problems import Problem
from services.gateway.representations import Reply, created, detail
from services.gateway.requests import HttpRequest, command_id, query_parameters, relay
from shared.contracts.customers import GetCustomer
from shared.ids import prefixed_id

_CUSTOMER_ID = re.compile(r"cust_[A-Za-z0-9]{1,64}")


@route("/customers/{customer_id:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_customer(request: HttpRequest) -> Reply:
    """One customer in full; 304 where the client has it already."""
    query_parameters(request)
    known = known_tags(header_lines(request.scope, b"if-none-match"))
    query = GetCustomer(customer_id=_well_formed(request.path_params["customer_id"]))
    return detail(await relay(request, query), known)


@post("/customers")
async def create_customer(request: HttpRequest) -> Reply:
    """Take in a new customer, with an Idempotency-Key once at most."""
    query_parameters(request)
    command = command_id(request)
    customer_id = prefixed_id("cust", command)
    customer = new_customer(await read_members(request), customer_id)
    answer = await relay(request, customer, message_id=str(command))
    return created(answer, location=f"/api/customers/{customer_id}")


def _well_formed(customer_id: str) -> str:
    """An id that no customer can have needs no asking."""
    if not _CUSTOMER_ID.fullmatch(customer_id):
        raise Problem("customer_not_found", "There is no customer of this id.")
    return customer_id


HANDLERS = (get_customer, create_customer)
