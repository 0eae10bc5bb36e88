"""A customer's credit account: what of a customer it follows, and what figures it keeps. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from shared.contracts.credit.events import CreditAccount
from shared.contracts.customers.events import CustomerState
from shared.contracts.values import PaymentTerms

ZERO = Decimal("0.00")
NO_CURRENCY = "XXX"  # ISO 4217 for none


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is kept.

    Attributes:
        version: +1 with every event and every change of the limit; 0 of a marker nothing was said of.
        customer_version: Of the newest state heard from customers; 0 where customers knows of none.
        currency: XXX of a marker that never had one.
        customer_since: None where no account was ever opened.
        balance: Receivables; negative where there is money on account.
        reserved: Held for open orders.
        past_due: Open amounts whose due date had passed when it was kept.
        erased_at: None for a customer that exists.
    """

    customer_id: str
    version: int
    customer_version: int
    currency: str
    payment_terms: PaymentTerms
    customer_since: datetime | None
    is_active: bool
    credit_limit: Decimal
    balance: Decimal
    reserved: Decimal
    past_due: Decimal
    erased_at: datetime | None

    @property
    def exposure(self) -> Decimal:
        """What the limit is held against: receivables and what is reserved."""
        return self.balance + self.reserved

    @property
    def available(self) -> Decimal:
        """What is left of the limit; may be negative."""
        return self.credit_limit - self.exposure

    @property
    def exists(self) -> bool:
        """Whether there is such a customer: not erased, and not a marker of an unknown one."""
        return self.erased_at is None

    @property
    def was_opened(self) -> bool:
        """Whether there ever was such a customer, erased or not: its money is never refused."""
        return self.customer_since is not None

    def moved(
        self, receivable: Decimal = ZERO, reserved: Decimal = ZERO, past_due: Decimal = ZERO
    ) -> "Account":
        """The account one version on, each figure changed by so much."""
        return replace(
            self,
            version=self.version + 1,
            balance=self.balance + receivable,
            reserved=self.reserved + reserved,
            past_due=self.past_due + past_due,
        )

    def owing(self, past_due: Decimal) -> "Account":
        """The account with what is past due by now."""
        return replace(self, past_due=past_due)

    def state(self) -> CreditAccount:
        """What the state topic says of it."""
        return CreditAccount(
            customer_id=self.customer_id,
            version=self.version,
            currency=self.currency,
            credit_limit=self.credit_limit,
            balance=self.balance,
            reserved=self.reserved,
            available=self.available,
            past_due=self.past_due,
        )


def terms_days(payment_terms: PaymentTerms) -> int:
    """Days from an invoice's date to its due date; 0 for prepaid and due on receipt."""
    name, _, days = payment_terms.partition("_")
    return int(days) if name == "net" else 0


def opened(customer: CustomerState) -> Account:
    """The account of a customer heard of for the first time."""
    return Account(
        customer_id=customer.customer_id,
        version=1,
        customer_version=customer.version,
        currency=customer.currency,
        payment_terms=customer.payment_terms,
        customer_since=customer.customer_since.astimezone(UTC),
        is_active=customer.is_active,
        credit_limit=customer.credit_limit,
        balance=ZERO,
        reserved=ZERO,
        past_due=ZERO,
        erased_at=None,
    )


def marker(
    customer_id: str, now: datetime, currency: str = NO_CURRENCY, customer_version: int = 0
) -> Account:
    """What is kept of a customer that does not exist: it has no credit, and counts as erased.

    customer_version: of its erasure, which keeps older states out; 0 where customers never knew it.
    """
    return Account(
        customer_id=customer_id,
        version=0,
        customer_version=customer_version,
        currency=currency,
        payment_terms="due_on_receipt",
        customer_since=None,
        is_active=False,
        credit_limit=ZERO,
        balance=ZERO,
        reserved=ZERO,
        past_due=ZERO,
        erased_at=now,
    )


def following(account: Account, customer: CustomerState) -> Account:
    """The account with what a newer state of its customer says; the same for an older one.

    One version on where its limit changed, or where a marker became an account.
    """
    if customer.version <= account.customer_version:
        return account
    new = opened(customer)
    is_told = not account.exists or new.credit_limit != account.credit_limit
    return replace(
        new,
        version=account.version + is_told,
        balance=account.balance,
        reserved=account.reserved,
        past_due=account.past_due,
    )


def erased(account: Account, customer_version: int, now: datetime) -> Account:
    """The account after the erasure of its customer: the figures stay; the same for an older erasure."""
    if customer_version <= account.customer_version and not account.exists:
        return account
    return replace(
        account,
        customer_version=max(customer_version, account.customer_version),
        erased_at=account.erased_at or now,
    )
