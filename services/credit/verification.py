"""Kept figures against what they are made from: accounts, invoices and money, row by row. Changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Integer, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.tables import accounts

PAGE = 1_000  # accounts: what one statement compares, as of one instant

_NAMES = (
    select(accounts.c.customer_id)
    .where(accounts.c.customer_id > bindparam("after", type_=Text))
    .order_by(accounts.c.customer_id)
    .limit(bindparam("page", type_=Integer))
    .subquery("names")
)
_LAST = select(func.max(_NAMES.c.customer_id))
# Overdue is a matter of the day: what was kept counts as of the day on which a figure changed last.
_DIFFERENCES = text(
    """
    with account as (
        select *, cast(timezone('UTC', as_of) as date) as kept_on from accounts
        where customer_id > :after and customer_id <= :last
    ), posted as (
        select customer_id, sum(receivable) as receivable, sum(reserved) as reserved from ledger
        where customer_id > :after and customer_id <= :last group by customer_id
    ), held as (
        select customer_id, sum(amount) as amount from reservations
        where status = 'held' and customer_id > :after and customer_id <= :last group by customer_id
    ), invoiced as (
        select customer_id, sum(amount) as amount from invoices
        where customer_id > :after and customer_id <= :last group by customer_id
    ), lowered as (
        select customer_id, sum(amount) as amount from money
        where customer_id > :after and customer_id <= :last group by customer_id
    ), past_due as (
        select customer_id, sum(open_amount) as amount from invoices join account using (customer_id)
        where open_amount > 0 and due_on < kept_on group by customer_id
    ), compared as (
        select customer_id, figure, kept, coalesce(expected, 0) as expected from account
        left join posted using (customer_id) left join held using (customer_id)
        left join invoiced using (customer_id) left join lowered using (customer_id)
        left join past_due using (customer_id), lateral (values
            ('balance, by the ledger', balance, posted.receivable),
            ('balance, by invoices and money', balance,
                coalesce(invoiced.amount, 0) - coalesce(lowered.amount, 0)),
            ('reserved, by the ledger', account.reserved, posted.reserved),
            ('reserved, by what is held', account.reserved, held.amount),
            ('past due', account.past_due, past_due.amount)
        ) as figures (figure, kept, expected)
        union all
        select customer_id, figure || ' of ' || invoice_id, kept, coalesce(expected, 0)
        from invoices, lateral (
            select sum(amount) filter (where kind = 'payment') as paid,
                sum(amount) filter (where kind = 'credit_note') as credited,
                sum(amount) filter (where kind = 'write_off') as written_off
            from allocations where allocations.invoice_id = invoices.invoice_id
        ) as taken, lateral (values
            ('paid', invoices.paid, taken.paid),
            ('credited', invoices.credited, taken.credited),
            ('written off', invoices.written_off, taken.written_off)
        ) as parts (figure, kept, expected)
        where customer_id > :after and customer_id <= :last
        union all
        select customer_id, 'on account of ' || kind || ' ' || id, on_account, amount - coalesce(taken, 0)
        from money, lateral (
            select sum(amount) as taken from allocations where allocations.kind = money.kind
                and allocations.source = money.source and allocations.id = money.id
        ) as spent
        where customer_id > :after and customer_id <= :last
    )
    select customer_id, figure, kept, expected from compared where kept <> expected
    order by customer_id, figure
    """
).bindparams(bindparam("after", type_=Text), bindparam("last", type_=Text))


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what it is made from.

    Attributes:
        figure: Which one, and by what it was recomputed.
        kept: As it is in the table.
        expected: As it should be.
    """

    customer_id: str
    figure: str
    kept: Decimal
    expected: Decimal


async def differences(db: AsyncConnection, page: int = PAGE) -> AsyncIterator[Difference]:
    """Every difference of every account, by customer; none where all is well.

    Args:
        db: A connection whose statements run alone: what is posted meanwhile is compared before or after.
        page: How many accounts a statement compares.
    """
    after = ""
    while (last := (await db.execute(_LAST, {"after": after, "page": page})).scalar_one()) is not None:
        for row in await db.execute(_DIFFERENCES, {"after": after, "last": last}):
            yield Difference(**row._mapping)
        after = last
