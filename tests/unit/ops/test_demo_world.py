"""The demo world against a small model of credit: what must come out of it comes out, whatever day it is."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ops.demo import xyz
from ops.demo.catalogue import line_total
from ops.demo.chronicle import Step
from ops.demo.world import world
from services.credit.scoring import score
from shared.contracts.credit.files import CreditFile, InvoiceOnFile, OrdersOnFile, PaymentOnFile
from shared.contracts.credit.requests import IssueInvoice
from shared.contracts.customers.requests import ImportCustomer
from shared.contracts.orders.events import OrderRejected
from shared.contracts.orders.requests import PlaceOrder
from shared.messaging import Command
from tests.support.demo_books import Books, played

INSTANTS = (
    *("customer_since", "order_date", "ship_date", "delivery_date", "received_at", "returned_at"),
    *("issued_at", "written_off_at"),
)
DAYS = [date(2024, 1, 20), date(2024, 2, 29), date(2025, 12, 31), date(2026, 11, 24)]


@pytest.fixture(params=DAYS, ids=str)
def today(request: pytest.FixtureRequest) -> date:
    day: date = request.param
    return day


def test_no_customer_ever_owes_more_than_its_limit_and_only_the_order_beyond_it_is_refused(
    today: date,
) -> None:
    stories = world(today)
    refused = {ref for story in stories for ref in played(story).refused}

    expected = {ref_of(step.command) for story in stories for step in story.steps if is_refusal(step)}
    assert refused == expected
    assert len(refused) == 1


def is_refusal(step: Step) -> bool:
    return step.until is OrderRejected


def ref_of(command: Command[Any]) -> str:
    ref: str = getattr(command, "external_ref", "")
    return ref


def test_the_same_day_makes_the_same_world(today: date) -> None:
    assert world(today) == world(today)


def test_nothing_lies_in_the_future(today: date) -> None:
    end = datetime.combine(today, time(), UTC)
    for story in world(today):
        for step in story.steps:
            instants = [getattr(step.command, name, None) for name in INSTANTS]
            assert all(at <= end for at in instants if at), step.command


def test_every_business_id_is_used_once(today: date) -> None:
    ids = Counter(
        (step.command.type, getattr(step.command, name))
        for story in world(today)
        for step in story.steps
        for name in ("payment_id", "return_id", "credit_note_id", "write_off_id")
        if getattr(step.command, name, None)
    )
    references = Counter(
        step.command.external_ref
        for story in world(today)
        for step in story.steps
        if isinstance(step.command, PlaceOrder | ImportCustomer | IssueInvoice)
    )
    assert set(ids.values()) == {1}
    assert set(references.values()) == {1}


def test_the_world_has_some_fifty_customers_of_every_kind(today: date) -> None:
    books = {story.known_for: played(story) for story in world(today) if story.known_for}
    known = {words: next(books[each] for each in books if each.startswith(words)) for words in KNOWN_FOR}
    overdue = [each for each in known["pays late"].invoices.values() if each.open and each.due < today]

    assert 45 <= len(world(today)) <= 55
    assert len(books) == len(KNOWN_FOR) + 1
    assert len(overdue) == 3
    assert max((today - each.due).days for each in overdue) <= 60
    assert known["is at its limit"].exposure == known["is at its limit"].customer.credit_limit
    assert sum(known["is at its limit"].reserved.values()) > 0
    assert not known["is inactive"].is_active
    assert not known["is new"].orders
    assert known["buys in EUR"].customer.currency == "EUR"
    assert known["pays in advance"].balance == 0
    assert known["has not paid"].balance == 0
    assert known["came with"].balance > Decimal("1840.50")
    newest = max(order.order_date for order in known["has not ordered"].orders.values()).date()
    assert (today - newest).days > 180


KNOWN_FOR = (
    *(
        "pays late",
        "is at its limit",
        "is inactive",
        "is new",
        "has not ordered",
        "buys in EUR",
        "pays in advance",
    ),
    *("sends goods back", "has not paid", "was credited", "came with"),
)


# Customer XYZ


YOUNG_MONTHS = [
    date(2027, 3, 6),
    date(2024, 3, 7),
    date(2025, 1, 12),
]  # of the newest order: five days before


@pytest.fixture(params=[*DAYS, *YOUNG_MONTHS], ids=str)
def day(request: pytest.FixtureRequest) -> date:
    chosen: date = request.param
    return chosen


@pytest.fixture
def books(day: date) -> Books:
    return played(xyz.story(day))


def test_its_75_orders_come_to_45000_after_its_discount(books: Books) -> None:
    assert len(books.orders) == 75
    assert sum(books.totals.values()) == Decimal("45000.00")
    assert books.customer.discount_rate == 5


def test_its_newest_order_is_the_documented_one(books: Books, day: date) -> None:
    before, newest = sorted(books.orders.values(), key=lambda order: order.order_date)[-2:]

    assert newest.total_amount == Decimal("299.95")
    assert newest.lines[0].product_id == "prod_123"
    assert len(newest.lines) == 3
    assert (day - newest.order_date.date()).days == 5
    assert before.order_date < newest.order_date
    ref, ordered = newest.external_ref, newest.order_date.date()
    assert books.shipped[ref] - ordered == timedelta(days=1)
    assert books.delivered[ref] - books.shipped[ref] == timedelta(days=2)


def test_the_smart_widget_is_what_it_buys_most_150_of_them_for_7500(books: Books) -> None:
    quantity: Counter[str] = Counter()
    revenue: dict[str, Decimal] = {}
    for order in books.orders.values():
        for line in order.lines:
            quantity[line.product_id] += line.quantity
            revenue[line.product_id] = revenue.get(line.product_id, Decimal(0)) + line_total(line, Decimal(5))

    assert (quantity["prod_123"], revenue["prod_123"]) == (150, Decimal("7500.00"))
    assert max(revenue, key=lambda product: revenue[product]) == "prod_123"
    assert sorted(revenue.values())[-2] < Decimal("7500.00")


def test_2500_of_it_is_open_and_not_due_yet_and_nothing_is_reserved(books: Books, day: date) -> None:
    still_open = [each for each in books.invoices.values() if each.open]

    assert books.balance == Decimal("2500.00")
    assert all(each.due > day for each in still_open)
    assert books.reserved == {}


def test_what_it_has_paid_in_whole_it_has_paid_twelve_days_after_the_invoice(books: Books) -> None:
    settled = [each for each in books.invoices.values() if not each.open]

    assert len(settled) >= 67
    assert {(each.payments[-1][0] - each.issued).days for each in settled} == {12}


def test_it_scores_750_and_is_worth_a_limit_of_15000(books: Books, day: date) -> None:
    checked = score(credit_file(books, day))

    assert (checked.credit_score, checked.credit_rating, checked.risk_assessment) == (750, "excellent", "low")
    assert checked.recommended_credit_limit == Decimal("15000.00")
    assert checked.factors.payment_history == 81


def credit_file(books: Books, today: date) -> CreditFile:
    """What is known of a customer without returns, by the day of the world."""
    ordered = [order.order_date.date() for order in books.orders.values()]
    return CreditFile(
        model="tcs-1.0.0",
        as_of=today,
        customer_since=books.customer.customer_since.date(),
        is_active=books.is_active,
        credit_limit=books.customer.credit_limit,
        receivable_balance=books.balance,
        reserved=sum(books.reserved.values(), Decimal(0)),
        terms_days=15,
        orders=OrdersOnFile(
            accepted=len(ordered),
            cancelled_or_returned=0,
            purchases=sum(books.totals.values(), Decimal(0)),
            last_order_on=max(ordered),
        ),
        invoices=tuple(
            InvoiceOnFile(
                amount=each.amount,
                due_on=each.due,
                payments=tuple(PaymentOnFile(paid_on=at, amount=amount) for at, amount in each.payments),
            )
            for each in books.invoices.values()
        ),
    )


def test_it_has_been_a_customer_for_seven_months(day: date) -> None:
    since = xyz.customer(day).customer_since.date()
    months = 12 * (day.year - since.year) + day.month - since.month - (day.day < since.day)

    assert (day - since).days == xyz.TENURE_DAYS
    assert months == 7


def test_on_the_day_of_the_documentation_its_months_are_those_of_the_documentation() -> None:
    books = played(xyz.story(date(2024, 1, 20)))

    months = {f"{order.order_date:%Y-%m}" for order in books.orders.values()}
    assert months == {f"2023-{month:02}" for month in range(6, 13)} | {"2024-01"}
    assert [len(each.payments) for each in books.invoices.values() if each.open] == [1, 0, 0, 0, 0]
    assert max(order.order_date for order in books.orders.values()) == datetime(2024, 1, 15, tzinfo=UTC)


def days_by_distances() -> dict[tuple[int, ...], list[date]]:
    """Every day of four years by how many days before it the orders are: the story is the same, moved."""
    found: dict[tuple[int, ...], list[date]] = {}
    for number in range(4 * 365 + 1):
        day = date(2024, 1, 1) + timedelta(days=number)
        distances = (*xyz.earlier(day), *xyz.last_month(day), *xyz.this_month(day))
        found.setdefault(distances, []).append(day)
    return found


def test_whatever_day_it_is_its_figures_are_the_documented_ones() -> None:
    for days in days_by_distances().values():
        day, books = days[0], entered(days[0])
        orders, invoices = [*books.orders.values()], [*books.invoices.values()]
        assert books.balance == Decimal("2500.00"), day
        assert all(each.due > day for each in invoices if each.open), day
        paid_after = {(each.payments[-1][0] - each.issued).days for each in invoices if not each.open}
        assert paid_after == {12}, day
        assert score(credit_file(books, day)).credit_score == 750, day
        assert orders[-1].total_amount == Decimal("299.95"), day
        assert all(each.order_date < orders[-1].order_date for each in orders[:-1]), day
        assert min(each.order_date for each in orders) >= books.customer.customer_since, day
        told = [((day - each.order_date.date()).days, each.total_amount or Decimal(0)) for each in orders]
        for each in days:
            assert newest_months(each, told) == [(8, Decimal("4800.00")), (6, Decimal("3600.00"))], each


def entered(day: date) -> Books:
    story = xyz.story(day)
    books = Books(story.customer)
    for step in story.steps:
        books.enter(step.command)
    return books


def newest_months(day: date, orders: list[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    """Orders and revenue of the newest order's calendar month, and of the one before."""
    newest = day - timedelta(days=min(days_ago for days_ago, _ in orders))
    before = newest.replace(day=1) - timedelta(days=1)
    dated = [(day - timedelta(days=days_ago), total) for days_ago, total in orders]
    months = [
        [total for at, total in dated if (at.year, at.month) == (month.year, month.month)]
        for month in (newest, before)
    ]
    return [(len(totals), sum(totals, Decimal(0))) for totals in months]
