from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.credit.accounts import terms_days
from services.credit.receivables import as_wished, due_on, issue, lower, oldest_first, overdue
from shared.contracts.credit.events import InvoiceIssued, InvoiceOverdue, InvoiceSettled, PaymentRecorded
from tests.support.credit_builders import TODAY, an_account, an_open_invoice, some_money


@pytest.mark.parametrize(
    ("terms", "days"),
    [
        ("due_on_receipt", 0),
        ("prepaid", 0),
        ("net_7", 7),
        ("net_10", 10),
        ("net_15", 15),
        ("net_30", 30),
        ("net_45", 45),
        ("net_60", 60),
        ("net_90", 90),
    ],
)
def test_terms_are_days_from_the_invoice_date(terms: Any, days: int) -> None:
    assert terms_days(terms) == days
    assert (due_on(date(2024, 2, 20), terms) - date(2024, 2, 20)).days == days


def invoices_by_id(*named: tuple[str, date, date]) -> list[Any]:
    return [an_open_invoice(name, due_on=due, invoice_date=issued) for name, due, issued in named]


def test_money_goes_oldest_due_first_then_oldest_then_by_id() -> None:
    early, late = date(2024, 1, 1), date(2024, 2, 1)
    invoices = invoices_by_id(
        ("inv_4", late, early), ("inv_3", early, late), ("inv_2", early, early), ("inv_1", early, early)
    )

    shares = oldest_first(Decimal("350.00"), invoices)

    assert [(each.invoice_id, str(share)) for each, share in shares] == [
        ("inv_1", "100.00"),
        ("inv_2", "100.00"),
        ("inv_3", "100.00"),
        ("inv_4", "50.00"),
    ]


def test_nobody_gets_more_than_is_open() -> None:
    half_paid = an_open_invoice(paid="40.00")

    assert oldest_first(Decimal("500.00"), [half_paid]) == [(half_paid, Decimal("60.00"))]
    assert as_wished([(half_paid, Decimal("500.00"))]) == [(half_paid, Decimal("60.00"))]


def test_wishes_for_one_invoice_are_one_share_and_for_none_are_nobody_s() -> None:
    one, two = an_open_invoice("inv_1"), an_open_invoice("inv_2")
    wishes = [(one, Decimal(10)), (None, Decimal(50)), (two, Decimal(20)), (one, Decimal(5))]

    assert as_wished(wishes) == [(one, Decimal("15.00")), (two, Decimal("20.00"))]


def test_a_settled_invoice_gets_nothing() -> None:
    settled = an_open_invoice(paid="100.00", settled_on=TODAY)

    assert oldest_first(Decimal(10), [settled]) == []
    assert as_wished([(settled, Decimal(10))]) == []


def settled_by(money: Any, **invoice: Any) -> InvoiceSettled:
    before = an_open_invoice(**invoice)
    change = lower(an_account(balance="100.00"), money, [(before, before.open_amount)], TODAY)
    event = change.events[-1]
    assert isinstance(event, InvoiceSettled)
    return event


def test_an_invoice_is_settled_on_the_day_of_the_money() -> None:
    event = settled_by(some_money(at=datetime(2024, 2, 20, 23, 30, tzinfo=UTC)))

    assert (event.settled_on, event.days_to_pay) == (date(2024, 2, 20), 19)


def test_days_are_those_of_utc() -> None:
    assert settled_by(some_money(at=datetime.fromisoformat("2024-02-20T00:30:00+02:00"))).days_to_pay == 18


def test_money_from_before_the_invoice_settles_it_on_its_own_day_after_no_days() -> None:
    event = settled_by(some_money(at=datetime(2024, 1, 1, tzinfo=UTC)))

    assert (event.settled_on, event.days_to_pay) == (date(2024, 2, 1), 0)


def test_an_invoice_is_settled_on_the_day_of_its_last_payment_whichever_is_recorded_last() -> None:
    paid_before = {"paid": "60.00", "last_paid_on": date(2024, 2, 25)}

    event = settled_by(some_money("40.00", at=datetime(2024, 2, 11, tzinfo=UTC)), **paid_before)

    assert (event.settled_on, event.days_to_pay) == (date(2024, 2, 25), 24)


@pytest.mark.parametrize("kind", ["credit_note", "write_off"])
def test_days_to_pay_count_payments_alone(kind: str) -> None:
    at = datetime(2024, 3, 10, tzinfo=UTC)

    assert settled_by(some_money(kind=kind, at=at)).days_to_pay is None
    paid_before = {"paid": "60.00", "last_paid_on": date(2024, 2, 11)}
    event = settled_by(some_money("40.00", kind=kind, at=at), **paid_before)
    assert (event.settled_on, event.days_to_pay) == (date(2024, 3, 10), 10)


def test_a_partial_payment_leaves_the_invoice_open() -> None:
    invoice = an_open_invoice()

    change = lower(
        an_account(balance="100.00", past_due="100.00"),
        some_money("30.00"),
        [(invoice, Decimal("30.00"))],
        TODAY,
    )

    (after,) = change.invoices
    assert (after.open_amount, after.settled_on, after.last_paid_on) == (
        Decimal("70.00"),
        None,
        date(2024, 3, 14),
    )
    assert [type(event) for event in change.events] == [PaymentRecorded]
    assert (change.account.balance, change.account.past_due) == (Decimal("70.00"), Decimal("70.00"))


def test_what_is_not_due_yet_is_not_past_due() -> None:
    invoice = an_open_invoice(due_on=TODAY)

    change = lower(an_account(balance="100.00"), some_money(), [(invoice, Decimal("100.00"))], TODAY)

    assert change.account.past_due == 0
    issued = issue(an_account(), an_open_invoice(due_on=TODAY), [], TODAY)
    assert issued.account.past_due == 0


def test_an_invoice_takes_money_on_account_until_it_is_settled() -> None:
    monies = [some_money(amount, id=name) for name, amount in (("1", "70.00"), ("2", "50.00"), ("3", "5.00"))]

    change = issue(an_account(balance="-125.00"), an_open_invoice(), monies, TODAY)

    assert [(each.id, str(each.on_account)) for each in change.money] == [("1", "0.00"), ("2", "20.00")]
    assert [str(each.amount) for each in change.taken] == ["70.00", "30.00"]
    assert [type(event) for event in change.events] == [InvoiceIssued, InvoiceSettled]
    assert (change.account.balance, change.account.past_due) == (Decimal("-25.00"), 0)


def test_every_event_has_a_version_of_its_own_and_the_account_the_last() -> None:
    shares = [(an_open_invoice(f"inv_{number}"), Decimal("100.00")) for number in range(3)]

    change = lower(an_account(version=4), some_money("300.00"), shares, TODAY)

    versions = [event.version for event in change.events]  # type: ignore[attr-defined]  # all of them have one
    assert versions == [5, 6, 7, 8]
    assert change.account.version == 8
    assert [entry.version for entry in change.entries] == [5]


def test_an_overdue_invoice_is_said_with_what_is_open_and_for_how_long() -> None:
    change = overdue(an_account(version=1), [an_open_invoice(paid="40.00")], TODAY)

    (event,) = change.events
    assert isinstance(event, InvoiceOverdue)
    assert (event.open_amount, event.days_past_due, event.version) == (Decimal("60.00"), 13, 2)
    assert [invoice.overdue_said for invoice in change.invoices] == [True]
