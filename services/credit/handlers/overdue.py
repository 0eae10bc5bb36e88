"""What is said as time passes: an invoice is overdue."""

from services.credit.handlers.accounts import say
from services.credit.postings import day
from services.credit.receivables import overdue
from services.credit.store import invoices
from services.credit.store.accounts import lock_accounts
from services.credit.store.ledger import post
from shared.contracts.credit.topics import RECEIVABLE_COMMANDS
from shared.contracts.orders.topics import EVENTS as ORDER_EVENTS
from shared.handlers import Handlers, Tick

AT_ONCE = 100  # invoices: the accounts concerned are locked meanwhile

handlers = Handlers("credit")


# After an outage what was paid meanwhile is heard before anything is called overdue.
@handlers.every(60, having_read=(RECEIVABLE_COMMANDS, ORDER_EVENTS))
async def say_overdue(tick: Tick) -> bool:
    """Say of invoices whose due date has passed that they are not paid, each once."""
    today = day(tick.now)
    customers = await invoices.overdue(tick.db, today, AT_ONCE)
    accounts = await lock_accounts(tick.db, sorted(set(customers.values())))
    owed = await invoices.still_overdue(tick.db, today, list(customers))
    for account in accounts:
        if (of_customer := owed.get(account.customer_id)) is not None:
            change = overdue(account.owing(of_customer.past_due), of_customer.invoices, today)
            await post(tick.db, account, change, tick.now)
            say(change, tick)
    return len(customers) == AT_ONCE
