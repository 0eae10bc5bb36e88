import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.credit.audit import Facts, credit_file
from services.credit.scoring import score
from services.credit.store import checks
from shared.contracts.credit.files import CreditFile, InvoiceOnFile, OrdersOnFile, PaymentOnFile
from tests.support.builders import a_customer_id
from tests.support.credit_checks import keep_file, keep_invoice, keep_order
from tests.support.servers import PROJECT

pytestmark = pytest.mark.integration

CASES = json.loads((PROJECT / "tests/data/scorecard_cases.json").read_text())
TODAY = date(2024, 1, 15)
CUSTOMER = a_customer_id()


@pytest.fixture
async def db(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.begin() as db:
        yield db


async def facts(db: AsyncConnection) -> Facts:
    return await checks.facts(db, CUSTOMER, TODAY)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def on_file(amount: str, due_on: date, *payments: tuple[date, str]) -> InvoiceOnFile:
    paid = tuple(PaymentOnFile(paid_on=day, amount=Decimal(money)) for day, money in payments)
    return InvoiceOnFile(amount=Decimal(amount), due_on=due_on, payments=paid)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_books_that_say_what_a_published_case_says_score_as_it_does(
    db: AsyncConnection, case: dict[str, Any]
) -> None:
    file = CreditFile.model_validate_json(json.dumps(case["input"]))
    account = await keep_file(db, file)

    found = credit_file(account, await checks.facts(db, account.customer_id, file.as_of), file.as_of)

    assert found.model_copy(update={"invoices": file.invoices}) == file
    assert score(found) == score(file)
    assert score(found).credit_score == case["expected"]["credit_score"]


async def test_of_a_customer_without_documents_there_is_nothing_on_file(db: AsyncConnection) -> None:
    found = await facts(db)

    assert found.orders == OrdersOnFile(
        accepted=0, cancelled_or_returned=0, purchases=Decimal("0.00"), last_order_on=None
    )
    assert found.invoices == ()
    assert set(dict(found.heard).values()) == {None}


@pytest.mark.parametrize(
    ("status", "accepted", "undone"),
    [
        *(("pending", 0, 0), ("rejected", 0, 0), ("confirmed", 1, 0), ("processing", 1, 0)),
        *(("shipped", 1, 0), ("delivered", 1, 0), ("returned", 0, 1), ("cancelled", 0, 1)),
    ],
)
async def test_orders_count_by_their_status(
    db: AsyncConnection, status: str, accepted: int, undone: int
) -> None:
    await keep_order(db, CUSTOMER, TODAY, status=status)

    orders = (await facts(db)).orders
    assert (orders.accepted, orders.cancelled_or_returned) == (accepted, undone)


async def test_an_order_cancelled_while_pending_does_not_count(db: AsyncConnection) -> None:
    await keep_order(db, CUSTOMER, TODAY, status="cancelled", was_accepted=False)

    assert (await facts(db)).orders.cancelled_or_returned == 0


@pytest.mark.parametrize(
    ("ordered_at", "counts"),
    [
        (datetime(2023, 1, 15, 0, 0, tzinfo=UTC), True),
        (datetime(2023, 1, 14, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2024, 1, 15, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2024, 1, 16, 0, 0, tzinfo=UTC), False),
    ],
)
async def test_orders_of_365_days_count_by_their_order_date(
    db: AsyncConnection, ordered_at: datetime, counts: bool
) -> None:
    await keep_order(db, CUSTOMER, ordered_at)

    assert (await facts(db)).orders.accepted == counts


async def test_purchases_are_net_of_partial_returns_and_of_accepted_orders_alone(db: AsyncConnection) -> None:
    await keep_order(db, CUSTOMER, TODAY, total_amount=Decimal("500.00"), returned_amount=Decimal("120.50"))
    await keep_order(db, CUSTOMER, TODAY, status="confirmed", total_amount=Decimal("0.25"))
    await keep_order(db, CUSTOMER, TODAY, status="returned", returned_amount=Decimal("100.00"))
    await keep_order(db, CUSTOMER, TODAY, status="cancelled")

    assert (await facts(db)).orders.purchases == Decimal("379.75")


@pytest.mark.parametrize(
    ("status", "last_on"), [("returned", TODAY), ("pending", days_ago(500)), ("cancelled", days_ago(500))]
)
async def test_the_last_order_is_the_last_that_was_accepted_returned_ones_too(
    db: AsyncConnection, status: str, last_on: date
) -> None:
    await keep_order(db, CUSTOMER, days_ago(500))
    await keep_order(db, CUSTOMER, TODAY, status=status)
    await keep_order(db, CUSTOMER, TODAY + timedelta(days=1))

    assert (await facts(db)).orders.last_order_on == last_on


async def test_what_was_heard_of_the_last_order_is_told(db: AsyncConnection) -> None:
    await keep_order(db, CUSTOMER, days_ago(2), version=9)
    last = await keep_order(db, CUSTOMER, days_ago(1), version=4)

    heard = (await facts(db)).heard
    assert (heard.last_order_id, heard.last_order_version) == (last, 4)


async def test_documents_of_other_customers_are_not_on_file(db: AsyncConnection) -> None:
    other = a_customer_id()
    await keep_order(db, other, TODAY)
    await keep_invoice(db, other, TODAY)

    found = await facts(db)
    assert (found.orders.accepted, found.invoices) == (0, ())


async def test_open_invoices_are_on_file_however_old_in_the_order_of_their_due_dates(
    db: AsyncConnection,
) -> None:
    await keep_invoice(db, CUSTOMER, TODAY + timedelta(days=20), invoice_date=days_ago(10))
    await keep_invoice(db, CUSTOMER, days_ago(2000), amount=Decimal("70.00"))

    assert (await facts(db)).invoices == (
        on_file("70.00", days_ago(2000)),
        on_file("1000.00", TODAY + timedelta(days=20)),
    )


@pytest.mark.parametrize(
    ("paid_on", "is_on_file"), [(date(2022, 1, 15), True), (date(2022, 1, 14), False), (TODAY, True)]
)
async def test_a_settled_invoice_is_on_file_for_two_years_after_a_payment(
    db: AsyncConnection, paid_on: date, is_on_file: bool
) -> None:
    await keep_invoice(db, CUSTOMER, date(2022, 1, 1), [("payment", paid_on, "1000.00")])

    found = (await facts(db)).invoices
    assert found == ((on_file("1000.00", date(2022, 1, 1), (paid_on, "1000.00")),) if is_on_file else ())


async def test_all_payments_of_an_invoice_on_file_are_told_in_the_order_of_their_days(
    db: AsyncConnection,
) -> None:
    due_on, old, recent = date(2021, 1, 1), date(2021, 2, 1), date(2023, 2, 1)
    await keep_invoice(db, CUSTOMER, due_on, [("payment", recent, "400.00"), ("payment", old, "600.00")])

    assert (await facts(db)).invoices == (on_file("1000.00", due_on, (old, "600.00"), (recent, "400.00")),)


async def test_a_credit_note_lowers_the_amount_and_is_no_payment(db: AsyncConnection) -> None:
    due_on, noted_on, paid_on = days_ago(60), days_ago(30), days_ago(20)
    taken = [("credit_note", noted_on, "250.00"), ("payment", paid_on, "750.00")]
    await keep_invoice(db, CUSTOMER, due_on, taken)
    await keep_invoice(db, CUSTOMER, due_on, [("credit_note", noted_on, "1000.00")])

    assert (await facts(db)).invoices == (on_file("750.00", due_on, (paid_on, "750.00")),)


async def test_a_write_off_is_a_payment_on_its_day(db: AsyncConnection) -> None:
    due_on, written_off_on = days_ago(300), days_ago(90)
    await keep_invoice(db, CUSTOMER, due_on, [("write_off", written_off_on, "1000.00")])

    assert (await facts(db)).invoices == (on_file("1000.00", due_on, (written_off_on, "1000.00")),)


async def test_a_write_off_counts_also_where_an_older_payment_settled_the_invoice_after_it(
    db: AsyncConnection,
) -> None:
    due_on, old, recent = days_ago(1000), days_ago(900), days_ago(10)
    taken = [("write_off", recent, "300.00"), ("payment", old, "700.00")]
    await keep_invoice(db, CUSTOMER, due_on, taken)

    assert (await facts(db)).invoices == (on_file("1000.00", due_on, (old, "700.00"), (recent, "300.00")),)


async def test_documents_of_later_days_are_left_out(db: AsyncConnection) -> None:
    tomorrow, due_on = TODAY + timedelta(days=1), days_ago(5)
    await keep_invoice(db, CUSTOMER, tomorrow)
    for kind in ("payment", "credit_note", "write_off"):
        await keep_invoice(db, CUSTOMER, due_on, [(kind, tomorrow, "1000.00")])

    assert (await facts(db)).invoices == (on_file("1000.00", due_on),) * 3
