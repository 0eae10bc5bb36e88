"""The scorecard: how good a customer's trade credit is, on the scale of 300 to 850, and what limit it bears.

Exact and without a clock: integers and fractions only, the same file gives the same score for ever. An expert
model, transparent and monotone, not calibrated by statistics: it predicts nothing (docs/decisions).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import TypeVar

from services.credit import reasons
from shared.contracts.credit.answers import Rating, Risk
from shared.contracts.credit.files import CreditFile, InvoiceOnFile
from shared.contracts.values import CENT, CREDIT_LIMIT_MAX, Amount
from shared.messaging import Value

TCS_1 = "tcs-1.0.0"
CURRENT_MODEL = TCS_1
"""What new checks are scored with."""


class Factors(Value):
    """What is scored, each 0..100, rounded down; higher is better."""

    payment_history: int
    utilization: int
    past_due: int
    relationship: int
    activity: int
    stability: int


class Score(Value):
    """What a scorecard makes of a credit file.

    credit_score: 300..850, `raw_score` held down by what `gates` say. points: 0..10,000, of all factors.
    recommended_credit_limit: in the account's currency; advice. thin_file: fewer than three settled invoices.
    reason_codes: at most four, gates first, then the factors by the points they cost. gates: the codes of
    all that apply, in their order.
    """

    credit_score: int
    raw_score: int
    points: int
    credit_rating: Rating
    risk_assessment: Risk
    recommended_credit_limit: Amount
    thin_file: bool
    factors: Factors
    reason_codes: tuple[str, ...]
    gates: tuple[str, ...]


# tcs-1.0.0: never edited in place; other weights are another version

WEIGHTS = {
    "payment_history": 35,
    "utilization": 20,
    "past_due": 10,
    "relationship": 15,
    "activity": 10,
    "stability": 10,
}

B = TypeVar("B")
Anchors = Sequence[tuple[int, int]]

# Days beyond terms; the early side is that of D&B PAYDEX, the late side about three times as steep.
_PAYING: Anchors = ((-30, 100), (-20, 90), (0, 80), (15, 50), (22, 35), (30, 20), (60, 10), (90, 0))
_USING: Anchors = ((10, 100), (30, 80), (50, 60), (75, 35), (90, 15), (100, 5))  # percent of the limit
_KNOWN: Anchors = ((0, 20), (6, 40), (12, 60), (24, 80), (60, 100))  # completed months
_ORDERS: Anchors = ((0, 0), (1, 20), (6, 60), (12, 80), (24, 100))  # in 365 days
_LAST_ORDER: Anchors = ((30, 100), (90, 60), (180, 30), (365, 0))  # days ago
_UNDONE: Anchors = ((0, 100), (5, 80), (10, 60), (25, 20), (50, 0))  # percent of all orders

_BUCKETS = ((91, Fraction(2)), (61, Fraction(3, 2)), (31, Fraction(1)), (1, Fraction(1, 2)))  # from days on
_HISTORY_MONTHS = 24
_FULL_FILE = 3  # experiences: D&B rates nobody with fewer
_NEUTRAL = 60
_ORDERS_TO_JUDGE_BY = 3
_REASONS_MAX = 4

_THRESHOLDS = {
    "payment_history": (80, reasons.PAYS_BEYOND_TERMS),
    "utilization": (80, reasons.HIGH_UTILIZATION),
    "past_due": (100, reasons.BALANCE_PAST_DUE),
    "relationship": (60, reasons.SHORT_RELATIONSHIP),
    "activity": (60, reasons.LOW_RECENT_ACTIVITY),
    "stability": (80, reasons.CANCELLATIONS_RETURNS),
}
"""Below which value a factor is a reason, and which one."""

_RATINGS: tuple[tuple[int, Rating], ...] = (
    (750, "excellent"),
    (700, "very_good"),
    (650, "good"),
    (580, "fair"),
    (0, "poor"),
)
_RISKS: tuple[tuple[int, Risk], ...] = ((700, "low"), (600, "medium"), (0, "high"))
_BY_RISK: tuple[Risk, ...] = ("low", "medium", "high")

_STEPS = {"excellent": Fraction(3, 2), "very_good": Fraction(5, 4), "good": Fraction(1)}
_CUTS = {"fair": Fraction(3, 4), "poor": Fraction(1, 2)}
_CEILING_MONTHS = {"excellent": 4, "very_good": 3, "good": 2}


@dataclass(frozen=True, slots=True)
class _Gate:
    """What holds a score down. cap: no score above it. risk: at least."""

    code: str
    cap: int = 850
    risk: Risk = "medium"


_DELINQUENT = (
    (91, _Gate(reasons.DELINQUENT_90, 579, "high")),
    (61, _Gate(reasons.DELINQUENT_60, 649)),
    (31, _Gate(reasons.DELINQUENT_30, 699)),
)
_LATE = tuple(
    (days, _Gate(reasons.PAYS_BEYOND_TERMS, cap, "low")) for days, cap in ((60, 579), (30, 649), (15, 699))
)
_INACTIVE = _Gate(reasons.ACCOUNT_INACTIVE)
_OVER_LIMIT = _Gate(reasons.OVER_LIMIT, 699)
_THIN = _Gate(reasons.INSUFFICIENT_HISTORY, 699)
_STALE = _Gate(reasons.STALE_HISTORY, 699)
_STALE_AFTER_DAYS = 180


@dataclass(frozen=True, slots=True)
class _Receivable:
    """An invoice as it stood. days_past_due: 0 where nothing is open or it is not due yet.

    experiences: days beyond terms and amount, of each payment in the window and of what is overdue.
    """

    open_amount: Fraction
    days_past_due: int
    experiences: tuple[tuple[int, Fraction], ...]
    is_settled: bool


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a file comes to. index, days_beyond_terms: weighted by money; None where nothing was observed."""

    receivables: Sequence[_Receivable]
    index: Fraction | None
    days_beyond_terms: Fraction | None
    worst_days: int
    is_thin: bool
    is_over_limit: bool
    days_since_order: int | None


