"""Bodies of customers as the commands they ask for. Pure."""

from pydantic import TypeAdapter, ValidationError

from services.gateway.contact_bodies import SERVER_OWNED as SERVER_OWNED_OF_CONTACT
from services.gateway.field_errors import pointer
from services.gateway.problems import CONTACTS_HAVE_ROUTES_OF_THEIR_OWN, FieldError
from services.gateway.validation import Addressing, Members, validated, without
from shared.contracts.customers.requests import CreateCustomer, UpdateCustomer
from shared.contracts.values import CONTACTS_MAX, Contact

# Known but not the client's to set: ignored, so that what was read can be edited and sent back
SERVER_OWNED = frozenset(
    {
        *("id", "customer_id", "external_ref", "customer_since", "created_at", "updated_at"),
        *("current_balance", "lifetime_value", "total_orders"),
    }
)

_CONTACTS = TypeAdapter(list[Contact])


def new_customer(body: Members, customer_id: str) -> CreateCustomer:
    """The command that a body asks for, under the id the gateway has chosen.

    Raises:
        Problem: `validation_error` with everything that is wrong.
    """
    members = without(SERVER_OWNED, body)
    errors: list[FieldError] = []
    if isinstance(contacts := body.get("contacts"), list):
        errors = _wrong_with_all_contacts(contacts)
        members["contacts"] = [_without_server_owned(contact) for contact in contacts[:CONTACTS_MAX]]
    return validated(CreateCustomer, {"customer_id": customer_id}, members, errors)


def changed_customer(body: Members, to: Addressing) -> UpdateCustomer:
    """The command that changes the members a body has, and no others; null clears.

    Contacts go along only as a client has read them, so that customers can tell whether they are unchanged.

    Raises:
        Problem: `validation_error` with everything that is wrong.
    """
    members = without(SERVER_OWNED, body)
    if members.get("contacts") is None or _are_as_shown(members["contacts"]):
        return validated(UpdateCustomer, to, members)
    del members["contacts"]
    return validated(UpdateCustomer, to, members, [CONTACTS_HAVE_ROUTES_OF_THEIR_OWN])


def _are_as_shown(contacts: object) -> bool:
    try:
        _CONTACTS.validate_python(contacts, strict=True, extra="forbid")
    except ValidationError:
        return False
    return True


def _wrong_with_all_contacts(contacts: list[object]) -> list[FieldError]:
    primaries = [
        place
        for place, contact in enumerate(contacts)
        if isinstance(contact, dict) and contact.get("is_primary") is True
    ]
    errors = [
        FieldError(
            "several_primary_contacts",
            "one contact at most may be primary",
            pointer=pointer("contacts", place, "is_primary"),
        )
        for place in primaries[1:]
    ]
    if len(contacts) > CONTACTS_MAX:
        detail = f"must have at most {CONTACTS_MAX} contacts"
        errors.append(FieldError("too_many_contacts", detail, pointer=pointer("contacts")))
    return errors


def _without_server_owned(contact: object) -> object:
    return without(SERVER_OWNED_OF_CONTACT, contact) if isinstance(contact, dict) else contact
