"""Credit files for tests: good in all respects, and the test names what is not."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.credit.scoring import TCS_1
from shared.contracts.credit.files import CreditFile, InvoiceOnFile, OrdersOnFile, PaymentOnFile

AS_OF = date(2024, 1, 15)


def days_ago(days: int) -> date:
    """So many days before the day that the files speak of."""
    return AS_OF - timedelta(days=days)


def an_invoice(
    amount: str = "1000.00", due_days_ago: int = 40, paid: str = "0.00", late_by: int = 0
) -> InvoiceOnFile:
    """Open, unless something was paid; late_by: days from the due date to the payment."""
    due_on = days_ago(due_days_ago)
    payment = PaymentOnFile(paid_on=due_on + timedelta(days=late_by), amount=Decimal(paid))
    return InvoiceOnFile(amount=Decimal(amount), due_on=due_on, payments=(payment,) if payment.amount else ())


def a_paid_invoice(late_by: int = 0, due_days_ago: int = 200, amount: str = "1000.00") -> InvoiceOnFile:
    """Paid in full, so many days after its due date."""
    return an_invoice(amount, due_days_ago, paid=amount, late_by=late_by)


def paid_invoices(late_by: int = 0, count: int = 3) -> Sequence[InvoiceOnFile]:
    """Enough of them for a full file."""
    return [a_paid_invoice(late_by) for _ in range(count)]


def some_orders(**changes: object) -> OrdersOnFile:
    """Twenty orders of a customer who buys for 24,000 a year."""
    whole = {
        "accepted": 20,
        "cancelled_or_returned": 0,
        "purchases": Decimal("24000.00"),
        "last_order_on": days_ago(5),
    }
    return OrdersOnFile.model_validate({**whole, **changes})


def a_credit_file(*invoices: InvoiceOnFile, **changes: object) -> CreditFile:
    """Of a customer of three years who pays promptly; three paid invoices, unless invoices are named."""
    whole = {
        "model": TCS_1,
        "as_of": AS_OF,
        "customer_since": date(2021, 1, 1),
        "is_active": True,
        "credit_limit": Decimal("20000.00"),
        "receivable_balance": Decimal("4000.00"),
        "reserved": Decimal("0.00"),
        "terms_days": 30,
        "orders": some_orders(),
        "invoices": tuple(invoices or paid_invoices()),
    }
    return CreditFile.model_validate({**whole, **changes})
