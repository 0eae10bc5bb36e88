"""A credit check as it is kept: what it was made from, what came of it, and what follows. Pure."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from services.credit.accounts import Account, terms_days
from services.credit.reasons import SENTENCES
from services.credit.scoring import CURRENT_MODEL, WEIGHTS, Score, score
from shared.contracts.credit.answers import CreditFactor, CreditReason
from shared.contracts.credit.events import CreditCheckCompleted
from shared.contracts.credit.files import CreditFile, InvoiceOnFile, OrdersOnFile
from shared.messaging import Envelope, Value


class Heard(Value):
    """How far what is known of a customer goes.

    last_order_id, last_order_version: the last order and the newest event heard of it; null without one.
    ledger_position: of the account's last entry, null before the first.
    """

    last_order_id: str | None
    last_order_version: int | None
    ledger_position: int | None


class Facts(Value):
    """What is on file of a customer beside its account, as of a day; invoices by due date."""

    orders: OrdersOnFile
    invoices: tuple[InvoiceOnFile, ...]
    heard: Heard


@dataclass(frozen=True, slots=True)
class Asked:
    """A check that was asked for.

    Attributes:
        requested_by: Who asked at the gateway, else who sent the command.
        request_id: Names the conversation.
    """

    check_id: str
    requested_by: str
    request_id: str
    traceparent: str | None

    @classmethod
    def by(cls, envelope: Envelope, check_id: str) -> "Asked":
        """What the envelope of the command tells of it."""
        who = envelope.caller or envelope.source
        return cls(check_id, who, envelope.conversation, envelope.traceparent)


@dataclass(frozen=True)
class Check:
    """A finished check.

    Attributes:
        account: One version on, as the check leaves it.
        known: Of what versions everything was that it was made from.
        created_at: When it was made.
    """

    asked: Asked
    account: Account
    file: CreditFile
    score: Score
    known: dict[str, Any]
    created_at: datetime

    @cached_property
    def input(self) -> str:
        """The file as canonical JSON: members in declared order, no spaces, decimals as texts."""
        return self.file.model_dump_json()

    @property
    def input_sha256(self) -> bytes:
        """Of the canonical JSON in UTF-8."""
        return hashlib.sha256(self.input.encode()).digest()

    @property
    def factors(self) -> list[CreditFactor]:
        """With the weights of the model, in its order."""
        values = dict(self.score.factors)
        return [
            CreditFactor(name=name, weight=weight, value=values[name]) for name, weight in WEIGHTS.items()
        ]

    @property
    def reasons(self) -> list[CreditReason]:
        """With their sentences, the most costly first."""
        return [CreditReason(code=code, message=SENTENCES[code]) for code in self.score.reason_codes]

    @property
    def completed(self) -> CreditCheckCompleted:
        """The event, under the account's version."""
        return CreditCheckCompleted(
            customer_id=self.account.customer_id,
            check_id=self.asked.check_id,
            version=self.account.version,
            model_version=self.file.model,
            credit_score=self.score.credit_score,
            credit_rating=self.score.credit_rating,
            risk_assessment=self.score.risk_assessment,
            recommended_credit_limit=self.score.recommended_credit_limit,
        )


def credit_file(account: Account, facts: Facts, as_of: date) -> CreditFile:
    """What the current model scores the customer of an account by.

    Raises:
        ValueError: the account is a marker, of which no file can be made.
    """
    if account.customer_since is None:
        raise ValueError("no customer was ever known under this account")
    return CreditFile(
        model=CURRENT_MODEL,
        as_of=as_of,
        customer_since=account.customer_since.astimezone(UTC).date(),
        is_active=account.is_active,
        credit_limit=account.credit_limit,
        receivable_balance=account.balance,
        reserved=account.reserved,
        terms_days=terms_days(account.payment_terms),
        orders=facts.orders,
        invoices=facts.invoices,
    )


def check(account: Account, facts: Facts, asked: Asked, now: datetime) -> Check:
    """The check of an account, as of the day (UTC) that `now` falls on."""
    file = credit_file(account, facts, now.astimezone(UTC).date())
    versions = {"account_version": account.version, "customer_version": account.customer_version}
    return Check(
        asked=asked,
        account=replace(account, version=account.version + 1),
        file=file,
        score=score(file),
        known={**versions, **dict(facts.heard)},
        created_at=now,
    )
