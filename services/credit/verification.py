"""Kept figures against what they are made from: the ledger, documents and allocations. Changes nothing."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.store import analytics
from shared.figures import Difference

PAGE = 1_000  # customers: what one statement compares, as of one instant

_NEXT = """least(
    (select min(customer_id) from accounts where customer_id > found.customer_id),
    (select min(customer_id) from ledger where customer_id > found.customer_id),
    (select min(customer_id) from invoices where customer_id > found.customer_id),
    (select min(customer_id) from money where customer_id > found.customer_id),
    (select min(customer_id) from reservations where status = 'held' and customer_id > found.customer_id),
    (select min(customer_id) from settlements where customer_id > found.customer_id)
)"""
_CUSTOMER_IDS = text(
    f"""
    with recursive found (customer_id, position) as (
        select cast(:after as text), 0
        union all
        select {_NEXT}, position + 1 from found where customer_id is not null and position < :at_most
    )
    select customer_id from found where position > 0 and customer_id is not null order by position
    """  # noqa: S608  # of our own names
)

INVOICES = """
    select invoices.customer_id, invoice_id, invoice_date, due_on, amount - taken as open_amount,
        told.paid, told.credited, told.written_off, told.last_paid_on,
        case when taken >= amount then greatest(invoice_date, told.last_paid_on, taken_on) end as settled_on
    from invoices, lateral (
        select coalesce(sum(amount), 0.00) as taken,
            coalesce(sum(amount) filter (where kind = 'payment'), 0.00) as paid,
            coalesce(sum(amount) filter (where kind = 'credit_note'), 0.00) as credited,
            coalesce(sum(amount) filter (where kind = 'write_off'), 0.00) as written_off,
            max(on_day) filter (where kind = 'payment') as last_paid_on,
            (array_agg(on_day order by position desc))[1] as taken_on
        from allocations where allocations.invoice_id = invoices.invoice_id
    ) as told
    where invoices.customer_id between :first and :last
"""
"""What the allocations make of the invoices of customers from `first` to `last`."""

SETTLED = """
    select customer_id, grain, starts_on, count(*) as invoices,
        sum(greatest(0, last_paid_on - invoice_date)) as days
    from true_invoices, lateral (values
        ('day', settled_on),
        ('month', cast(date_trunc('month', cast(settled_on as timestamp)) as date)),
        ('ever', date '0001-01-01')
    ) as rolled_up (grain, starts_on)
    where settled_on is not null and last_paid_on is not null
    group by customer_id, grain, starts_on
"""
"""The rows of `settlements` that `true_invoices` make."""

# Overdue is a matter of the day: what was kept counts as of the day on which a figure changed last.
_DIFFERENCES = text(
    f"""
    with customers as (
        select unnest(cast(:customer_ids as text[])) as customer_id
    ), account as (
        select *, cast(timezone('UTC', as_of) as date) as kept_on from accounts
        where customer_id between :first and :last
    ), true_invoices as ({INVOICES}), posted as (
        select customer_id, sum(receivable) as receivable, sum(reserved) as reserved from ledger
        where customer_id between :first and :last group by customer_id
    ), held as (
        select customer_id, sum(amount) as amount from reservations
        where status = 'held' and customer_id between :first and :last group by customer_id
    ), documented as (
        select customer_id, sum(amount) as amount from (
            select customer_id, amount from invoices where customer_id between :first and :last
            union all
            select customer_id, -amount from money where customer_id between :first and :last
        ) as documents group by customer_id
    ), past_due as (
        select customer_id, sum(open_amount) as amount from true_invoices join account using (customer_id)
        where open_amount > 0 and due_on < kept_on group by customer_id
    ), settled as ({SETTLED}), compared (customer_id, figure, kept, expected) as (
        select customer_id, figure, cast(figures.kept as text), cast(coalesce(expected, 0.00) as text)
        from customers left join account using (customer_id) left join posted using (customer_id)
        left join held using (customer_id) left join documented using (customer_id)
        left join past_due using (customer_id), lateral (values
            ('balance, by the ledger', balance, posted.receivable),
            ('balance, by invoices and money', balance, documented.amount),
            ('reserved, by the ledger', account.reserved, posted.reserved),
            ('reserved, by what is held', account.reserved, held.amount),
            ('past due', account.past_due, past_due.amount)
        ) as figures (figure, kept, expected)
        union all
        select invoices.customer_id, figure || ' of ' || invoice_id, parts.kept, expected
        from invoices join true_invoices using (invoice_id), lateral (values
            ('paid', cast(invoices.paid as text), cast(true_invoices.paid as text)),
            ('credited', cast(invoices.credited as text), cast(true_invoices.credited as text)),
            ('written off', cast(invoices.written_off as text), cast(true_invoices.written_off as text)),
            ('last paid on', cast(invoices.last_paid_on as text), cast(true_invoices.last_paid_on as text)),
            ('settled on', cast(invoices.settled_on as text), cast(true_invoices.settled_on as text))
        ) as parts (figure, kept, expected)
        union all
        select customer_id, 'on account of ' || kind || ' ' || id, cast(on_account as text),
            cast(amount - coalesce(taken, 0) as text)
        from money, lateral (
            select sum(amount) as taken from allocations where allocations.kind = money.kind
                and allocations.source = money.source and allocations.id = money.id
        ) as spent
        where customer_id between :first and :last
        union all
        select customer_id, figure || case grain when 'ever' then ', ever'
            else ', ' || grain || ' of ' || starts_on end, cast(rows.kept as text), cast(expected as text)
        from (select * from settlements where customer_id between :first and :last) as kept
        full join settled using (customer_id, grain, starts_on), lateral (values
            ('invoices settled', kept.invoices, settled.invoices), ('days to pay', kept.days, settled.days)
        ) as rows (figure, kept, expected)
    )
    select customer_id, figure, kept, expected as "true" from compared
    where kept is distinct from expected and (kept is not null or expected <> '0.00')
    order by customer_id, figure
    """  # noqa: S608  # of our own statements
)


async def customer_ids(db: AsyncConnection, after: str, at_most: int) -> list[str]:
    """Who has figures, or what figures are made from: the next ids after one, ascending."""
    return list((await db.execute(_CUSTOMER_IDS, {"after": after, "at_most": at_most})).scalars())


async def differences(
    db: AsyncConnection, customer_id: str | None = None, page: int = PAGE
) -> AsyncIterator[Difference]:
    """Every difference, by customer and figure, of each page the risks last; none where all is well.

    Args:
        db: Where statements run alone, what is posted meanwhile is compared before or after.
        customer_id: Whose alone; None: everybody's.
        page: How many customers a statement compares.
    """
    ids = [customer_id] if customer_id is not None else await customer_ids(db, "", page)
    while ids:
        within = {"customer_ids": ids, "first": ids[0], "last": ids[-1]}
        found = [Difference(**row._mapping) for row in await db.execute(_DIFFERENCES, within)]
        for each in [*found, *await _risks(db, found, ids)]:
            yield each
        ids = [] if customer_id is not None else await customer_ids(db, ids[-1], page)


async def _risks(db: AsyncConnection, found: Sequence[Difference], ids: Sequence[str]) -> list[Difference]:
    """Risks that are not as they are computed, but for those of what was found to be wrong itself."""
    wrong = {each.customer_id for each in found}
    return [
        Difference(each.account.customer_id, f"risk as of {each.as_of}", each.risk, each.true_risk)
        for each in await analytics.remembered(db, [id_ for id_ in ids if id_ not in wrong])
        if each.risk != each.true_risk
    ]
