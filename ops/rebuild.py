"""The verb `rebuild`: kept figures made good, one customer at a time, while everything serves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from ops import bus
from ops.copies import KEPT_BY, Comparison, Copies, Differing, Looking, comparison
from ops.output import INTERRUPTED, Doing, console, errors, fail
from ops.reach import Busy, OutOfReach, Reach, reached
from ops.settings import Settings
from ops.verify import OWN, counted, shown
from services.credit import rebuilding as of_credit
from services.customers import rebuilding as of_customers
from services.customers import verification as customers
from services.orders import rebuilding as of_orders
from shared import outbox
from shared.consequences import Cause, outgoing
from shared.figures import Difference, Rebuilt

ATTEMPTS = 5
AGAIN_AFTER_S = 0.2

Rebuilding = Callable[[AsyncConnection, str, datetime], Awaitable[Rebuilt]]


@dataclass(frozen=True, slots=True)
class Repair:
    """A difference that was found. is_done: False where nobody can tell what is right."""

    difference: Difference
    is_done: bool = True


FROM_OWN_ROWS: Mapping[str, Rebuilding] = {"orders": of_orders.rebuild, "credit": of_credit.rebuild}


def rebuild(settings: Settings, service: str | None, customer_id: str | None, within_s: float) -> int:
    """Repair whatever `verify` names, and print what it was; the exit code.

    service: None for all. customer_id: None for all. within_s: as of `verify`.
    0: everything is what it should be. 1: there is no such customer, or what somebody's figures are made from
    contradicts itself. 2: something does not answer, and what was not looked at is as it was.
    """
    if service is not None and service not in OWN:
        fail(f"there is no service {service}; there is: {', '.join(OWN)}")
        return 2
    bus.keep_clients_quiet()
    try:
        services = [service] if service else list(OWN)
        return asyncio.run(_rebuilt(settings, services, customer_id, within_s))
    except OutOfReach as error:
        fail(str(error))
        return 2
    except KeyboardInterrupt:
        errors.say("interrupted: what is repaired is repaired, everything else is as it was; run it again")
        return INTERRUPTED


async def _rebuilt(
    settings: Settings, services: Sequence[str], customer_id: str | None, within_s: float
) -> int:
    left = 0
    async with reached(settings) as reach:
        if customer_id is not None and not await _is_known(reach, customer_id):
            fail(f"there is no customer {customer_id}")
            return 1
        for service in services:
            with Doing(service) as doing:
                looking = Looking(reach, customer_id, within_s, doing)
                repairs = [each async for each in _shown(_repairs(looking, service))]
            done = sum(each.is_done for each in repairs)
            console.say(f"{service}: {counted(done)}{' repaired' if done else ''}")
            left += len(repairs) - done
    if left:
        fail(f"{counted(left)} left: what these are made from contradicts itself")
    return 1 if left else 0


async def _shown(repairs: AsyncIterator[Repair]) -> AsyncIterator[Repair]:
    async for each in repairs:
        console.say(shown(each.difference, "now" if each.is_done else "left as it is; should be"))
        yield each


async def _is_known(reach: Reach, customer_id: str) -> bool:
    """Whether anybody keeps figures of it."""
    async with reach.reading("customers") as db:
        if await customers.is_known(db, customer_id):
            return True
    for service in FROM_OWN_ROWS:
        async with reach.reading(service) as db:
            if [each async for each in OWN[service].differences(db, customer_id)]:
                return True
    return False


async def _repairs(looking: Looking, service: str) -> AsyncIterator[Repair]:
    """Repair a service, what it keeps of others first: a limit may decide what its own figures are.

    Raises:
        OutOfReach: something does not answer, or does not go on in time.
    """
    for copies in KEPT_BY[service]:
        async for each in _repairs_of_copies(looking, copies):
            yield each
    if service in FROM_OWN_ROWS:
        async for each in _repairs_from_own_rows(looking, service):
            yield each
    elif looking.customer_id is None:
        for each in await _patiently(partial(_recounted, looking.reach)):
            yield each


async def _repairs_of_copies(looking: Looking, copies: Copies) -> AsyncIterator[Repair]:
    async with comparison(looking, copies) as compared:
        differing = await compared.differing()
        for customer_id, entities in groupby(differing, key=lambda each: each.customer_id):
            looking.doing.count(f"repairing {customer_id}")
            for each in await _repaired(compared, customer_id, list(entities)):
                yield each


async def _repaired(
    compared: Comparison, customer_id: str, differing: Sequence[Differing]
) -> Sequence[Repair]:
    entity_ids = [each.entity_id for each in differing]

    async def rebuilt() -> Sequence[Repair]:
        return [Repair(each) for each in await compared.rebuild(customer_id, entity_ids)]

    return await _patiently(rebuilt)


async def _repairs_from_own_rows(looking: Looking, service: str) -> AsyncIterator[Repair]:
    looking.doing.tell("comparing with its own rows")
    async with looking.reach.reading(service) as db:
        found = OWN[service].differences(db, looking.customer_id)
        names = {each.customer_id async for each in found if each.customer_id is not None}
    for number, customer_id in enumerate(sorted(names), start=1):
        looking.doing.count(f"repairing {number:,} of {counted(len(names), 'customer')}")
        for each in await _patiently(partial(_rebuilt_one, looking.reach, service, customer_id)):
            yield each


async def _rebuilt_one(reach: Reach, service: str, customer_id: str) -> Sequence[Repair]:
    now = datetime.now(UTC)
    async with reach.changing(service) as db:
        rebuilt = await FROM_OWN_ROWS[service](db, customer_id, now)
        if rebuilt.states:
            cause = Cause(service, now, correlation_id=None)
            await outbox.put(db, [outgoing(state, cause) for state in rebuilt.states])
        left = {each.figure async for each in OWN[service].differences(db, customer_id)}
    return [Repair(each, is_done=each.figure not in left) for each in rebuilt.found]


async def _recounted(reach: Reach) -> Sequence[Repair]:
    async with reach.changing("customers") as db:
        return [Repair(each) for each in await of_customers.recount(db)]


async def _patiently(repair: Callable[[], Awaitable[Sequence[Repair]]]) -> Sequence[Repair]:
    """What a transaction repaired that others may keep waiting.

    Raises:
        OutOfReach: something does not answer, or others keep it waiting again and again.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await repair()
        except Busy:
            await asyncio.sleep(AGAIN_AFTER_S)
    return await repair()
