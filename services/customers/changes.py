"""What a command makes of a customer, and the events that say so. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contracts.customers.events import (
    CustomerCreated,
    CustomerCreditLimitChanged,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerState,
    CustomerUpdated,
)
from shared.contracts.customers.requests import CreateCustomer, NewCustomer, UpdateCustomer
from shared.contracts.values import Contact
from shared.errors import Refused
from shared.messaging import Event


@dataclass(frozen=True, slots=True)
class Held:
    """A customer as it is kept: its whole state, and what only customers keeps of it.

    Attributes:
        notes: Not part of the published state; None where there are none.
    """

    customer: CustomerState
    notes: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A customer after a command: what it is now, what only customers keeps of it, and what has happened.

    Attributes:
        customer: The whole state, under its new version.
        notes: Not part of the published state.
        events: In the order of their versions; the last has the version of `customer`. None of them where
            the command changed nothing.
        changed: Names of the members that an update changed as they are shown, in their declared order; the
            events name those that are stored.
        active_by: How many active customers there are more: 1, 0 or -1; of inactive ones as many fewer.
    """

    customer: CustomerState
    notes: str | None
    events: Sequence[Event]
    changed: Sequence[str] = ()
    active_by: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a new customer comes from: a reference of another system, which is `source`."""

    external_ref: str
    source: str
    customer_since: datetime


@dataclass(frozen=True, slots=True)
class Present:
    """A customer that has the place a new one was to take, or the marker of an erased one.

    Attributes:
        imported_as: The id that its sender's reference makes; None where it came by no import.
        digest: Of what was imported; None where nothing was, and after an erasure.
    """

    customer_id: str
    version: int
    imported_as: str | None
    digest: bytes | None
    is_erased: bool


def taken(present: Present) -> Refused:
    """Why the place is not to be had: `customer_erased` or `customer_exists`."""
    if present.is_erased:
        return Refused("customer_erased", f"customer {present.customer_id} has been erased")
    return Refused("customer_exists", f"there is a customer {present.customer_id} already")


def take_in(command: CreateCustomer, contacts: Sequence[Contact], now: datetime) -> Change:
    """A new customer, since now."""
    return new_customer(command.customer_id, command, contacts, now)


def new_customer(
    customer_id: str,
    wished: NewCustomer,
    contacts: Sequence[Contact],
    now: datetime,
    origin: Origin | None = None,
) -> Change:
    """A customer that is kept from now on; a customer since now too, where no `origin` tells otherwise."""
    said = {name: getattr(wished, name) for name in NewCustomer.model_fields}
    notes = said.pop("notes")
    customer = CustomerState(
        **said | {"contacts": list(contacts)},
        customer_id=customer_id,
        version=1,
        customer_since=origin.customer_since if origin else now,
        created_at=now,
        updated_at=now,
        external_ref=origin.external_ref if origin else None,
        external_source=origin.source if origin else None,
    )
    return Change(customer, notes, [CustomerCreated(**_told(customer), version=1)])


def expect(version: int, expected: Sequence[int] | None) -> None:
    """Go on only where the customer is at a version the sender has seen; None: at whichever.

    Raises:
        Refused: `precondition_failed`.
    """
    if expected is not None and version not in expected:
        raise Refused("precondition_failed", f"the customer is at version {version}")


def update(held: Held, command: UpdateCustomer, now: datetime, by: str) -> Change:
    """The customer with the members that the command gives and that are not so already.

    A change of the credit limit is put down to `by`.

    Raises:
        Refused: `precondition_failed`, `currency_locked`, `contacts_have_routes_of_their_own`.
    """
    present = {**dict(held.customer), "notes": held.notes}
    expect(held.customer.version, command.expected_versions)
    _refuse_what_is_fixed(held.customer, command.given())
    wished = _with_billing_address_as_none(held.customer, command.given())
    changes = {name: value for name, value in wished.items() if value != present[name]}
    if not changes:
        return Change(held.customer, held.notes, [])
    notes = changes.get("notes", held.notes)
    members = {name: value for name, value in changes.items() if name != "notes"}
    after = held.customer.model_copy(update={**members, "updated_at": now})
    events = _events_of(held.customer, after, list(changes), by)
    return Change(
        customer=after.model_copy(update={"version": held.customer.version + len(events)}),
        notes=notes,
        events=events,
        changed=_shown_otherwise(list(changes), after),
        active_by=after.is_active - held.customer.is_active,
    )


def _refuse_what_is_fixed(customer: CustomerState, given: Mapping[str, Any]) -> None:
    if given.get("currency", customer.currency) != customer.currency:
        raise Refused("currency_locked", f"the currency of an account stays {customer.currency}")
    if given.get("contacts", customer.contacts) != customer.contacts:
        raise Refused("contacts_have_routes_of_their_own", "contacts are not changed with their customer")


def _with_billing_address_as_none(customer: CustomerState, given: Mapping[str, Any]) -> dict[str, Any]:
    """A shipping address that is only the billing address, shown or given, stays none of its own."""
    billing = (customer.billing_address, given.get("billing_address"))
    is_none = customer.shipping_address is None and given.get("shipping_address") in billing
    return {name: None if name == "shipping_address" and is_none else value for name, value in given.items()}


def _shown_otherwise(changed: Sequence[str], after: CustomerState) -> list[str]:
    """A shipping address that is none of its own is shown as the billing address, and changes with it."""
    follows = after.shipping_address is None and "billing_address" in changed
    names = {*changed, "shipping_address"} if follows else {*changed}
    return [name for name in UpdateCustomer.model_fields if name in names]


def _events_of(before: CustomerState, after: CustomerState, changed: list[str], by: str) -> list[Event]:
    """Each under a version of its own."""
    customer_id, version = before.customer_id, before.version + 1
    events: list[Event] = [CustomerUpdated(**_told(after), version=version, changed=changed)]
    if "credit_limit" in changed:
        version += 1
        events.append(
            CustomerCreditLimitChanged(
                customer_id=customer_id,
                version=version,
                old=before.credit_limit,
                new=after.credit_limit,
                changed_by=by,
            )
        )
    if "is_active" in changed:
        said = CustomerReactivated if after.is_active else CustomerDeactivated
        events.append(said(customer_id=customer_id, version=version + 1))
    return events


def _told(customer: CustomerState) -> dict[str, Any]:
    """What the events tell of a customer: its terms, and nothing personal."""
    names = set(CustomerCreated.model_fields) - {"version"}
    return {name: value for name, value in dict(customer).items() if name in names}
