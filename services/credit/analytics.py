"""What a customer owes and how it pays, in figures for whoever asks. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from services.credit.accounts import Account
from services.credit.audit import Facts, credit_file
from services.credit.scoring import CURRENT_MODEL, score
from services.credit.settlements import mean_days
from shared.contracts.credit.answers import CreditAnalytics, Risk
from shared.contracts.values import instant_in_answer
from shared.messaging import Answer

_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is kept of a customer, all of it as of one instant.

    Attributes:
        as_of: Since when the account's figures stand; None before the first.
        invoices, days: How many were settled in the period, and how many days they took together.
        facts_version: Of what is on file beside the account.
        risk: As remembered; None where what it was computed from has changed since.
        facts: Where there is no risk; else None.
    """

    account: Account
    as_of: datetime | None
    invoices: int
    days: int
    facts_version: int
    risk: Risk | None
    facts: Facts | None

    @property
    def exists(self) -> bool:
        """Whether there is such a customer still."""
        return self.account.exists


@dataclass(frozen=True, slots=True)
class Remembered:
    """A risk that holds still, and what it was computed of, as of a day."""

    account: Account
    facts: Facts
    as_of: date
    risk: Risk

    @property
    def true_risk(self) -> Risk:
        """As it is computed of that."""
        return score(credit_file(self.account, self.facts, self.as_of)).risk_assessment


def risk_of(figures: Figures, today: date) -> Risk:
    """The remembered risk, else as a credit check of today would assess it."""
    if figures.facts is None:
        if figures.risk is None:
            raise ValueError("nothing was read that a risk could be computed from")
        return figures.risk
    return score(credit_file(figures.account, figures.facts, today)).risk_assessment


def utilization(balance: Decimal, credit_limit: Decimal) -> Decimal:
    """Percent of the limit that the balance takes, one decimal, rounded half up, never negative.

    Of no limit a balance takes 100.0.
    """
    if balance <= 0:
        return Decimal("0.0")
    if not credit_limit:
        return Decimal("100.0")
    return (100 * balance / credit_limit).quantize(_TENTH, ROUND_HALF_UP)


def answer(figures: Figures, risk: Risk) -> Answer[CreditAnalytics]:
    """What is answered of it."""
    account = figures.account
    average = mean_days(figures.invoices, figures.days)
    members = (
        f'"current_balance":{account.balance:.2f}',
        f'"credit_limit":{account.credit_limit:.2f}',
        f'"credit_utilization":{utilization(account.balance, account.credit_limit)}',
        f'"avg_payment_days":{"null" if average is None else average}',
        f'"risk_score":"{risk}"',
        f'"model_version":"{CURRENT_MODEL}"',
        f'"as_of":{instant_in_answer(figures.as_of)}',
    )
    return Answer(f"{{{','.join(members)}}}".encode())
