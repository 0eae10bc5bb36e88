"""What a command makes of a customer's contacts, of which exactly one is the primary one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.customers.changes import expect
from shared.contracts.customers.events import ContactAdded, ContactRemoved, ContactUpdated, CustomerState
from shared.contracts.customers.requests import AddContact, RemoveContact, UpdateContact
from shared.contracts.values import CONTACTS_MAX, Contact, NewContact
from shared.errors import Refused
from shared.messaging import Event


@dataclass(frozen=True, slots=True)
class Rearrangement:
    """A customer after a command for one of its contacts.

    Attributes:
        customer: The whole state, under its new version.
        contact: The one that was added, changed or removed.
        other_id: Who ceased to be primary by it, or became it; None where nobody did.
        events: In the order of their versions; none where the command changed nothing.
    """

    customer: CustomerState
    contact: Contact
    other_id: str | None
    events: Sequence[Event]


def with_one_primary(wished: Sequence[NewContact], ids: Sequence[str]) -> list[Contact]:
    """The contacts of a new customer, in the order they were given; exactly one is primary, if there are any.

    Args:
        wished: As sent; where none asks to be primary, the first is.
        ids: One for each.

    Raises:
        Refused: `several_primary_contacts`.
    """
    primaries = [position for position, contact in enumerate(wished) if contact.is_primary]
    if len(primaries) > 1:
        raise Refused("several_primary_contacts", "at most one contact may be primary")
    primary = primaries[0] if primaries else 0
    return [
        Contact(
            id=contact_id,
            name=contact.name,
            title=contact.title,
            email=contact.email,
            phone=contact.phone,
            is_primary=position == primary,
        )
        for position, (contact, contact_id) in enumerate(zip(wished, ids, strict=True))
    ]


def with_one_more(customer: CustomerState, command: AddContact, now: datetime) -> Rearrangement:
    """One contact more; the first is primary whatever was sent.

    Raises:
        Refused: `precondition_failed`, `contact_exists`, `too_many_contacts`.
    """
    expect(customer.version, command.expected_versions)
    if any(each.id == command.contact_id for each in customer.contacts):
        raise Refused("contact_exists", f"there is a contact {command.contact_id} already")
    if len(customer.contacts) >= CONTACTS_MAX:
        raise Refused("too_many_contacts", f"a customer has at most {CONTACTS_MAX} contacts")
    contact = Contact(
        id=command.contact_id,
        name=command.name,
        title=command.title,
        email=command.email,
        phone=command.phone,
        is_primary=command.is_primary or not customer.contacts,
    )
    contacts = _around(contact, [*customer.contacts, contact])
    return _rearranged(customer, ContactAdded, contact, contacts, now)


def with_one_changed(customer: CustomerState, command: UpdateContact, now: datetime) -> Rearrangement:
    """One contact changed in the members that the command gives.

    Raises:
        Refused: `contact_not_found`, `precondition_failed`, `primary_contact_required`.
    """
    present = _contact(customer, command.contact_id)
    expect(customer.version, command.expected_versions)
    contact = present.model_copy(update=command.given())
    if present.is_primary and not contact.is_primary:
        raise Refused("primary_contact_required", "make another contact the primary one instead")
    if contact == present:
        return Rearrangement(customer, contact, other_id=None, events=[])
    contacts = [contact if each.id == contact.id else each for each in customer.contacts]
    return _rearranged(customer, ContactUpdated, contact, _around(contact, contacts), now)


def with_one_less(customer: CustomerState, command: RemoveContact, now: datetime) -> Rearrangement:
    """One contact less; where it was primary, the oldest of the others becomes it.

    Raises:
        Refused: `contact_not_found`, `precondition_failed`.
    """
    contact = _contact(customer, command.contact_id)
    expect(customer.version, command.expected_versions)
    contacts = [each for each in customer.contacts if each.id != contact.id]
    if contact.is_primary and contacts:
        contacts[0] = contacts[0].model_copy(update={"is_primary": True})
    return _rearranged(customer, ContactRemoved, contact, contacts, now)


def _contact(customer: CustomerState, contact_id: str) -> Contact:
    for contact in customer.contacts:
        if contact.id == contact_id:
            return contact
    raise Refused("contact_not_found", f"no contact {contact_id} at customer {customer.customer_id}")


def _around(contact: Contact, contacts: Sequence[Contact]) -> list[Contact]:
    """The contacts, no other of them primary where this one is."""
    if not contact.is_primary:
        return list(contacts)
    return [each.model_copy(update={"is_primary": each.id == contact.id}) for each in contacts]


def _rearranged(
    customer: CustomerState,
    happened: type[ContactAdded | ContactUpdated | ContactRemoved],
    contact: Contact,
    contacts: list[Contact],
    now: datetime,
) -> Rearrangement:
    """Each event under a version of its own: of the contact, then of who is primary no more, or now."""
    was_primary = {each.id: each.is_primary for each in customer.contacts if each.id != contact.id}
    others = [each.id for each in contacts if was_primary.get(each.id, each.is_primary) != each.is_primary]
    said: list[tuple[type[ContactAdded | ContactUpdated | ContactRemoved], str]] = [(happened, contact.id)]
    said += [(ContactUpdated, other_id) for other_id in others]
    events = [
        event(customer_id=customer.customer_id, contact_id=contact_id, version=version)
        for version, (event, contact_id) in enumerate(said, start=customer.version + 1)
    ]
    after = {"contacts": contacts, "version": events[-1].version, "updated_at": now}
    return Rearrangement(
        customer=customer.model_copy(update=after),
        contact=contact,
        other_id=others[0] if others else None,
        events=events,
    )
