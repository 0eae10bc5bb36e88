import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.credit import reasons
from services.credit.reasons import SENTENCES
from services.credit.scoring import WEIGHTS, score
from shared.contracts.credit.files import CreditFile, InvoiceOnFile, PaymentOnFile
from tests.support.credit_file_builders import (
    AS_OF,
    a_credit_file,
    a_paid_invoice,
    an_invoice,
    days_ago,
    paid_invoices,
    some_orders,
)
from tests.support.servers import PROJECT

CASES = json.loads((PROJECT / "tests/data/scorecard_cases.json").read_text())
FULL = paid_invoices()
HITS = {
    579: (14, 2024, 52),
    580: (11, 2024, 62),
    599: (14, 2024, 34),
    600: (14, 2024, 33),
    649: (14, 2023, 19),
    650: (14, 2023, 18),
    670: (14, 2017, 30),
    699: (0, 2023, 22),
    700: (0, 2023, 21),
    720: (0, 2017, 33),
    749: (-10, 2017, 16),
    750: (-10, 2017, 15),
}
"""Days from due date to payment, customer since, and percent of the limit in use, by the score they make."""


def shown(file: CreditFile) -> dict[str, Any]:
    """As the command line prints it."""
    told: dict[str, Any] = json.loads(score(file).model_dump_json(exclude={"gates"}))
    return told


