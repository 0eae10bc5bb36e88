"""Customers of other systems: whether an import is a new one, a repeat, or not to be had. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from services.customers.changes import Change, Origin, Present, new_customer, taken
from shared.contracts.customers.answers import Imported
from shared.contracts.customers.requests import ImportCustomer, imported_id
from shared.contracts.values import Contact
from shared.errors import Refused
from shared.messaging import timestamp

AHEAD_AT_MOST = timedelta(hours=24)  # a sender's local date may be ahead of UTC by less than a day


@dataclass(frozen=True, slots=True)
class Import:
    """A customer to be taken over, and what its repeats are recognised by.

    Attributes:
        imported_as: The id that sender and reference make, whatever id the customer has.
        digest: SHA-256 of what was said of the customer.
    """

    change: Change
    imported_as: str
    digest: bytes


def take_over(command: ImportCustomer, contacts: Sequence[Contact], now: datetime, source: str) -> Import:
    """The customer that the command tells of; its `external_ref` is one of `source`.

    Raises:
        Refused: `date_in_future`.
    """
    if command.customer_since > now + AHEAD_AT_MOST:
        raise Refused("date_in_future", "customer_since lies more than 24 hours ahead")
    imported_as = imported_id(source, command.external_ref)
    change = new_customer(
        command.customer_id or imported_as,
        command,
        contacts,
        now,
        Origin(command.external_ref, source, command.customer_since.astimezone(UTC)),
    )
    return Import(change, imported_as, _digest(command))


def imported_before(wanted: Import, present: Present) -> Imported:
    """The answer to an import whose customer is there already with the same content.

    Raises:
        Refused: `customer_exists`, `customer_erased`.
    """
    if (present.imported_as, present.digest) != (wanted.imported_as, wanted.digest):
        raise taken(present)
    return Imported(customer_id=present.customer_id, version=present.version)


def _digest(command: ImportCustomer) -> bytes:
    """Of the content alone: the order of members makes no difference, nor does a default that was sent."""
    content = command.model_dump(mode="json", exclude={"customer_id", "customer_since"})
    content["customer_since"] = timestamp(command.customer_since)
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()