def score(file: CreditFile) -> Score:
    """The score of a file, by the model that it names and as of the day it names.

    Payments dated after that day are left out; how punctual they were is told by those of the last 24 months.

    Raises:
        KeyError: the model is not one of `MODELS`.
    """
    return MODELS[file.model](file)


def _tcs_1(file: CreditFile) -> Score:
    standing = _standing(file)
    factors = _factors(file, standing)
    points = sum(weight * getattr(factors, name) for name, weight in WEIGHTS.items())
    raw = 300 + (550 * points + 5000) // 10000
    gates = _gates(file, standing)
    value = min([raw, *(gate.cap for gate in gates)])
    rating = _band(_RATINGS, value)
    return Score(
        credit_score=value,
        raw_score=raw,
        points=points,
        credit_rating=rating,
        risk_assessment=max([_band(_RISKS, value), *(g.risk for g in gates)], key=_BY_RISK.index),
        recommended_credit_limit=_recommended(file, standing, rating),
        thin_file=standing.is_thin,
        factors=factors,
        reason_codes=_reason_codes(file, standing, factors, gates),
        gates=tuple(gate.code for gate in gates),
    )


# What the file comes to


def _standing(file: CreditFile) -> _Standing:
    receivables = [_receivable(invoice, file.as_of) for invoice in file.invoices]
    experiences = [each for receivable in receivables for each in receivable.experiences]
    last_order_on = file.orders.last_order_on
    return _Standing(
        receivables=receivables,
        index=_weighted_mean([(_between(_PAYING, Fraction(days)), money) for days, money in experiences]),
        days_beyond_terms=_weighted_mean([(Fraction(days), money) for days, money in experiences]),
        worst_days=max((each.days_past_due for each in receivables), default=0),
        is_thin=sum(each.is_settled for each in receivables) < _FULL_FILE,
        is_over_limit=_exposure(file) > file.credit_limit,
        days_since_order=None if last_order_on is None else (file.as_of - last_order_on).days,
    )


