import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.credit.receipts import (
    invoice_to_issue,
    money_of,
    money_of_return,
    named_by,
    posted,
    refuse_other_invoice,
    refuse_other_money,
    shares_of,
)
from services.credit.receivables import Owed
from shared.contracts.credit.requests import credit_note_of_return, invoice_of_order, issued_invoice
from shared.contracts.orders.requests import placed_id
from shared.errors import Refused
from tests.support.credit_builders import (
    NOW,
    SHOP,
    TODAY,
    a_credit_note,
    a_payment,
    a_write_off,
    an_account,
    an_invoice_command,
    an_open_invoice,
    an_order,
    returned,
)

NOTHING_OWED = Owed(Decimal(0), [])


def owed(*invoices: Any) -> Owed:
    return Owed(Decimal(0), invoices)


def test_an_invoice_has_the_id_its_sender_and_reference_make_unless_it_is_given_one() -> None:
    command = an_invoice_command(external_ref="R")
    named = an_invoice_command(invoice_id="inv_mine")

    assert invoice_to_issue(command, an_account(), SHOP, NOW).invoice_id == issued_invoice(SHOP, "R")
    assert invoice_to_issue(named, an_account(), SHOP, NOW).invoice_id == "inv_mine"


def test_an_invoice_is_due_by_the_customer_s_terms_unless_it_says_when() -> None:
    account = an_account(payment_terms="net_10")
    given = an_invoice_command(due_date=date(2024, 1, 1))

    assert invoice_to_issue(an_invoice_command(), account, SHOP, NOW).due_on == date(2024, 1, 11)
    assert invoice_to_issue(given, account, SHOP, NOW).due_on == date(2024, 1, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"invoice_date": TODAY + timedelta(days=2)}, "date_in_future"),
        ({"due_date": date(2023, 12, 31)}, "due_before_issued"),
    ],
)
def test_an_invoice_of_impossible_dates_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused, match=code):
        invoice_to_issue(an_invoice_command(**changes), an_account(), SHOP, NOW)


def test_a_day_ahead_is_not_too_far() -> None:
    tomorrow = an_invoice_command(invoice_date=TODAY + timedelta(days=1))
    ahead = NOW + timedelta(hours=24)

    assert invoice_to_issue(tomorrow, an_account(), SHOP, NOW).invoice_date == TODAY + timedelta(days=1)
    assert money_of(a_payment(received_at=ahead), SHOP, NOW).at == ahead


@pytest.mark.parametrize(
    "command",
    [
        a_payment(received_at=NOW + timedelta(hours=25)),
        a_credit_note(issued_at=NOW + timedelta(hours=25)),
        a_write_off(written_off_at=NOW + timedelta(hours=25)),
    ],
)
def test_money_of_more_than_a_day_ahead_is_refused(command: Any) -> None:
    with pytest.raises(Refused, match="date_in_future"):
        money_of(command, SHOP, NOW)


def test_a_write_off_without_a_date_is_of_now_and_keeps_its_reason() -> None:
    money = money_of(a_write_off(reason="bankrupt"), SHOP, NOW)

    assert (money.kind, money.at, money.reason, money.on_account) == (
        "write_off",
        NOW,
        "bankrupt",
        Decimal("10.00"),
    )


def test_a_return_is_one_credit_note_whichever_message_says_it() -> None:
    order = an_order()
    note = money_of_return(returned(order, version=5))

    assert note.id == credit_note_of_return(order.order_id, 5)
    assert note.id.startswith("cn_")
    assert note.id != money_of_return(returned(order, version=6)).id


def test_content_is_the_same_however_its_instant_is_written() -> None:
    utc = datetime(2024, 3, 1, 12, tzinfo=UTC)
    elsewhere = datetime.fromisoformat("2024-03-01T14:00:00+02:00")
    payments = [a_payment(payment_id="1", received_at=at) for at in (utc, elsewhere)]
    kept, repeat = (money_of(each, SHOP, NOW) for each in payments)

    refuse_other_money(repeat, kept)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (a_payment(payment_id="1"), a_payment(payment_id="1", amount="1.00"), "payment_id_reused"),
        (
            a_credit_note(credit_note_id="1"),
            a_credit_note("cust_2", credit_note_id="1"),
            "credit_note_id_reused",
        ),
        (a_write_off(write_off_id="1"), a_write_off(write_off_id="1", reason="x"), "write_off_id_reused"),
    ],
)
def test_an_id_stands_for_one_content(first: Any, second: Any, code: str) -> None:
    with pytest.raises(Refused, match=code):
        refuse_other_money(money_of(second, SHOP, NOW), money_of(first, SHOP, NOW))