def a_file_scoring(value: int) -> CreditFile:
    """Of a customer with one order and without any gate; in `HITS` stands what makes just this score."""
    late_by, since, percent_in_use = HITS[value]
    file = a_credit_file(
        *paid_invoices(late_by),
        customer_since=date(since, 1, 1),
        receivable_balance=Decimal(200 * percent_in_use),
        orders=some_orders(accepted=1),
    )
    assert (score(file).credit_score, score(file).gates) == (value, ())
    return file


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_published_case_scores_as_it_says(case: dict[str, Any]) -> None:
    file = CreditFile.model_validate_json(json.dumps(case["input"]))

    assert shown(file) == case["expected"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_file_is_written_as_it_was_read(case: dict[str, Any]) -> None:
    text = json.dumps(case["input"], separators=(",", ":"))

    assert CreditFile.model_validate_json(text).model_dump_json() == text


@pytest.mark.parametrize(
    ("late_by", "value"),
    [
        *((-31, 100), (-30, 100), (-25, 95), (-20, 90), (-3, 81), (0, 80), (1, 78), (15, 50), (22, 35)),
        *((30, 20), (45, 15), (60, 10), (75, 5), (90, 0), (120, 0)),
    ],
)
def test_payment_history_follows_the_days_from_due_date_to_payment(late_by: int, value: int) -> None:
    assert score(a_credit_file(*paid_invoices(late_by))).factors.payment_history == value


def test_payments_are_weighted_by_their_amounts() -> None:
    large, small = a_paid_invoice(0, amount="9000.00"), a_paid_invoice(90, amount="500.00")

    assert score(a_credit_file(large, small, small)).factors.payment_history == 72


def test_what_is_overdue_and_open_counts_like_a_payment_of_today() -> None:
    file = a_credit_file(*FULL, an_invoice("3000.00", due_days_ago=90))

    assert score(file).factors.payment_history == 40


def test_what_is_open_and_due_today_is_not_late() -> None:
    factors = score(a_credit_file(*FULL, an_invoice("9000.00", due_days_ago=0))).factors

    assert (factors.payment_history, factors.past_due) == (80, 100)


@pytest.mark.parametrize(
    ("paid_on", "counts"),
    [(date(2022, 1, 15), True), (date(2022, 1, 14), False), (AS_OF, True), (date(2024, 1, 16), False)],
)
def test_payments_count_from_the_same_day_two_years_before_to_the_day_itself(
    paid_on: date, counts: bool
) -> None:
    paid = PaymentOnFile(paid_on=paid_on, amount=Decimal("1000.00"))
    invoice = InvoiceOnFile(amount=Decimal("1000.00"), due_on=date(2024, 1, 20), payments=(paid,))

    assert score(a_credit_file(invoice, invoice, invoice)).thin_file is not counts


def test_two_years_before_a_leap_day_is_the_last_of_february() -> None:
    paid = PaymentOnFile(paid_on=date(2022, 2, 28), amount=Decimal("1000.00"))
    invoice = InvoiceOnFile(amount=Decimal("1000.00"), due_on=date(2022, 2, 28), payments=(paid,))

    assert not score(a_credit_file(invoice, invoice, invoice, as_of=date(2024, 2, 29))).thin_file


def test_an_old_payment_tells_nothing_but_lowers_what_is_open() -> None:
    old = an_invoice("1000.00", due_days_ago=800, paid="1000.00")
    with_old, without = score(a_credit_file(*FULL, old)), score(a_credit_file(*FULL))

    assert with_old == without


@pytest.mark.parametrize(
    ("balance", "reserved", "value"),
    [
        *(
            ("-1.00", "0.00", 100),
            ("0.00", "0.00", 100),
            ("1000.00", "1000.00", 100),
            ("4000.00", "2000.00", 80),
        ),
        *(("10000.00", "0.00", 60), ("15000.00", "0.00", 35), ("18000.00", "0.00", 15)),
        *(("20000.00", "0.00", 5), ("20000.00", "0.01", 0), ("-500.00", "20500.00", 5)),
    ],
)
def test_utilization_is_receivables_and_reservations_in_percent_of_the_limit(
    balance: str, reserved: str, value: int
) -> None:
    file = a_credit_file(receivable_balance=Decimal(balance), reserved=Decimal(reserved))

    assert score(file).factors.utilization == value


@pytest.mark.parametrize(("balance", "value"), [("-1.00", 100), ("0.00", 100), ("0.01", 0)])
def test_without_a_limit_any_exposure_is_over_it(balance: str, value: int) -> None:
    scored = score(a_credit_file(credit_limit=Decimal(0), receivable_balance=Decimal(balance)))

    assert scored.factors.utilization == value
    assert (reasons.OVER_LIMIT in scored.gates) is (value == 0)


@pytest.mark.parametrize(
    ("days", "value"),
    [(0, 100), (1, 95), (30, 95), (31, 90), (60, 90), (61, 85), (90, 85), (91, 80), (500, 80)],
)
def test_a_tenth_of_the_receivables_past_due_costs_more_the_older_it_is(days: int, value: int) -> None:
    file = a_credit_file(an_invoice("900.00", due_days_ago=0), an_invoice("100.00", due_days_ago=days))

    assert score(file).factors.past_due == value


def test_past_due_is_at_worst_nothing() -> None:
    assert score(a_credit_file(an_invoice(due_days_ago=91))).factors.past_due == 0


@pytest.mark.parametrize(
    ("since", "as_of", "value"),
    [
        ((2024, 1, 15), (2024, 1, 15), 20),
        ((2024, 1, 16), (2024, 1, 15), 20),
        ((2023, 7, 15), (2024, 1, 15), 40),
        ((2023, 7, 16), (2024, 1, 15), 36),
        ((2023, 1, 15), (2024, 1, 15), 60),
        ((2022, 1, 15), (2024, 1, 15), 80),
        ((2019, 1, 15), (2024, 1, 15), 100),
        ((2000, 1, 15), (2024, 1, 15), 100),
        ((2023, 8, 31), (2023, 9, 30), 20),
        ((2023, 8, 31), (2023, 10, 1), 23),
    ],
)
def test_relationship_grows_with_completed_months(
    since: tuple[int, int, int], as_of: tuple[int, int, int], value: int
) -> None:
    file = a_credit_file(customer_since=date(*since), as_of=date(*as_of))

    assert score(file).factors.relationship == value


@pytest.mark.parametrize(
    ("accepted", "last_order_days_ago", "value"),
    [
        *((0, 0, 0), (1, 0, 20), (6, 0, 60), (12, 0, 80), (24, 0, 100), (99, 30, 100)),
        *((99, 31, 99), (99, 90, 60), (99, 180, 30), (99, 365, 0), (6, 60, 60), (99, 400, 0)),
    ],
)
def test_activity_is_the_lower_of_how_many_orders_and_how_recent(
    accepted: int, last_order_days_ago: int, value: int
) -> None:
    orders = some_orders(accepted=accepted, last_order_on=days_ago(last_order_days_ago))

    assert score(a_credit_file(orders=orders)).factors.activity == value


def test_without_any_order_there_is_no_activity_and_nothing_is_stale() -> None:
    scored = score(a_credit_file(orders=some_orders(accepted=0, purchases=Decimal(0), last_order_on=None)))

    assert scored.factors.activity == 0
    assert reasons.STALE_HISTORY not in scored.gates


@pytest.mark.parametrize(
    ("accepted", "undone", "value"),
    [
        *((0, 0, 60), (2, 0, 60), (0, 2, 60), (3, 0, 100), (2, 1, 13), (19, 1, 80), (9, 1, 60)),
        *((3, 1, 20), (2, 2, 0), (0, 3, 0)),
    ],
)
def test_stability_falls_with_the_share_of_orders_undone_and_needs_three(
    accepted: int, undone: int, value: int
) -> None:
    orders = some_orders(accepted=accepted, cancelled_or_returned=undone)

    assert score(a_credit_file(orders=orders)).factors.stability == value


@pytest.mark.parametrize(("settled", "history", "is_thin"), [(0, 60, True), (1, 66, True), (2, 73, True)])
def test_a_thin_file_is_filled_up_with_neutral_history(settled: int, history: int, is_thin: bool) -> None:
    invoices = [*paid_invoices(count=settled), an_invoice(due_days_ago=-10)]
    scored = score(a_credit_file(*invoices))

    assert (scored.factors.payment_history, scored.thin_file) == (history, is_thin)
    assert reasons.INSUFFICIENT_HISTORY in scored.gates


def test_an_overdue_invoice_is_an_experience_of_a_thin_file() -> None:
    scored = score(a_credit_file(an_invoice(due_days_ago=30)))

    assert scored.factors.payment_history == (20 + 60 + 60) // 3


def test_a_part_payment_of_what_is_not_due_settles_nothing() -> None:
    scored = score(a_credit_file(an_invoice("100.00", due_days_ago=-10, paid="99.99", late_by=-30)))

    assert (scored.thin_file, scored.factors.payment_history) == (True, 60)


@pytest.mark.parametrize(
    ("days", "cap", "risk", "code"),
    [
        (31, 699, "medium", reasons.DELINQUENT_30),
        (60, 699, "medium", reasons.DELINQUENT_30),
        (61, 649, "medium", reasons.DELINQUENT_60),
        (90, 649, "medium", reasons.DELINQUENT_60),
        (91, 579, "high", reasons.DELINQUENT_90),
    ],
)
def test_the_worst_open_invoice_caps_the_score(days: int, cap: int, risk: str, code: str) -> None:
    scored = score(a_credit_file(*FULL, *FULL, an_invoice("50.00", due_days_ago=days)))

    assert scored.raw_score > cap
    assert (scored.credit_score, scored.risk_assessment, scored.reason_codes[0]) == (cap, risk, code)
    assert scored.gates == (code,)


def test_an_open_invoice_of_30_days_past_due_is_no_gate() -> None:
    assert score(a_credit_file(*FULL, an_invoice("50.00", due_days_ago=30))).gates == ()


@pytest.mark.parametrize(
    ("late_by", "cap"), [(14, None), (15, 699), (29, 699), (30, 649), (59, 649), (60, 579)]
)
def test_paying_late_on_average_caps_the_score(late_by: int, cap: int | None) -> None:
    scored = score(a_credit_file(*paid_invoices(late_by)))

    assert scored.gates == (() if cap is None else (reasons.PAYS_BEYOND_TERMS,))
    assert scored.credit_score == min(scored.raw_score, cap or 850)


def test_an_average_that_falls_short_by_cents_is_no_gate() -> None:
    file = a_credit_file(*paid_invoices(15), a_paid_invoice(14, amount="0.01"))

    assert score(file).gates == ()


@pytest.mark.parametrize(("days", "is_stale"), [(180, False), (181, True)])
def test_more_than_180_days_without_an_order_make_a_file_stale(days: int, is_stale: bool) -> None:
    scored = score(a_credit_file(orders=some_orders(last_order_on=days_ago(days))))

    assert (reasons.STALE_HISTORY in scored.gates) is is_stale
    assert scored.credit_score == min(scored.raw_score, 699 if is_stale else 850)


def test_an_inactive_customer_keeps_its_score_at_a_risk_of_its_own() -> None:
    active, inactive = score(a_credit_file()), score(a_credit_file(is_active=False))

    assert inactive.credit_score == active.credit_score
    assert (active.risk_assessment, inactive.risk_assessment) == ("low", "medium")
    assert inactive.reason_codes[0] == reasons.ACCOUNT_INACTIVE


def test_gates_are_told_in_their_order_and_at_most_four_reasons() -> None:
    scored = score(
        a_credit_file(
            an_invoice(due_days_ago=200),
            is_active=False,
            receivable_balance=Decimal("30000.00"),
            orders=some_orders(last_order_on=days_ago(300)),
        )
    )

    assert scored.gates == (
        reasons.ACCOUNT_INACTIVE,
        reasons.DELINQUENT_90,
        reasons.PAYS_BEYOND_TERMS,
        reasons.OVER_LIMIT,
        reasons.INSUFFICIENT_HISTORY,
        reasons.STALE_HISTORY,
    )
    assert scored.reason_codes == scored.gates[:4]


def test_factors_are_reasons_by_the_points_they_cost() -> None:
    scored = score(
        a_credit_file(
            *paid_invoices(late_by=2),
            customer_since=date(2023, 12, 1),
            receivable_balance=Decimal("7000.00"),
            orders=some_orders(accepted=4, cancelled_or_returned=1),
        )
    )

    assert scored.reason_codes == (
        reasons.SHORT_RELATIONSHIP,
        reasons.PAYS_BEYOND_TERMS,
        reasons.CANCELLATIONS_RETURNS,
        reasons.LOW_RECENT_ACTIVITY,
    )


def test_factors_that_cost_as_much_are_told_in_their_order() -> None:
    orders = some_orders(accepted=1, cancelled_or_returned=0, last_order_on=days_ago(90))
    file = a_credit_file(
        *FULL, an_invoice("800.00", due_days_ago=1), an_invoice("200.00", due_days_ago=-1), orders=orders
    )
    scored = score(file)
    lost = {name: WEIGHTS[name] * (100 - getattr(scored.factors, name)) for name in WEIGHTS}

    assert (lost["past_due"], lost["stability"]) == (400, 400)
    assert scored.reason_codes[:2] == (reasons.LOW_RECENT_ACTIVITY, reasons.PAYS_BEYOND_TERMS)


def test_neutral_history_and_few_orders_are_no_reproach() -> None:
    scored = score(a_credit_file(an_invoice(due_days_ago=-1), orders=some_orders(accepted=2)))

    assert scored.factors.payment_history == 60
    assert scored.factors.stability == 60
    assert not {reasons.PAYS_BEYOND_TERMS, reasons.CANCELLATIONS_RETURNS} & set(scored.reason_codes)


@pytest.mark.parametrize(
    ("changes", "recommended"),
    [
        ({"orders": some_orders(accepted=30, purchases=Decimal("120000.00"))}, "30000.00"),
        ({"orders": some_orders(accepted=30, purchases=Decimal("75000.00"))}, "25000.00"),
        ({"orders": some_orders(accepted=30, purchases=Decimal("77777.00"))}, "25000.00"),
        ({"orders": some_orders(accepted=30, purchases=Decimal("600000.00"))}, "75000.00"),
        ({"orders": some_orders(accepted=30, purchases=Decimal("1200.00"))}, "20000.00"),
        ({"credit_limit": Decimal("12345.67"), "receivable_balance": Decimal("0.00")}, "12345.67"),
        ({"receivable_balance": Decimal("24000.00")}, "20000.00"),
        ({"is_active": False}, "0.00"),
    ],
)
def test_a_good_customer_may_have_what_it_needs_and_can_bear(
    changes: dict[str, object], recommended: str
) -> None:
    assert score(a_credit_file(**changes)).recommended_credit_limit == Decimal(recommended)


def test_the_need_of_a_young_customer_is_that_of_its_months() -> None:
    orders = some_orders(accepted=30, purchases=Decimal("45000.00"))
    file = a_credit_file(
        *paid_invoices(-25),
        customer_since=date(2023, 10, 1),
        credit_limit=Decimal("5000.00"),
        receivable_balance=Decimal(0),
        orders=orders,
    )

    assert score(file).credit_rating == "excellent"
    assert score(file).recommended_credit_limit == Decimal(
        "15000.00"
    )  # 15,000 a month x 1.5, at most 4 of 3,750


@pytest.mark.parametrize(
    ("late_by", "rating", "recommended"), [(30, "fair", "15000.00"), (90, "poor", "10000.00")]
)
def test_a_customer_who_is_less_than_good_should_have_less(
    late_by: int, rating: str, recommended: str
) -> None:
    scored = score(a_credit_file(*paid_invoices(late_by)))

    assert (scored.credit_rating, scored.recommended_credit_limit) == (rating, Decimal(recommended))


@pytest.mark.parametrize(
    ("limit", "recommended"),
    [("12345.67", "6100.00"), ("199.98", "99.00"), ("19.98", "0.00"), ("20.00", "10.00"), ("0.00", "0.00")],
)
def test_cuts_are_rounded_down_to_two_figures_and_to_nothing_below_ten(limit: str, recommended: str) -> None:
    file = a_credit_file(*paid_invoices(90), credit_limit=Decimal(limit), receivable_balance=Decimal(0))

    assert score(file).recommended_credit_limit == Decimal(recommended)


@pytest.mark.parametrize(
    ("days", "balance", "recommended"),
    [
        (30, "4000.00", "20000.00"),
        (31, "4000.00", "10000.00"),
        (30, "24000.00", "10000.00"),
        (91, "0.00", "0.00"),
    ],
)
def test_a_thin_file_keeps_its_limit_unless_something_is_wrong(
    days: int, balance: str, recommended: str
) -> None:
    file = a_credit_file(an_invoice("50.00", due_days_ago=days), receivable_balance=Decimal(balance))

    assert score(file).recommended_credit_limit == Decimal(recommended)


@pytest.mark.parametrize(
    ("value", "rating", "risk"),
    [
        *((579, "poor", "high"), (580, "fair", "high"), (599, "fair", "high"), (600, "fair", "medium")),
        *((649, "fair", "medium"), (650, "good", "medium"), (699, "good", "medium")),
        *((700, "very_good", "low"), (749, "very_good", "low"), (750, "excellent", "low")),
    ],
)
def test_rating_and_risk_are_read_from_the_score(value: int, rating: str, risk: str) -> None:
    scored = score(a_file_scoring(value))

    assert (scored.credit_rating, scored.risk_assessment) == (rating, risk)


def test_a_score_that_lies_halfway_is_rounded_up() -> None:
    scored = score(
        a_credit_file(
            *paid_invoices(14),
            customer_since=date(2024, 1, 1),
            receivable_balance=Decimal("2200.00"),
            orders=some_orders(accepted=1),
        )
    )

    assert (scored.points, scored.raw_score) == (5900, 625)  # 324.5 above 300


@pytest.mark.parametrize(
    ("value", "purchases", "terms_days", "recommended"),
    [
        *((720, "150000.00", 30, "25000.00"), (720, "96000.00", 30, "24000.00")),
        *((670, "150000.00", 30, "20000.00"), (670, "200000.00", 30, "25000.00")),
        (670, "132000.00", 90, "22000.00"),
    ],
)
def test_steps_and_ceilings_are_those_of_the_rating(
    value: int, purchases: str, terms_days: int, recommended: str
) -> None:
    file = a_file_scoring(value)
    orders = file.orders.model_copy(update={"purchases": Decimal(purchases)})

    scored = score(file.model_copy(update={"orders": orders, "terms_days": terms_days}))

    assert scored.recommended_credit_limit == Decimal(recommended)


@pytest.mark.parametrize(
    ("changes", "value", "code"),
    [
        ({"receivable_balance": Decimal("6000.00")}, ("utilization", 80), None),
        ({"receivable_balance": Decimal("6200.00")}, ("utilization", 79), reasons.HIGH_UTILIZATION),
        ({"customer_since": date(2023, 1, 15)}, ("relationship", 60), None),
        ({"customer_since": date(2023, 1, 16)}, ("relationship", 56), reasons.SHORT_RELATIONSHIP),
        ({"orders": some_orders(last_order_on=days_ago(90))}, ("activity", 60), None),
        ({"orders": some_orders(last_order_on=days_ago(91))}, ("activity", 59), reasons.LOW_RECENT_ACTIVITY),
        ({"orders": some_orders(accepted=19, cancelled_or_returned=1)}, ("stability", 80), None),
        (
            {"orders": some_orders(accepted=37, cancelled_or_returned=2)},
            ("stability", 79),
            reasons.CANCELLATIONS_RETURNS,
        ),
    ],
)
def test_a_factor_is_a_reason_below_its_threshold(
    changes: dict[str, object], value: tuple[str, int], code: str | None
) -> None:
    scored = score(a_credit_file(**changes))

    assert getattr(scored.factors, value[0]) == value[1]
    assert scored.reason_codes == (() if code is None else (code,))


def test_every_reason_has_a_sentence_that_says_more_than_that_the_score_is_low() -> None:
    codes = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}

    assert set(SENTENCES) == codes
    assert not any("score" in sentence.lower() for sentence in SENTENCES.values())
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_the_weights_are_a_hundred_in_all() -> None:
    assert sum(WEIGHTS.values()) == 100