def _receivable(invoice: InvoiceOnFile, as_of: date) -> _Receivable:
    since = _months_before(as_of, _HISTORY_MONTHS)
    payments = [each for each in invoice.payments if each.paid_on <= as_of]
    open_amount = max(Fraction(0), Fraction(invoice.amount) - sum(Fraction(each.amount) for each in payments))
    past_due = max(0, (as_of - invoice.due_on).days) if open_amount else 0
    paid = tuple(
        ((each.paid_on - invoice.due_on).days, Fraction(each.amount))
        for each in payments
        if each.paid_on >= since
    )
    overdue = ((past_due, open_amount),) if past_due else ()
    return _Receivable(open_amount, past_due, paid + overdue, is_settled=bool(paid) and not open_amount)


def _exposure(file: CreditFile) -> Decimal:
    return file.receivable_balance + file.reserved


def _weighted_mean(weighed: Sequence[tuple[Fraction, Fraction]]) -> Fraction | None:
    total = sum((weight for _, weight in weighed), Fraction(0))
    return sum((value * weight for value, weight in weighed), Fraction(0)) / total if total else None


def _months_before(day: date, months: int) -> date:
    """The same day so many whole years before; 28 February for the 29th."""
    year = day.year - months // 12
    return date(year, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _completed_months(since: date, until: date) -> int:
    months = 12 * (until.year - since.year) + until.month - since.month - (until.day < since.day)
    return max(0, months)


# Factors


def _factors(file: CreditFile, standing: _Standing) -> Factors:
    return Factors(
        payment_history=floor(_payment_history(standing)),
        utilization=floor(_utilization(file)),
        past_due=floor(_past_due(standing)),
        relationship=floor(_between(_KNOWN, Fraction(_completed_months(file.customer_since, file.as_of)))),
        activity=floor(_activity(file, standing)),
        stability=floor(_stability(file)),
    )


def _payment_history(standing: _Standing) -> Fraction:
    if standing.index is None:
        return Fraction(_NEUTRAL)
    if not standing.is_thin:
        return standing.index
    told = sum(each.is_settled or each.days_past_due > 0 for each in standing.receivables)
    known = min(_FULL_FILE, told)
    return (known * standing.index + (_FULL_FILE - known) * _NEUTRAL) / _FULL_FILE


def _utilization(file: CreditFile) -> Fraction:
    exposure = _exposure(file)
    if exposure <= 0:
        return Fraction(100)
    if exposure > file.credit_limit:
        return Fraction(0)
    return _between(_USING, Fraction(exposure) / Fraction(file.credit_limit) * 100)


def _past_due(standing: _Standing) -> Fraction:
    open_amount = sum((each.open_amount for each in standing.receivables), Fraction(0))
    overdue = sum((_weighed(each) for each in standing.receivables), Fraction(0))
    return 100 - min(Fraction(100), overdue / open_amount * 100) if open_amount else Fraction(100)


def _weighed(receivable: _Receivable) -> Fraction:
    weights = (weight for days, weight in _BUCKETS if receivable.days_past_due >= days)
    return receivable.open_amount * next(weights, Fraction(0))


def _activity(file: CreditFile, standing: _Standing) -> Fraction:
    if standing.days_since_order is None:
        return Fraction(0)
    frequency = _between(_ORDERS, Fraction(file.orders.accepted))
    return min(frequency, _between(_LAST_ORDER, Fraction(standing.days_since_order)))


def _stability(file: CreditFile) -> Fraction:
    undone, orders = file.orders.cancelled_or_returned, _orders(file)
    if orders < _ORDERS_TO_JUDGE_BY:
        return Fraction(_NEUTRAL)
    return _between(_UNDONE, Fraction(undone, orders) * 100)


def _orders(file: CreditFile) -> int:
    return file.orders.accepted + file.orders.cancelled_or_returned


def _between(anchors: Anchors, x: Fraction) -> Fraction:
    """On straight lines between the anchors, level beyond them."""
    (first, start), (_, end) = anchors[0], anchors[-1]
    if x <= first:
        return Fraction(start)
    for (left, y), (right, z) in pairwise(anchors):
        if x <= right:
            return y + (z - y) * (x - left) / (right - left)
    return Fraction(end)


# Gates, bands, reasons, recommendation


def _gates(file: CreditFile, standing: _Standing) -> list[_Gate]:
    """Those that apply, in the order in which they are told."""
    beyond, since_order = standing.days_beyond_terms, standing.days_since_order
    delinquent = next((gate for days, gate in _DELINQUENT if standing.worst_days >= days), None)
    late = next((gate for days, gate in _LATE if beyond is not None and beyond >= days), None)
    found = (
        None if file.is_active else _INACTIVE,
        delinquent,
        late,
        _OVER_LIMIT if standing.is_over_limit else None,
        _THIN if standing.is_thin else None,
        _STALE if since_order is not None and since_order > _STALE_AFTER_DAYS else None,
    )
    return [gate for gate in found if gate is not None]


def _reason_codes(
    file: CreditFile, standing: _Standing, factors: Factors, gates: Sequence[_Gate]
) -> tuple[str, ...]:
    lost = {name: weight * (100 - getattr(factors, name)) for name, weight in WEIGHTS.items()}
    costly = sorted(WEIGHTS, key=lambda name: -lost[name])  # stable: ties stay in the order of the factors
    below = [_THRESHOLDS[name][1] for name in costly if getattr(factors, name) < _THRESHOLDS[name][0]]
    told = {
        reasons.PAYS_BEYOND_TERMS: standing.index is not None and standing.index < 80,
        reasons.CANCELLATIONS_RETURNS: _orders(file) >= _ORDERS_TO_JUDGE_BY,
    }
    codes = [gate.code for gate in gates] + [code for code in below if told.get(code, True)]
    return tuple(dict.fromkeys(codes))[:_REASONS_MAX]


def _recommended(file: CreditFile, standing: _Standing, rating: Rating) -> Decimal:
    limit, worst = Fraction(file.credit_limit), standing.worst_days
    if not file.is_active or worst > 90:
        return Decimal("0.00")
    if standing.is_thin:
        is_kept = worst <= 30 and not standing.is_over_limit
        return _money(limit if is_kept else _two_figures(limit / 2))
    if rating in _CUTS:
        return _money(_two_figures(limit * _CUTS[rating]))
    if standing.is_over_limit:
        return _money(limit)
    return _money(max(_two_figures(_candidate(file, rating)), limit))


def _candidate(file: CreditFile, rating: Rating) -> Fraction:
    """What the need and the capacity of a customer who may have more come to."""
    purchases = Fraction(file.orders.purchases)
    months = min(12, max(1, _completed_months(file.customer_since, file.as_of)))
    need = purchases / months * (file.terms_days + 15) / 30  # terms, and half a month of billing
    wished = max(Fraction(file.credit_limit) * _STEPS[rating], need)
    return min(wished, _CEILING_MONTHS[rating] * purchases / 12, Fraction(CREDIT_LIMIT_MAX))


def _two_figures(amount: Fraction) -> Fraction:
    """Rounded down to two significant figures: scale-free, so that no currency is favoured; 0 below 10."""
    whole = floor(amount)
    if whole < 10:
        return Fraction(0)
    unit = 10 ** (len(str(whole)) - 2)
    return Fraction(whole // unit * unit)


def _money(amount: Fraction) -> Decimal:
    return (Decimal(floor(amount * 100)) / 100).quantize(CENT)


def _band(bands: Sequence[tuple[int, B]], value: int) -> B:
    return next(band for low, band in bands if value >= low)


MODELS: Mapping[str, Callable[[CreditFile], Score]] = {TCS_1: _tcs_1}
"""Every scorecard that a check was ever made with, by its version."""
