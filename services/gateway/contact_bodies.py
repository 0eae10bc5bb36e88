"""Bodies of contacts as the commands they ask for. Pure."""

from services.gateway.validation import Addressing, Members, validated, without
from shared.contracts.customers.requests import AddContact, UpdateContact

# Known but not the client's to set: ignored, so that what was read can be edited and sent back
SERVER_OWNED = frozenset({"id", "customer_id", "created_at", "updated_at"})


def new_contact(body: Members, to: Addressing, contact_id: str) -> AddContact:
    """The command that a body asks for, under the id the gateway has chosen.

    Raises:
        Problem: `validation_error` with everything that is wrong.
    """
    return validated(AddContact, {**to, "contact_id": contact_id}, without(SERVER_OWNED, body))


def changed_contact(body: Members, to: Addressing) -> UpdateContact:
    """The command that changes the members a body has, and no others; null clears.

    Raises:
        Problem: `validation_error` with everything that is wrong.
    """
    return validated(UpdateContact, to, without(SERVER_OWNED, body))