def test_a_reference_and_an_id_stand_for_one_invoice() -> None:
    present = invoice_to_issue(an_invoice_command(external_ref="R"), an_account(), SHOP, NOW)
    other = invoice_to_issue(an_invoice_command(external_ref="R", amount="2.00"), an_account(), SHOP, NOW)
    elsewhere = invoice_to_issue(an_invoice_command(external_ref="S"), an_account(), SHOP, NOW)

    refuse_other_invoice(present, present)
    with pytest.raises(Refused, match="external_ref_reused"):
        refuse_other_invoice(other, present)
    with pytest.raises(Refused, match="invoice_id_taken"):
        refuse_other_invoice(elsewhere, present)


def test_without_wishes_a_payment_and_a_write_off_are_about_whatever_is_open() -> None:
    assert named_by(a_payment(), SHOP) is None
    assert named_by(a_write_off(), SHOP) is None


def test_a_credit_note_without_an_invoice_is_about_none() -> None:
    named = named_by(a_credit_note(), SHOP)

    assert named is not None
    assert (named.invoice_ids, named.external_refs) == ([], ())
    assert shares_of(a_credit_note(), NOTHING_OWED, SHOP) == []


def test_a_reference_is_that_of_an_order_before_it_is_an_invoice_s_own() -> None:
    order_invoice = an_open_invoice(invoice_of_order(placed_id(SHOP, "R")), order_id=placed_id(SHOP, "R"))
    own = an_open_invoice("inv_1", source=SHOP, external_ref="R")
    payment = a_payment(allocations=[{"external_ref": "R", "amount": "60.00"}])

    named = named_by(payment, SHOP)

    assert named is not None
    assert (named.source, named.invoice_ids, named.external_refs) == (SHOP, [order_invoice.invoice_id], ["R"])
    assert shares_of(payment, owed(own, order_invoice), SHOP) == [(order_invoice, Decimal("60.00"))]
    assert shares_of(payment, owed(own), SHOP) == [(own, Decimal("60.00"))]


def test_a_credit_note_takes_of_its_invoice_what_is_open() -> None:
    invoice, note = an_open_invoice(paid="95.00"), a_credit_note(invoice_id="inv_1")

    named = named_by(note, SHOP)

    assert named is not None
    assert named.invoice_ids == ["inv_1"]
    assert shares_of(note, owed(invoice), SHOP) == [(invoice, Decimal("5.00"))]


def test_a_wish_by_id_is_for_that_invoice() -> None:
    one, two = an_open_invoice("inv_1"), an_open_invoice("inv_2")
    payment = a_payment(allocations=[{"invoice_id": "inv_2", "amount": "60.00"}])

    named = named_by(payment, SHOP)

    assert named is not None
    assert named.invoice_ids == ["inv_2"]
    assert shares_of(payment, owed(one, two), SHOP) == [(two, Decimal("60.00"))]


def test_an_empty_list_of_wishes_leaves_all_on_account() -> None:
    payment = a_payment(allocations=[])

    assert named_by(payment, SHOP) is not None
    assert shares_of(payment, NOTHING_OWED, SHOP) == []


def test_wishes_may_not_add_up_to_more_than_the_payment() -> None:
    wishes = [{"invoice_id": f"inv_{n}", "amount": "50.01"} for n in range(2)]

    with pytest.raises(Refused, match="allocations_exceed_payment"):
        money_of(a_payment(allocations=wishes), SHOP, NOW)


@pytest.mark.parametrize("command", [a_credit_note(invoice_id="inv_9"), a_write_off(invoice_id="inv_9")])
def test_an_invoice_the_customer_has_not_is_refused(command: Any) -> None:
    with pytest.raises(Refused, match="unknown_invoice"):
        shares_of(command, NOTHING_OWED, SHOP)


def test_only_what_is_open_can_be_written_off() -> None:
    invoice = an_open_invoice(paid="40.00")

    assert shares_of(a_write_off(amount="60.00"), owed(invoice), SHOP) == [(invoice, Decimal("60.00"))]
    with pytest.raises(Refused, match="exceeds_open"):
        shares_of(a_write_off(amount="60.01"), owed(invoice), SHOP)


def test_an_answer_tells_money_as_numbers_with_two_decimals() -> None:
    answer = posted(an_account(balance="-5", version=3), 'pay"1', Decimal("5"))

    assert b'"balance": -5.00, "on_account": 5.00' in answer.body
    assert json.loads(answer.body)["id"] == 'pay"1'
