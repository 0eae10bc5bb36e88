"""Books of credit in which something of everything has happened, and what goes wrong in them, for tests."""

from datetime import date

from tests.support.credit_builders import (
    a_credit_note,
    a_payment,
    a_write_off,
    an_invoice_command,
    an_order,
    cancelled,
    returned,
    shipped,
)
from tests.support.credit_under_test import Credit


async def lively_account(credit: Credit) -> str:
    """One to which everything has happened that can."""
    customer = await credit.opens_account()
    orders = [an_order(customer_id=customer, total_amount=total) for total in ("70.00", "80.00", "90.00")]
    await credit.hears_all(*orders, cancelled(orders[0]), shipped(orders[1]))
    await credit.hears(returned(orders[1], amount="10.00", is_partial=True))
    await credit.posts(an_invoice_command(customer, due_date=date(2024, 1, 31)))
    await credit.posts(a_payment(customer, amount="45.00"))
    await credit.posts(a_payment(customer, amount="25.00", allocations=[]))
    await credit.posts(a_credit_note(customer))
    await credit.posts(a_write_off(customer))
    # which money on account settles, the note's 10.00 and 20.00 of a payment's, both of 14 March
    await credit.posts(an_invoice_command(customer, amount="30.00", due_date=date(2024, 3, 31)))
    return customer


WRONG_ACCOUNTS = {
    "update accounts set balance = balance + 1": [
        "balance, by invoices and money",
        "balance, by the ledger",
    ],
    "update accounts set reserved = reserved + 1": ["reserved, by the ledger", "reserved, by what is held"],
    "update accounts set past_due = past_due + 1": ["past due"],
    "delete from allocations where kind = 'write_off'": [
        "on account of write_off ",
        "past due",
        "written off of inv_",
    ],
}
"""What makes figures of such an account wrong, and which."""

WRONG_DOCUMENTS = {
    "update invoices set paid = 44 where paid = 45": ["paid of inv_"],
    "update invoices set credited = 9 where order_id is not null": ["credited of inv_"],
    "update invoices set written_off = 0 where written_off > 0": ["written off of inv_"],
    "update invoices set settled_on = settled_on - 40 where settled_on is not null": ["settled on of inv_"],
    "update invoices set last_paid_on = null where paid = 45": ["last paid on of inv_"],
    "update money set on_account = 4 where on_account = 5": ["on account of payment "],
    "update settlements set invoices = invoices + 1 where grain = 'day'": [
        "invoices settled, day of 2024-03-14"
    ],
    "update settlements set days = days + 1 where grain = 'month'": ["days to pay, month of 2024-03-01"],
    "update settlements set starts_on = '2024-03-13' where grain = 'day'": [
        "days to pay, day of 2024-03-13",
        "days to pay, day of 2024-03-14",
        "invoices settled, day of 2024-03-13",
        "invoices settled, day of 2024-03-14",
    ],
    "delete from settlements where grain = 'ever'": ["days to pay, ever", "invoices settled, ever"],
}
"""What makes figures beside the account wrong."""

CONTRADICTIONS = {
    "delete from ledger where kind = 'payment'": ["balance, by the ledger"],
    "delete from ledger where kind = 'reserve'": ["reserved, by the ledger"],
    "update reservations set status = 'released'": ["reserved, by what is held"],
    "update money set amount = amount + 1, on_account = on_account + 1 where kind = 'write_off'": [
        "balance, by invoices and money"
    ],
    "delete from accounts": [
        "balance, by invoices and money",
        "balance, by the ledger",
        "reserved, by the ledger",
        "reserved, by what is held",
    ],
}
"""What makes ledger, documents and accounts speak against each other, so that nobody knows who is right."""
