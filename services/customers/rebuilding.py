"""Counts of customers made anew from the rows."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.verification import differences
from shared.figures import Difference

_LOCK_SLOTS = text("select slot from customer_counts order by slot for update")
_RECOUNT = text(
    """
    update customer_counts as slots
    set active = slots.active + counted.active - kept.active,
        inactive = slots.inactive + counted.inactive - kept.inactive
    from (select sum(active) as active, sum(inactive) as inactive from customer_counts) as kept,
        (select count(*) filter (where is_active) as active,
            count(*) filter (where not is_active) as inactive
        from customers where erased_at is null) as counted
    where slots.slot = 0
    """
)


async def recount(db: AsyncConnection) -> list[Difference]:
    """Put into one slot what all together lack, in the caller's transaction; what it was.

    Whoever takes a customer in waits until it ends: each change of a customer goes to one of the locked slots
    by the statement that makes it, so that what is counted is all that the slots tell of.
    """
    await db.execute(_LOCK_SLOTS)
    found = [each async for each in differences(db)]
    if found:
        await db.execute(_RECOUNT)
    return found
