from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.credit.policy import CreditPolicy
from services.credit.postings import Change, Reservation
from services.credit.reservations import Standing, decide, release
from shared.contracts.credit.events import CreditReserved, ReservationRefused
from tests.support.credit_builders import NOW, TODAY, an_account, an_order, cancelled

UNTOUCHED = Standing(None, None, order_version=0, past_due=Decimal(0), oldest_due_on=None)
LONG_AGO = Standing(None, None, 0, Decimal("10.00"), oldest_due_on=TODAY - timedelta(days=61))


def decided(order: dict[str, Any], account: dict[str, Any], standing: Standing = UNTOUCHED) -> Change:
    change = decide(an_order(**order), an_account(**account), standing, CreditPolicy(), NOW)
    assert change is not None
    return change


def outcome(order: dict[str, Any], account: dict[str, Any], standing: Standing = UNTOUCHED) -> str:
    (event,) = decided(order, account, standing).events
    return event.reason if isinstance(event, ReservationRefused) else "reserved"


@pytest.mark.parametrize(
    ("total", "expected"),
    [("300.00", "reserved"), ("300.01", "insufficient_credit"), ("0.01", "reserved")],
)
def test_an_order_may_take_all_that_is_left_of_the_limit(total: str, expected: str) -> None:
    account = {"credit_limit": Decimal("1000.00"), "balance": "500.00", "reserved": "200.00"}

    assert outcome({"total_amount": total}, account) == expected


def test_money_on_account_is_room_for_more_than_the_limit() -> None:
    account = {"credit_limit": Decimal("100.00"), "balance": "-50.00"}

    assert outcome({"total_amount": "150.00"}, account) == "reserved"
    assert outcome({"total_amount": "150.01"}, account) == "insufficient_credit"


def test_an_order_of_nothing_needs_no_room_but_no_less_either() -> None:
    assert outcome({"total_amount": "0.00"}, {"credit_limit": Decimal(0)}) == "reserved"
    assert outcome({"total_amount": "0.00"}, {"balance": "5000.00"}) == "insufficient_credit"


def test_no_limit_is_no_credit() -> None:
    assert outcome({"total_amount": "0.01"}, {"credit_limit": Decimal(0)}) == "insufficient_credit"


def test_a_prepaid_order_is_measured_by_neither_limit_nor_past_due_and_holds_nothing() -> None:
    change = decided({"payment_terms": "prepaid"}, {"credit_limit": Decimal(0)}, LONG_AGO)

    (event,) = change.events
    assert isinstance(event, CreditReserved)
    assert (event.amount, change.account.reserved) == (0, 0)
    assert change.reservation is not None
    assert (change.reservation.status, change.reservation.amount) == ("held", 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_active": False}, "customer_inactive"),
        ({"erased_at": NOW}, "unknown_customer"),
        ({"currency": "EUR"}, "currency_mismatch"),
    ],
)
def test_a_prepaid_order_needs_a_known_active_customer_and_its_currency(
    changes: dict[str, Any], reason: str
) -> None:
    assert outcome({"payment_terms": "prepaid"}, changes) == reason


def test_the_first_reason_is_given() -> None:
    account: dict[str, Any] = {
        "erased_at": NOW,
        "is_active": False,
        "currency": "EUR",
        "credit_limit": Decimal(0),
    }
    reasons = []
    for repaired in ("erased_at", "is_active", "currency", None):
        reasons.append(outcome({}, account, LONG_AGO))
        if repaired is not None:
            del account[repaired]
    reasons.append(outcome({}, account))

    assert reasons == [
        "unknown_customer",
        "customer_inactive",
        "currency_mismatch",
        "account_past_due",
        "insufficient_credit",
    ]


@pytest.mark.parametrize(("days", "expected"), [(60, "reserved"), (61, "account_past_due")])
def test_credit_is_blocked_by_what_is_more_than_sixty_days_past_due(days: int, expected: str) -> None:
    standing = Standing(None, None, 0, Decimal("10.00"), TODAY - timedelta(days=days))

    assert outcome({}, {}, standing) == expected


def test_how_many_days_block_is_a_setting() -> None:
    change = decide(an_order(), an_account(), LONG_AGO, CreditPolicy(past_due_block_days=61), NOW)

    assert change is not None
    assert isinstance(change.events[0], CreditReserved)


def test_the_numbers_of_a_refusal_show_that_nothing_changed() -> None:
    change = decided({"total_amount": "900.00"}, {"balance": "150.00", "reserved": "50.00", "version": 7})

    (refused,) = change.events
    assert isinstance(refused, ReservationRefused)
    assert (refused.version, refused.amount, refused.as_of) == (8, Decimal("900.00"), NOW)
    assert (refused.balance, refused.reserved) == (Decimal("150.00"), Decimal("50.00"))
    assert refused.available_before == refused.available_after == Decimal("800.00")
    assert (change.entries, change.account.exposure) == ((), Decimal("200.00"))


def test_an_order_is_decided_once() -> None:
    order = an_order()
    for status in ("held", "released", "refused"):
        known = Reservation(order.order_id, "cust_1", order.total_amount, status, None, NOW)  # type: ignore[arg-type]  # one of them
        standing = Standing(known, None, 1, Decimal(0), None)

        assert decide(order, an_account(), standing, CreditPolicy(), NOW) is None


def test_an_order_that_has_gone_on_without_credit_gets_none() -> None:
    standing = Standing(None, None, order_version=2, past_due=Decimal(0), oldest_due_on=None)

    assert decide(an_order(version=1), an_account(), standing, CreditPolicy(), NOW) is None


@pytest.mark.parametrize("status", [None, "released", "refused"])
def test_what_is_not_held_is_not_released(status: Any) -> None:
    order = an_order()
    known = Reservation(order.order_id, "cust_1", order.total_amount, status, None, NOW) if status else None

    assert release(cancelled(order), an_account(), known, "cancelled", NOW) is None
