"""What customers counts of its own, against its rows. Changes nothing.

What it keeps of others' figures is compared in `copies`.
"""

from collections.abc import AsyncIterator

from sqlalchemy import Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.figures import Difference

_IDS = text(
    """
    select id from customers where erased_at is null and id > :after
    union select customer_id from figures where customer_id > :after
    order by 1 limit :at_most
    """
).bindparams(bindparam("after", type_=Text), bindparam("at_most", type_=Integer))
_IS_KNOWN = text(
    "select exists (select from customers where id = :of_customer)"
    " or exists (select from figures where customer_id = :of_customer)"
).bindparams(bindparam("of_customer", type_=Text))
_COUNTS = text(
    """
    select figure, cast(kept as text) as kept, cast(true_count as text) as true
    from (select sum(active) as active, sum(inactive) as inactive from customer_counts) as kept,
        (select count(*) filter (where is_active) as active,
            count(*) filter (where not is_active) as inactive
        from customers where erased_at is null) as counted,
        lateral (values ('active customers', kept.active, counted.active),
            ('inactive customers', kept.inactive, counted.inactive)) as figures (figure, kept, true_count)
    where kept <> true_count order by figure
    """
)


async def differences(db: AsyncConnection, customer_id: str | None = None) -> AsyncIterator[Difference]:
    """Where the counts are not those of the rows; they are nobody's, so of one customer nothing differs."""
    if customer_id is None:
        for row in await db.execute(_COUNTS):
            yield Difference(customer_id=None, figure=row.figure, kept=row.kept, true=row.true)


async def customer_ids(db: AsyncConnection, after: str, at_most: int) -> list[str]:
    """Whoever exists or has figures, ascending from behind `after`."""
    return list((await db.execute(_IDS, {"after": after, "at_most": at_most})).scalars())


async def is_known(db: AsyncConnection, customer_id: str) -> bool:
    """Whether there is or ever was such a customer, or another service has told of it."""
    return bool((await db.execute(_IS_KNOWN, {"of_customer": customer_id})).scalar_one())
