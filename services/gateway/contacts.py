"""/api/customers/:id/contacts: add a contact, change one, remove one."""

from litestar import delete, post, put

from services.gateway.addressing import addressed
from services.gateway.bodies import read_members
from services.gateway.contact_bodies import changed_contact, new_contact
from services.gateway.parameters import refuse_parameters
from services.gateway.representations import Reply, changed, created, json_reply
from services.gateway.requests import HttpRequest, command_id, relay
from shared.contracts.customers.requests import RemoveContact
from shared.ids import prefixed_id

_CONTACTS = "/customers/{customer_id:str}/contacts"
_CONTACT = f"{_CONTACTS}/{{contact_id:str}}"
_REMOVED = b'{"data":{"message":"Contact successfully removed"}}'


@post(_CONTACTS)
async def add_contact(request: HttpRequest) -> Reply:
    """Add a person, with an Idempotency-Key once at most."""
    refuse_parameters(request)
    to = addressed(request)
    command = command_id(request)
    contact_id = prefixed_id("cont", command)
    contact = new_contact(await read_members(request), to, contact_id)
    answer = await relay(request, contact, message_id=str(command))
    return created(answer, location=f"/api/customers/{to['customer_id']}/contacts/{contact_id}")


@put(_CONTACT)
async def update_contact(request: HttpRequest) -> Reply:
    """Change the members that are given; the others stay as they are."""
    refuse_parameters(request)
    to = addressed(request)
    return changed(await relay(request, changed_contact(await read_members(request), to)))


@delete(_CONTACT, status_code=200)
async def remove_contact(request: HttpRequest) -> Reply:
    """Remove a contact; a body, which has no meaning here, is not read."""
    refuse_parameters(request)
    await relay(request, RemoveContact(**addressed(request)))
    return json_reply(200, _REMOVED)


HANDLERS = (add_contact, update_contact, remove_contact)
