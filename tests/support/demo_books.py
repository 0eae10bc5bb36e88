"""The books of a demo customer: a small model of orders and credit that every step is entered into."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any

from ops.demo.catalogue import net
from ops.demo.chronicle import SOURCE, Story
from shared.contracts.credit.requests import (
    IssueCreditNote,
    IssueInvoice,
    RecordPayment,
    WriteOff,
    invoice_of_order,
)
from shared.contracts.customers.requests import ImportCustomer, UpdateCustomer
from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    PlaceOrder,
    ReturnOrder,
    ShipOrder,
    placed_id,
)
from shared.messaging import Command

NOTHING = Decimal("0.00")
TERMS_DAYS = {"prepaid": 0, "net_15": 15, "net_30": 30, "net_45": 45, "net_60": 60}


@dataclass
class Invoice:
    """An invoice; payments: when and how much, in their order."""

    amount: Decimal
    issued: date
    due: date
    payments: list[tuple[date, Decimal]] = field(default_factory=list)

    @property
    def open(self) -> Decimal:
        """What is left to be paid."""
        return self.amount - sum((paid for _, paid in self.payments), NOTHING)


@dataclass
class Books:
    """One customer as credit should know it.

    Attributes:
        reserved, totals, invoices: By the external reference of the order, or of the opening balance.
        orders: Those that were accepted and not cancelled.
        refused: References of orders beyond the limit.
    """

    customer: ImportCustomer
    reserved: dict[str, Decimal] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    orders: dict[str, PlaceOrder] = field(default_factory=dict)
    shipped: dict[str, date] = field(default_factory=dict)
    delivered: dict[str, date] = field(default_factory=dict)
    totals: dict[str, Decimal] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    on_account: Decimal = NOTHING
    is_active: bool = True

    @property
    def balance(self) -> Decimal:
        """Receivables less money on account."""
        return sum((each.open for each in self.invoices.values()), NOTHING) - self.on_account

    @property
    def exposure(self) -> Decimal:
        """What counts against the limit."""
        return self.balance + sum(self.reserved.values(), NOTHING)

    @singledispatchmethod
    def enter(self, command: Command[Any]) -> None:
        """Enter what a command leads to; one that could not be carried out fails."""
        raise AssertionError(command)

    @enter.register
    def _(self, command: ImportCustomer) -> None:
        assert command == self.customer

    @enter.register
    def _(self, command: PlaceOrder) -> None:
        ref, total = command.external_ref, net(command.lines, self.customer.discount_rate)
        assert self.is_active
        assert ref not in self.totals
        assert (total, command.currency) == (command.total_amount, self.customer.currency)
        assert command.order_date >= self.customer.customer_since
        self.totals[ref] = total
        held = NOTHING if self.customer.payment_terms == "prepaid" else total
        if held and self.exposure + held > self.customer.credit_limit:
            self.refused.add(ref)
        else:
            self.orders[ref], self.reserved[ref] = command, held

    @enter.register
    def _(self, command: ShipOrder) -> None:
        ref, issued = command.external_ref or "", command.ship_date.date()
        del self.reserved[ref]
        due = issued + timedelta(days=TERMS_DAYS[self.customer.payment_terms])
        self.shipped[ref] = issued
        self.invoices[ref] = Invoice(self.totals[ref], issued, due)
        if self.on_account:
            self.invoices[ref].payments.append((issued, self.on_account))
            self.on_account = NOTHING

    @enter.register
    def _(self, command: DeliverOrder) -> None:
        ref, at = command.external_ref or "", command.delivery_date.date()
        assert self.shipped[ref] <= at
        self.delivered[ref] = at

    @enter.register
    def _(self, command: CancelOrder) -> None:
        del self.reserved[command.external_ref or ""]
        del self.orders[command.external_ref or ""]

    @enter.register
    def _(self, command: ReturnOrder) -> None:
        invoice = self.invoices[command.external_ref or ""]
        invoice.amount -= command.amount or invoice.amount
        assert invoice.open >= 0

    @enter.register
    def _(self, command: IssueInvoice) -> None:
        due = command.due_date or command.invoice_date
        self.invoices[command.external_ref] = Invoice(command.amount, command.invoice_date, due)

    @enter.register
    def _(self, command: RecordPayment) -> None:
        (wished,) = command.allocations or []
        assert wished.amount == command.amount
        invoice = self.invoices.get(wished.external_ref or "")
        if invoice is None:
            self.on_account += command.amount
        else:
            assert command.amount <= invoice.open
            invoice.payments.append((command.received_at.date(), command.amount))

    @enter.register
    def _(self, command: IssueCreditNote) -> None:
        self._lower(command.invoice_id, command.amount)

    @enter.register
    def _(self, command: WriteOff) -> None:
        self._lower(command.invoice_id, command.amount)

    @enter.register
    def _(self, command: UpdateCustomer) -> None:
        self.is_active = command.is_active

    def _lower(self, invoice_id: str | None, amount: Decimal) -> None:
        (ref,) = (ref for ref in self.invoices if invoice_of_order(placed_id(SOURCE, ref)) == invoice_id)
        assert amount <= self.invoices[ref].open
        self.invoices[ref].amount -= amount


def played(story: Story) -> Books:
    """The books after a whole story; at no step may more be owed than the limit allows."""
    books = Books(story.customer)
    for step in story.steps:
        books.enter(step.command)
        assert books.exposure <= story.customer.credit_limit, step.command
    return books
