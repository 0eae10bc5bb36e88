"""A customer's figures made anew from what they are made from, as `verification` compares them."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account
from services.credit.postings import day
from services.credit.store.accounts import lock_account
from services.credit.store.analytics import facts_changed
from services.credit.verification import INVOICES, SETTLED, differences
from shared.figures import Rebuilt

_INVOICES = text(
    f"""
    update invoices set paid = told.paid, credited = told.credited, written_off = told.written_off,
        last_paid_on = told.last_paid_on, settled_on = told.settled_on
    from ({INVOICES}) as told
    where told.invoice_id = invoices.invoice_id and told.open_amount >= 0
    """  # noqa: S608  # of our own statements
)
_MONEY = text(
    """
    update money set on_account = amount - taken from (
        select kind, source, id, coalesce((select sum(amount) from allocations
            where allocations.kind = money.kind and allocations.source = money.source
                and allocations.id = money.id), 0) as taken
        from money where customer_id between :first and :last
    ) as spent
    where money.kind = spent.kind and money.source = spent.source and money.id = spent.id and taken <= amount
    """
)
_NO_SETTLEMENTS = text("delete from settlements where customer_id between :first and :last")
_SETTLEMENTS = text(
    f"""
    with true_invoices as ({INVOICES})
    insert into settlements (customer_id, grain, starts_on, invoices, days) {SETTLED}
    """
)
_SUMS = text(
    """
    select coalesce(sum(receivable), 0.00) as balance, coalesce(sum(reserved), 0.00) as reserved,
        coalesce((select sum(amount) from invoices where customer_id = :customer_id), 0)
            - coalesce((select sum(amount) from money where customer_id = :customer_id), 0) as documented,
        coalesce((select sum(amount) from reservations
            where customer_id = :customer_id and status = 'held'), 0) as held,
        coalesce((select sum(open_amount) from invoices
            where customer_id = :customer_id and open_amount > 0 and due_on < :today), 0.00) as past_due
    from ledger where customer_id = :customer_id
    """
)
_ACCOUNT = text(
    """
    update accounts set version = :version, balance = :balance, reserved = :reserved, past_due = :past_due,
        as_of = :now
    where customer_id = :customer_id
    """
)


async def rebuild(db: AsyncConnection, customer_id: str, now: datetime) -> Rebuilt:
    """Repair what differs of a customer, whose account stays locked until the caller's transaction ends.

    What ledger and documents do not agree about, and what was posted of somebody without an account, is found
    and left as it is: nobody knows which of them is right.
    """
    account = await lock_account(db, customer_id)
    found = [each async for each in differences(db, customer_id)]
    if account is None or not found:
        return Rebuilt(found, [])
    for statement in (_INVOICES, _MONEY, _NO_SETTLEMENTS, _SETTLEMENTS):
        await db.execute(statement, {"first": customer_id, "last": customer_id})
    await facts_changed(db, [customer_id])
    after = await _as_posted(db, account, day(now))
    is_past_due_wrong = any(each.figure == "past due" for each in found)
    if not is_past_due_wrong and after == account.owing(after.past_due):
        return Rebuilt(found, [])
    told = after.moved()
    names = ("customer_id", "version", "balance", "reserved", "past_due")
    values: dict[str, Any] = {name: getattr(told, name) for name in names}
    await db.execute(_ACCOUNT, {**values, "now": now})
    return Rebuilt(found, [told.state()])


async def _as_posted(db: AsyncConnection, account: Account, today: date) -> Account:
    sums = (await db.execute(_SUMS, {"customer_id": account.customer_id, "today": today})).one()
    return replace(
        account,
        balance=sums.balance if sums.balance == sums.documented else account.balance,
        reserved=sums.reserved if sums.reserved == sums.held else account.reserved,
        past_due=sums.past_due,
    )
