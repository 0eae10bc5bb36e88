"""Which contact is the primary one. Pure."""

from collections.abc import Sequence

from shared.contracts.values import Contact, NewContact
from shared.errors import Refused


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
