"""May an order go on credit, and when is what was held for it free again? Pure."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from services.credit.accounts import ZERO, Account
from services.credit.policy import CreditPolicy
from services.credit.postings import OWN, Change, Entry, EntryKind, Invoice, Reservation, day
from shared.contracts.credit.events import CreditReleased, CreditReserved, ReservationRefused
from shared.contracts.orders.events import OrderEvent, OrderPlaced

PREPAID = "prepaid"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an order and of its customer's receivables.

    Attributes:
        reservation: None where nothing was decided of it yet.
        invoice: None where it was not invoiced yet.
        order_version: Of the newest event of the order that was heard; 0 for none, and while it says no more
            than that the order was accepted.
        past_due: What the customer owes past due dates.
        oldest_due_on: The earliest due date of what is open; None where nothing is.
    """

    reservation: Reservation | None
    invoice: Invoice | None
    order_version: int
    past_due: Decimal
    oldest_due_on: date | None


def decide(
    order: OrderPlaced, account: Account, standing: Standing, policy: CreditPolicy, now: datetime
) -> Change | None:
    """Hold the order's amount, or refuse it; None where that was decided before, or the order has gone on.

    An order of a prepaid customer holds nothing, and is not measured by limit and past due.
    """
    if standing.reservation is not None or standing.order_version > order.version:
        return None
    reason = _why_not(order, account, standing, policy, day(now))
    if reason is not None:
        after = account.moved()
        refused = ReservationRefused(**_told(order, order.total_amount, (account, after), now), reason=reason)
        reservation = _reservation(order, order.total_amount, now)
        return Change(
            after, events=[refused], reservation=replace(reservation, status="refused", reason=reason)
        )
    amount = ZERO if order.payment_terms == PREPAID else order.total_amount
    after = account.moved(reserved=amount)
    return Change(
        after,
        events=[CreditReserved(**_told(order, amount, (account, after), now))],
        entries=[_entry("reserve", order, after, amount)],
        reservation=_reservation(order, amount, now),
    )


def release(
    order: OrderEvent, account: Account, held: Reservation | None, reason: str, now: datetime
) -> Change | None:
    """Hold nothing for the order any more; None where nothing is held.

    reason: `shipped`, `cancelled` or `rejected`.
    """
    if held is None or held.status != "held":
        return None
    after = account.moved(reserved=-held.amount)
    return Change(
        after,
        events=[CreditReleased(**_told(order, held.amount, (account, after), now), reason=reason)],
        entries=[_entry("release", order, after, -held.amount)],
        reservation=replace(held, status="released", reason=reason),
    )


def _why_not(
    order: OrderPlaced, account: Account, standing: Standing, policy: CreditPolicy, today: date
) -> str | None:
    """The first reason to refuse; None where there is none. What reaches the limit exactly has room."""
    if not account.exists:
        return "unknown_customer"
    if not account.is_active:
        return "customer_inactive"
    if order.currency != account.currency:
        return "currency_mismatch"
    if order.payment_terms == PREPAID:
        return None
    oldest = standing.oldest_due_on
    if oldest is not None and (today - oldest).days > policy.past_due_block_days:
        return "account_past_due"
    if order.total_amount > account.available:
        return "insufficient_credit"
    return None


def _told(
    order: OrderEvent, amount: Decimal, accounts: tuple[Account, Account], now: datetime
) -> dict[str, Any]:
    """The numbers of a decision: the account's before it and after it."""
    before, after = accounts
    return {
        "customer_id": order.customer_id,
        "order_id": order.order_id,
        "version": after.version,
        "amount": amount,
        "currency": after.currency,
        "credit_limit": after.credit_limit,
        "balance": after.balance,
        "reserved": after.reserved,
        "available_before": before.available,
        "available_after": after.available,
        "as_of": now,
    }


def _reservation(order: OrderPlaced, amount: Decimal, now: datetime) -> Reservation:
    return Reservation(order.order_id, order.customer_id, amount, "held", None, now)


def _entry(kind: EntryKind, order: OrderEvent, after: Account, reserved: Decimal) -> Entry:
    return Entry(after.version, kind, order.order_id, OWN, receivable=ZERO, reserved=reserved)
