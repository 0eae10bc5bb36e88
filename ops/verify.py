"""The verb `verify`: every kept figure held against what it is made from. Changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from ops import bus
from ops.copies import KEPT_BY, Looking, comparison
from ops.output import Doing, console, fail
from ops.reach import OutOfReach, reached
from ops.settings import Settings
from services.credit import verification as of_credit
from services.customers import verification as of_customers
from services.orders import verification as of_orders
from shared.figures import Difference

COUNTED_AT_ONCE = 10_000


class Verification(Protocol):
    """What a service tells of the figures that it makes itself."""

    def differences(self, db: AsyncConnection, customer_id: str | None = None) -> AsyncIterator[Difference]:
        """Where they are not what they should be."""
        ...

    async def customer_ids(self, db: AsyncConnection, after: str, at_most: int) -> list[str]:
        """Whose there are, ascending."""
        ...


OWN: Mapping[str, Verification] = {"orders": of_orders, "credit": of_credit, "customers": of_customers}
"""By service, so that who keeps figures of another one comes behind it."""


def verify(settings: Settings, service: str | None, within_s: float) -> int:
    """Print where kept figures differ from what they are made from; the exit code.

    service: None for all. within_s: how long a service is awaited that has to publish or to read.
    0: nowhere. 1: somewhere. 2: something does not answer, so that not everything was looked at.
    """
    if service is not None and service not in OWN:
        fail(f"there is no service {service}; there is: {', '.join(OWN)}")
        return 2
    bus.keep_clients_quiet()
    try:
        found = asyncio.run(_verified(settings, [service] if service else list(OWN), within_s))
    except OutOfReach as error:
        fail(str(error))
        return 2
    return 1 if found else 0


def shown(difference: Difference, remedy: str) -> str:
    """A line that names the customer, the figure, and both values; remedy: stands before the true one."""
    kept, true = (value if value is not None else "nothing" for value in (difference.kept, difference.true))
    return f"{difference.customer_id or 'all customers'}  {difference.figure}: {kept}, {remedy} {true}"


def counted(count: int, noun: str = "difference") -> str:
    """So many of something."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}" if count else f"no {noun}s"


async def differences(looking: Looking, service: str) -> AsyncIterator[Difference]:
    """Every difference of a service: of what it makes itself, then of what it keeps of others.

    Raises:
        OutOfReach: something does not answer, or does not go on in time.
    """
    looking.doing.tell("comparing with its own rows")
    async with looking.reach.reading(service) as db:
        async for each in OWN[service].differences(db, looking.customer_id):
            yield each
    for copies in KEPT_BY[service]:
        async with comparison(looking, copies) as compared:
            for differing in await compared.differing():
                for each in differing.differences:
                    yield each


async def _verified(settings: Settings, services: Sequence[str], within_s: float) -> int:
    """How many differences were found and shown."""
    total = 0
    async with reached(settings) as reach:
        for service in services:
            with Doing(service) as doing:
                looking = Looking(reach, customer_id=None, within_s=within_s, doing=doing)
                customers = await _customers(looking, service)
                found = 0
                async for each in differences(looking, service):
                    console.say(shown(each, "should be"))
                    found += 1
            console.say(f"{service}: {counted(customers, 'customer')}, {counted(found)}")
            total += found
    return total


async def _customers(looking: Looking, service: str) -> int:
    count, after = 0, ""
    async with looking.reach.reading(service) as db:
        while ids := await OWN[service].customer_ids(db, after, COUNTED_AT_ONCE):
            count, after = count + len(ids), ids[-1]
            looking.doing.count(f"{count:,} customers")
    return count
