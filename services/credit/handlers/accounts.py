"""Accounts follow their customers: opened, changed with them, and kept when they are erased."""

from typing import Protocol, TypeVar

from services.credit.accounts import Account, erased, following, marker, opened
from services.credit.postings import Change, day
from services.credit.store.accounts import insert_account, lock_account, save_account
from services.credit.store.invoices import past_due
from shared.contracts.customers.events import CustomerErased, CustomerState
from shared.contracts.customers.requests import GetCustomerState
from shared.errors import Refused
from shared.handlers import Context, Handlers, Reading, Tick
from shared.messaging import Tombstone

handlers = Handlers("credit")


class Found(Protocol):
    """What was read of a customer."""

    @property
    def exists(self) -> bool:
        """False of an erased one."""


F = TypeVar("F", bound=Found)


@handlers.on(CustomerState)
async def remember_customer(customer: CustomerState, context: Context) -> None:
    """Open an account for a customer that is new, let it follow one that is not."""
    account = opened(customer)
    if await insert_account(context.db, account):
        context.emit(account.state())
        return
    held = await locked(context, customer.customer_id)
    after = following(held, customer)
    if after.version != held.version:
        after = after.owing(await past_due(context.db, customer.customer_id, day(context.now)))
        context.emit(after.state())
    if after != held:
        await save_account(context.db, held, after, context.now)


@handlers.on(CustomerErased)
async def forget_customer(gone: CustomerErased, context: Context) -> None:
    """Keep the figures under the id, and nothing that was answered about the customer."""
    await _forget(context, gone.customer_id, gone.version)


@handlers.on_tombstone(CustomerState)
async def forget_customer_that_is_no_more(gone: Tombstone, context: Context) -> None:
    """As the event of the erasure, where that was missed."""
    await _forget(context, gone.entity_id, gone.version)


async def known_account(context: Context, customer_id: str) -> Account | None:
    """The locked account of a customer that exists; None where customers says that there is none."""
    account = await heard_of(context, customer_id)
    return account if account is not None and account.exists else None


async def heard_of(context: Context, customer_id: str) -> Account | None:
    """The locked account, of an erased customer too, or the marker of an unknown one.

    None where nothing was kept, and customers says that there is no such customer.
    """
    account = await lock_account(context.db, customer_id)
    if account is None or account.customer_version == 0:
        context.ask(GetCustomerState(customer_id=customer_id))
    return account


def existing(found: F | None, customer_id: str, context: Reading) -> F:
    """What was found of a customer that exists.

    Raises:
        Missing: it is not known here; customers is asked.
        Refused: `customer_not_found`.
    """
    if found is None:
        context.ask(GetCustomerState(customer_id=customer_id))
    if found is None or not found.exists:
        raise no_customer(customer_id)
    return found


def no_customer(customer_id: str) -> Refused:
    """Why nothing is said of somebody who does not exist."""
    return Refused("customer_not_found", f"no customer {customer_id}")


async def account_or_marker(context: Context, customer_id: str, currency: str) -> Account:
    """The same; where there is none, a marker, so that what happens is kept of somebody."""
    account = await heard_of(context, customer_id)
    if account is not None:
        return account
    await insert_account(context.db, marker(customer_id, context.now, currency))
    return await locked(context, customer_id)


async def locked(context: Context, customer_id: str) -> Account:
    """The account of somebody of whom one is kept."""
    account = await lock_account(context.db, customer_id)
    if account is None:
        raise LookupError("an account that was there is gone")
    return account


def say(change: Change, context: Context | Tick) -> None:
    """What has happened, then what the account is now."""
    for event in change.events:
        context.emit(event)
    context.emit(change.account.state())


async def _forget(context: Context, customer_id: str, version: int) -> None:
    gone = marker(customer_id, context.now, customer_version=version)
    if not await insert_account(context.db, gone):
        held = await locked(context, customer_id)
        after = erased(held, version, context.now)
        if after != held:
            await save_account(context.db, held, after, context.now)
    await context.forget(customer_id)
