"""No sequence of what can happen to an account breaks its books: a fold, as the store keeps them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.credit.accounts import ZERO, Account, following
from services.credit.policy import CreditPolicy
from services.credit.postings import Change, Entry, Invoice, Money, Reservation, Taken
from services.credit.receipts import money_of_return
from services.credit.receivables import as_wished, issue, lower, oldest_first, overdue, ship
from services.credit.reservations import Standing, decide, release
from shared.contracts.credit.events import CreditReserved, InvoiceSettled
from shared.contracts.orders.events import OrderPlaced
from tests.support.credit_builders import (
    a_customer_state,
    an_account,
    an_open_invoice,
    an_order,
    cancelled,
    returned,
    shipped,
    some_money,
)

AMOUNTS = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)
BEGIN = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Books(RuleBasedStateMachine):
    """What the store keeps of one account, and the order of what may be said to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.account: Account = an_account(credit_limit="300.00")
        self.orders: list[OrderPlaced] = []
        self.reservations: dict[str, Reservation] = {}
        self.invoices: dict[str, Invoice] = {}
        self.money: dict[tuple[str, str, str], Money] = {}
        self.ledger: list[Entry] = []
        self.taken: list[Taken] = []
        self.customer_version = 1

    # What is kept

    @property
    def today(self) -> date:
        return self.now.date()

    def current(self) -> Account:
        return self.account.owing(
            sum((each.past_due(self.today) for each in self.invoices.values()), start=ZERO)
        )

    def standing(self, order: OrderPlaced) -> Standing:
        open_ones = [each.due_on for each in self.invoices.values() if each.open_amount]
        of_order = [each for each in self.invoices.values() if each.order_id == order.order_id]
        return Standing(
            reservation=self.reservations.get(order.order_id),
            invoice=of_order[0] if of_order else None,
            order_version=0,
            past_due=self.current().past_due,
            oldest_due_on=min(open_ones, default=None),
        )

    def on_account(self) -> list[Money]:
        return sorted((each for each in self.money.values() if each.on_account), key=lambda each: each.at)

    def keep(self, change: Change | None) -> None:
        if change is None:
            return
        versions = [event.version for event in change.events]  # type: ignore[attr-defined]  # each has one
        assert versions == list(range(self.account.version + 1, change.account.version + 1))
        entries = [(each.kind, each.document_id, each.source) for each in [*self.ledger, *change.entries]]
        assert len(entries) == len(set(entries)), "an effect was posted twice"
        if change.reservation is not None:
            self.reservations[change.reservation.order_id] = change.reservation
        self.account = change.account
        self.invoices |= {each.invoice_id: each for each in change.invoices}
        self.money |= {(each.kind, each.source, each.id): each for each in change.money}
        self.ledger += change.entries
        self.taken += change.taken
        settled = {each.invoice_id for each in change.events if isinstance(each, InvoiceSettled)}
        assert settled == {each.invoice_id for each in change.invoices if not each.open_amount}

    def post(self, money: Money, shares: Any) -> None:
        """Once for each id, as the store sees to."""
        if (money.kind, money.source, money.id) not in self.money:
            self.keep(lower(self.current(), money, shares, self.today))

    # What may happen

    @rule(days=st.integers(1, 40))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(limit=AMOUNTS, is_active=st.booleans())
    def the_customer_changes(self, limit: Decimal, is_active: bool) -> None:
        self.customer_version += 1
        changes = {"version": self.customer_version, "credit_limit": limit, "is_active": is_active}
        self.account = following(self.account, a_customer_state(customer_id="cust_1", **changes))

    @rule(total=AMOUNTS | st.just(ZERO), terms=st.sampled_from(["net_30", "net_30", "prepaid"]))
    def an_order_is_placed(self, total: Decimal, terms: str) -> None:
        self.orders.append(an_order(total_amount=total, payment_terms=terms))
        self.is_decided(len(self.orders) - 1)

    @rule(number=st.integers(0, 30))
    def is_decided(self, number: int) -> None:
        order = self.orders[number % len(self.orders)] if self.orders else None
        if order is None:
            return
        change = decide(order, self.current(), self.standing(order), CreditPolicy(), self.now)
        if change is not None and isinstance(change.events[0], CreditReserved) and change.events[0].amount:
            assert change.account.exposure <= change.account.credit_limit, "approved beyond the limit"
        self.keep(change)

    @rule(number=st.integers(0, 30))
    def is_cancelled(self, number: int) -> None:
        if self.orders:
            order = self.orders[number % len(self.orders)]
            held = self.reservations.get(order.order_id)
            self.keep(release(cancelled(order), self.current(), held, "cancelled", self.now))

    @rule(number=st.integers(0, 30))
    def is_shipped(self, number: int) -> None:
        if self.orders:
            order = self.orders[number % len(self.orders)]
            sent = shipped(order, ship_date=self.now)
            self.keep(ship(sent, self.current(), self.standing(order), self.on_account(), self.now))

    @rule(number=st.integers(0, 30), version=st.integers(4, 6), amount=AMOUNTS)
    def comes_back(self, number: int, version: int, amount: Decimal) -> None:
        if self.orders:
            order = self.orders[number % len(self.orders)]
            note = money_of_return(returned(order, version=version, amount=amount, returned_at=self.now))
            self.post(note, as_wished([(self.standing(order).invoice, amount)]))

    @rule(reference=st.integers(1, 9), amount=AMOUNTS, due_in=st.integers(0, 90))
    def an_invoice_is_issued(self, reference: int, amount: Decimal, due_in: int) -> None:
        dates = {"invoice_date": self.today, "due_on": self.today + timedelta(days=due_in)}
        invoice = an_open_invoice(f"inv_{reference}", amount=amount, **dates)
        if invoice.invoice_id not in self.invoices:
            self.keep(issue(self.current(), invoice, self.on_account(), self.today))

    @rule(reference=st.integers(1, 20), amount=AMOUNTS, days_ago=st.integers(0, 50))
    def is_paid_oldest_first(self, reference: int, amount: Decimal, days_ago: int) -> None:
        money = some_money(str(amount), id=str(reference), at=self.now - timedelta(days=days_ago))
        self.post(money, oldest_first(amount, self.invoices.values()))

    @rule(reference=st.integers(1, 20), parts=st.lists(AMOUNTS, min_size=1, max_size=3))
    def is_paid_as_wished(self, reference: int, parts: list[Decimal]) -> None:
        invoices: list[Invoice | None] = [*self.invoices.values()]
        money = some_money(str(sum(parts)), id=str(reference), at=self.now)
        wished = [(invoices[n % len(invoices)] if invoices else None, part) for n, part in enumerate(parts)]
        self.post(money, as_wished(wished))

    @rule(reference=st.integers(1, 20), amount=AMOUNTS)
    def is_credited(self, reference: int, amount: Decimal) -> None:
        invoices = list(self.invoices.values())
        money = some_money(str(amount), kind="credit_note", id=str(reference), at=self.now)
        self.post(money, as_wished([(invoices[0], amount)] if invoices else []))

    @rule(reference=st.integers(1, 20), amount=AMOUNTS)
    def is_written_off(self, reference: int, amount: Decimal) -> None:
        if amount <= sum(each.open_amount for each in self.invoices.values()):
            money = some_money(str(amount), kind="write_off", id=str(reference), at=self.now)
            self.post(money, oldest_first(amount, self.invoices.values()))

    @rule()
    def is_overdue(self) -> None:
        late = [
            each for each in self.invoices.values() if each.past_due(self.today) and not each.overdue_said
        ]
        self.keep(overdue(self.current(), late, self.today))

    # What always holds

    @invariant()
    def the_balance_is_what_the_ledger_and_the_documents_say(self) -> None:
        invoiced = sum(each.amount for each in self.invoices.values())
        lowered = sum(each.amount for each in self.money.values())
        assert self.account.balance == invoiced - lowered
        assert self.account.balance == sum(each.receivable for each in self.ledger)

    @invariant()
    def what_is_reserved_is_what_is_held(self) -> None:
        held = sum(each.amount for each in self.reservations.values() if each.status == "held")
        assert self.account.reserved == held >= 0
        assert self.account.reserved == sum(each.reserved for each in self.ledger)

    @invariant()
    def nothing_is_open_below_zero_and_nothing_is_taken_twice(self) -> None:
        for invoice in self.invoices.values():
            taken = sum(each.amount for each in self.taken if each.invoice_id == invoice.invoice_id)
            assert 0 <= invoice.open_amount == invoice.amount - taken
            assert (invoice.settled_on is None) == (invoice.open_amount > 0)
        for money in self.money.values():
            key = (money.kind, money.source, money.id)
            spent = sum(
                each.amount
                for each in self.taken
                if (each.money.kind, each.money.source, each.money.id) == key
            )
            assert 0 <= money.on_account == money.amount - spent

    @invariant()
    def what_is_past_due_was_kept_right(self) -> None:
        assert 0 <= self.account.past_due <= self.current().past_due

    @invariant()
    def open_amounts_less_money_on_account_are_the_balance(self) -> None:
        still_open = sum(each.open_amount for each in self.invoices.values())
        assert self.account.balance == still_open - sum(each.on_account for each in self.money.values())


class TestBooks(Books.TestCase):  # type: ignore[misc, name-defined]  # made by Hypothesis
    settings = settings(max_examples=60, stateful_step_count=40)


def test_a_change_that_follows_another_keeps_what_both_changed() -> None:
    first, second = an_account().moved(), an_account().moved().moved()
    reservation = Reservation("so_1", "cust_1", ZERO, "released", "shipped", BEGIN)
    one = Change(first, reservation=reservation, invoices=[an_open_invoice()])
    two = Change(second, money=[some_money()])

    both = one.then(two)

    assert (both.account, both.reservation) == (second, reservation)
    assert (len(both.invoices), len(both.money)) == (1, 1)
    assert replace(both, reservation=None).then(two).reservation is None
