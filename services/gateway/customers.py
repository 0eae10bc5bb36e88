"""/api/customers: list them, create one, read and change one."""

from litestar import HttpMethod, post, put, route

from services.gateway.addressing import addressed, customer_id
from services.gateway.bodies import read_members
from services.gateway.customer_bodies import changed_customer, new_customer
from services.gateway.entity_tags import known_tags
from services.gateway.headers import header_lines
from services.gateway.parameters import (
    PAGED,
    Parameters,
    boolean,
    query_of,
    refuse_parameters,
    verbatim,
    words,
)
from services.gateway.preferences import prefers_minimal
from services.gateway.representations import Reply, changed, created, detail, minimal, page, tag_of
from services.gateway.requests import HttpRequest, command_id, relay
from shared.contracts.customers.requests import FindCustomers, GetCustomer
from shared.ids import prefixed_id

PARAMETERS = Parameters({"is_active": boolean, "search": words, "external_ref": verbatim, **PAGED})

_READS = [HttpMethod.GET, HttpMethod.HEAD]


@route("/customers", http_method=_READS)
async def find_customers(request: HttpRequest) -> Reply:
    """One page of the customers that meet all conditions."""
    return page(await relay(request, query_of(request, FindCustomers, PARAMETERS)))


@route("/customers/{customer_id:str}", http_method=_READS)
async def get_customer(request: HttpRequest) -> Reply:
    """One customer in full; 304 where the client has it already."""
    refuse_parameters(request)
    known = known_tags(header_lines(request.scope, b"if-none-match"))
    return detail(await relay(request, GetCustomer(customer_id=customer_id(request))), known)


@post("/customers")
async def create_customer(request: HttpRequest) -> Reply:
    """Take in a new customer, with an Idempotency-Key once at most."""
    refuse_parameters(request)
    command = command_id(request)
    new_id = prefixed_id("cust", command)
    customer = new_customer(await read_members(request), new_id)
    answer = await relay(request, customer, message_id=str(command))
    return created(answer, location=f"/api/customers/{new_id}", headers=[tag_of(answer)])


@put("/customers/{customer_id:str}")
async def update_customer(request: HttpRequest) -> Reply:
    """Change the members that are given; the others stay as they are."""
    refuse_parameters(request)
    to = addressed(request)
    answer = await relay(request, changed_customer(await read_members(request), to))
    if prefers_minimal(header_lines(request.scope, b"prefer")):
        return minimal(answer)
    return changed(answer, headers=[tag_of(answer)])


HANDLERS = (find_customers, get_customer, create_customer, update_customer)
