"""What credit is told, for tests: each builder gives something valid, and the test names what matters.

Changes replace members; amounts are texts.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

from services.credit.accounts import Account, opened
from services.credit.postings import Invoice, Money
from shared.contracts.credit.requests import IssueCreditNote, IssueInvoice, RecordPayment, WriteOff
from shared.contracts.customers.events import CustomerState
from shared.contracts.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderEvent,
    OrderPlaced,
    OrderProcessingStarted,
    OrderRejected,
    OrderReturned,
    OrderShipped,
)
from shared.contracts.orders.requests import placed_id
from shared.messaging import Message
from tests.support.builders import a_create

M = TypeVar("M", bound=Message)
D = TypeVar("D", Account, Invoice, Money)
E = TypeVar("E", bound=OrderEvent)

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)
TODAY = NOW.date()
SHOP = "/shop"


def a_customer_state(**changes: object) -> CustomerState:
    """An active customer with a limit of 1,000.00 on terms of 30 days."""
    created = a_create(contacts=[]).model_dump(exclude={"notes"})
    whole = {
        **created,
        "version": 1,
        "credit_limit": Decimal("1000.00"),
        "customer_since": datetime(2022, 1, 1, tzinfo=UTC),
        "created_at": datetime(2022, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2022, 1, 1, tzinfo=UTC),
        "external_ref": None,
        "external_source": None,
    }
    return _built(CustomerState, whole, changes)


def an_account(**changes: Any) -> Account:
    """The account of such a customer, without any figures yet."""
    return _replaced(opened(a_customer_state(customer_id="cust_1")), changes)


def an_order(**changes: object) -> OrderPlaced:
    """An order of 100.00 that was just placed."""
    reference = f"ORDER-{uuid4().hex[:12]}"
    whole = {
        "customer_id": "cust_1",
        "order_id": placed_id(SHOP, str(changes.get("external_ref", reference))),
        "version": 1,
        "external_ref": reference,
        "source": SHOP,
        "order_number": "SO-2024-001",
        "status": "pending",
        "previous_status": None,
        "order_date": datetime(2024, 3, 1, tzinfo=UTC),
        "currency": "USD",
        "total_amount": "100.00",
        "payment_terms": "net_30",
        "lines": [],
    }
    return _built(OrderPlaced, whole, changes)


def confirmed(order: OrderEvent, **changes: object) -> OrderConfirmed:
    """The order, after its credit was reserved."""
    return _next(OrderConfirmed, order, {"status": "confirmed", "version": 2, **changes})


def processing_started(order: OrderEvent, **changes: object) -> OrderProcessingStarted:
    """The order, which is being made ready after it was confirmed."""
    given = {"status": "processing", "version": 3, "previous_status": "confirmed", **changes}
    return _next(OrderProcessingStarted, order, given)


def rejected(order: OrderEvent, **changes: object) -> OrderRejected:
    """The order, after nothing was heard of its credit for too long."""
    given = {"status": "rejected", "version": 2, "reason": "credit_timeout", **changes}
    return _next(OrderRejected, order, given)


def cancelled(order: OrderEvent, **changes: object) -> OrderCancelled:
    """The order, after it was cancelled while confirmed."""
    given = {"status": "cancelled", "version": 3, "previous_status": "confirmed", "reason": None, **changes}
    return _next(OrderCancelled, order, given)


def shipped(order: OrderEvent, **changes: object) -> OrderShipped:
    """The order, shipped on 10 March."""
    given = {"status": "shipped", "version": 3, "ship_date": datetime(2024, 3, 10, 15, tzinfo=UTC), **changes}
    return _next(OrderShipped, order, given)


def delivered(order: OrderEvent, **changes: object) -> OrderDelivered:
    """The order, delivered on 12 March."""
    at = datetime(2024, 3, 12, 15, tzinfo=UTC)
    return _next(OrderDelivered, order, {"status": "delivered", "version": 4, "delivery_date": at, **changes})


def returned(order: OrderEvent, **changes: object) -> OrderReturned:
    """The order, after all of it came back."""
    given = {
        "status": "returned",
        "version": 5,
        "amount": order.total_amount,
        "is_partial": False,
        "returned_at": datetime(2024, 3, 14, 9, tzinfo=UTC),
        "return_id": None,
        **changes,
    }
    return _next(OrderReturned, order, given)


def a_payment(customer_id: str = "cust_1", **changes: object) -> RecordPayment:
    """A payment of 100.00 for whatever is oldest."""
    whole = {
        "payment_id": f"PAY-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "amount": "100.00",
        "currency": "USD",
        "received_at": NOW - timedelta(days=1),
    }
    return _built(RecordPayment, whole, changes)


def an_invoice_command(customer_id: str = "cust_1", **changes: object) -> IssueInvoice:
    """An opening balance of 100.00."""
    whole = {
        "customer_id": customer_id,
        "external_ref": f"OPENING-{uuid4().hex[:12]}",
        "amount": "100.00",
        "currency": "USD",
        "invoice_date": date(2024, 1, 1),
    }
    return _built(IssueInvoice, whole, changes)


def a_credit_note(customer_id: str = "cust_1", **changes: object) -> IssueCreditNote:
    """A credit note of 10.00."""
    whole = {
        "credit_note_id": f"NOTE-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "amount": "10.00",
        "currency": "USD",
        "issued_at": NOW - timedelta(days=1),
    }
    return _built(IssueCreditNote, whole, changes)


def a_write_off(customer_id: str = "cust_1", **changes: object) -> WriteOff:
    """10.00 that are not expected any more."""
    whole = {
        "write_off_id": f"OFF-{uuid4().hex[:12]}",
        "customer_id": customer_id,
        "amount": "10.00",
        "currency": "USD",
        "reason": "small balance",
    }
    return _built(WriteOff, whole, changes)


def an_open_invoice(invoice_id: str = "inv_1", **changes: Any) -> Invoice:
    """An invoice of 100.00, of which nothing was paid yet."""
    whole = Invoice(
        invoice_id=invoice_id,
        customer_id="cust_1",
        amount=Decimal("100.00"),
        invoice_date=date(2024, 2, 1),
        due_on=date(2024, 3, 2),
    )
    return _replaced(whole, changes)


def some_money(amount: str = "100.00", **changes: Any) -> Money:
    """A payment that was received on 14 March."""
    whole = Money(
        kind="payment",
        source="/bank",
        id="PAY-1",
        customer_id="cust_1",
        amount=Decimal(amount),
        at=datetime(2024, 3, 14, 10, tzinfo=UTC),
        on_account=Decimal(amount),
        digest=b"",
    )
    return _replaced(whole, changes)


def an_invoice_id() -> str:
    """One that no other test has."""
    return f"inv_{uuid4().hex}"


def _next(event: type[E], order: OrderEvent, changes: dict[str, object]) -> E:
    whole = {
        **order.model_dump(),
        "previous_status": order.status,
        **{name: value for name, value in changes.items() if value is not ...},
    }
    return event.model_validate(_decimals(whole))


def _built(message: type[M], whole: dict[str, Any], changes: dict[str, Any]) -> M:
    return message.model_validate(_decimals({**whole, **changes}))


def _decimals(members: dict[str, Any]) -> dict[str, Any]:
    """Amounts may be given as texts, also within lists of parts."""
    return {name: _decimal(name, value) for name, value in members.items()}


def _decimal(name: str, value: Any) -> Any:
    if name in ("amount", "total_amount", "credit_limit") and isinstance(value, str):
        return Decimal(value)
    if isinstance(value, list):
        return [_decimals(each) if isinstance(each, dict) else each for each in value]
    return value


def _replaced(whole: D, changes: dict[str, Any]) -> D:
    """Amounts of accounts and documents may be given as texts too."""
    amounts = {
        *("balance", "reserved", "past_due", "credit_limit"),
        *("amount", "credited", "written_off", "paid", "on_account"),
    }
    given: dict[str, Any] = {
        name: Decimal(value) if name in amounts and isinstance(value, str) else value
        for name, value in changes.items()
    }
    return replace(whole, **given)
