"""Figures that a service keeps of another one's states: compared with the state topic, and made good from it.

Exact while everything serves. What was said until a mark is heard by the service before its rows are read,
and what comes meanwhile is kept with its versions: so each row is held against the state of its own version.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest

from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncConnection

from ops.bus import NoBus, ensure_bus
from ops.groups import has_read
from ops.output import Doing
from ops.reach import OutOfReach, Reach
from ops.state_log import StateLog, state_log
from ops.states import States, Told
from services.credit import copies as of_credit
from services.customers import copies as of_customers
from shared import outbox
from shared.consequences import Cause, outgoing
from shared.contracts.credit.events import CreditAccount
from shared.contracts.customers.events import CustomerState
from shared.contracts.orders.events import OrderState, OrderTotals
from shared.contracts.orders.topics import EVENTS as ORDER_EVENTS
from shared.figures import Copy, Difference, Page
from shared.messaging import State, Topic

PAGE = 1_000  # entities that one statement reads
PUBLISHED_WITHIN_S = 3.0  # while rows are locked: less than the service waits for them


@dataclass(frozen=True, slots=True)
class Copies:
    """A kind of figures that is kept from another owner.

    Attributes:
        service: Who keeps them.
        owner: Whose state they are of.
        followed: By which topic the service hears of them.
        figures: Their names, in the order of `Copy.figures`, behind that of the version.
        nothing: What they are where nothing was told; empty where there is no row then.
        told: What a state says of them.
        ids: Entities of which there are rows, of all customers or one, a page, ascending.
        kept: What is kept of entities; of an erased one no figures.
        lock: Keeps everybody else from a customer's rows.
        save: Makes it what was told; gives what is to be said of that.
    """

    service: str
    owner: str
    state: type[State]
    followed: Topic
    figures: tuple[str, ...]
    nothing: tuple[str, ...]
    told: Told
    ids: Callable[[AsyncConnection, Page], Awaitable[list[str]]]
    kept: Callable[[AsyncConnection, Sequence[str]], Awaitable[list[Copy]]]
    lock: Callable[[AsyncConnection, str], Awaitable[None]]
    save: Callable[[AsyncConnection, Copy, datetime], Awaitable[Sequence[State]]]


BALANCES = Copies(
    service="customers",
    owner="credit",
    state=CreditAccount,
    followed=CreditAccount.topic,
    figures=of_customers.BALANCE,
    nothing=of_customers.NO_BALANCE,
    told=of_customers.told_balance,
    ids=of_customers.ids,
    kept=of_customers.kept_balances,
    lock=of_customers.lock,
    save=of_customers.save_balance,
)
TOTALS = Copies(
    service="customers",
    owner="orders",
    state=OrderTotals,
    followed=OrderTotals.topic,
    figures=of_customers.TOTALS,
    nothing=of_customers.NO_TOTALS,
    told=of_customers.told_totals,
    ids=of_customers.ids,
    kept=of_customers.kept_totals,
    lock=of_customers.lock,
    save=of_customers.save_totals,
)
CUSTOMERS = Copies(
    service="credit",
    owner="customers",
    state=CustomerState,
    followed=CustomerState.topic,
    figures=of_credit.OF_CUSTOMER,
    nothing=(),
    told=of_credit.told_customer,
    ids=of_credit.customer_ids,
    kept=of_credit.kept_customers,
    lock=of_credit.lock,
    save=of_credit.save_customer,
)
ORDERS = Copies(
    service="credit",
    owner="orders",
    state=OrderState,
    followed=ORDER_EVENTS,
    figures=of_credit.OF_ORDER,
    nothing=(),
    told=of_credit.told_order,
    ids=of_credit.order_ids,
    kept=of_credit.kept_orders,
    lock=of_credit.lock,
    save=of_credit.save_order,
)
KEPT_BY: Mapping[str, Sequence[Copies]] = {
    "orders": (),
    "credit": (CUSTOMERS, ORDERS),
    "customers": (BALANCES, TOTALS),
}
"""What each service keeps of others."""


@dataclass(frozen=True, slots=True)
class Differing:
    """An entity of which something else is kept than its owner says."""

    entity_id: str
    customer_id: str
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Looking:
    """Where differences are looked for, and how.

    Attributes:
        customer_id: Of whom alone; None: of all customers.
        within_s: How long a service is awaited that has to publish or to read.
        doing: Is told what is being done.
    """

    reach: Reach
    customer_id: str | None
    within_s: float
    doing: Doing


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of copies and the topic they are compared with."""

    looking: Looking
    copies: Copies
    log: StateLog

    async def differing(self) -> list[Differing]:
        """Every entity of which something else is kept than its owner says, by customer.

        Raises:
            OutOfReach: something does not answer, or does not go on in time.
        """
        await self._until_heard()
        doubtful = [each async for each in self._kept() if self._differences(each)]
        await self._read_all_that_was_said(self.looking.within_s)
        if self.log.states.is_silent and any(each.version for each in doubtful):
            topic = self.copies.state.topic.name
            raise OutOfReach(f"{topic} is empty, though states were heard on it: nothing can be told by it")
        found = [
            Differing(each.entity_id, each.customer_id, differences)
            for each in doubtful
            if (differences := self._differences(each))
        ]
        return sorted(found, key=lambda each: (each.customer_id, each.entity_id))

    async def rebuild(self, customer_id: str, entity_ids: Sequence[str]) -> list[Difference]:
        """Make good what is kept of a customer's entities, in one transaction; what differed.

        Looked at anew under the customer's lock: what has come right meanwhile, or newer, stays.
        """
        now = datetime.now(UTC)
        found: list[Difference] = []
        said: list[State] = []
        async with self.looking.reach.changing(self.copies.service) as db:
            await self.copies.lock(db, customer_id)
            await self._read_all_that_was_said(PUBLISHED_WITHIN_S)
            for each in await self._with_missing(db, entity_ids):
                if differences := self._differences(each):
                    found += differences
                    said += await self.copies.save(db, self._right(each), now)
            if said:
                cause = Cause(self.copies.service, now, correlation_id=None)
                await outbox.put(db, [outgoing(state, cause) for state in said])
        return found

    async def _until_heard(self) -> None:
        looking, copies = self.looking, self.copies
        looking.doing.tell(f"reading {copies.state.topic.name}")
        await self.log.read_on()
        self.log.states.mark()
        looking.doing.tell(f"waiting until {copies.service} has read {copies.followed.name}")
        await looking.reach.await_published(copies.owner, looking.within_s)
        servers, topic = looking.reach.bootstrap_servers, copies.followed
        if not await has_read(servers, copies.service, topic, looking.within_s):
            raise OutOfReach(
                f"{copies.service} has not read {topic.name} to its end within {looking.within_s:g} s "
                "(is it running? customers-api status tells)"
            )
        looking.doing.tell(f"comparing with {copies.state.topic.name}")

    async def _read_all_that_was_said(self, within_s: float) -> None:
        """What the service has learned in another way than by the state topic is there too by then."""
        await self.looking.reach.await_published(self.copies.owner, within_s)
        await self.log.read_on()

    async def _kept(self) -> AsyncIterator[Copy]:
        """What is kept, row by row, and then what is kept of nothing that should be there."""
        missing = self.log.states.entities()
        async with self.looking.reach.reading(self.copies.service) as db:
            page = Page(after="", at_most=PAGE, customer_id=self.looking.customer_id)
            while ids := await self.copies.ids(db, page):
                for each in await self.copies.kept(db, ids):
                    yield each
                missing.difference_update(ids)
                page = replace(page, after=ids[-1])
            absent = sorted(missing)
            for first in range(0, len(absent), PAGE):
                for each in await self._with_missing(db, absent[first : first + PAGE]):
                    yield each

    async def _with_missing(self, db: AsyncConnection, entity_ids: Sequence[str]) -> list[Copy]:
        found = await self.copies.kept(db, entity_ids)
        told = [self.log.states.newest(each) for each in set(entity_ids) - {each.entity_id for each in found}]
        return found + [replace(each, version=0, figures=()) for each in told if each is not None]

    def _right(self, kept: Copy) -> Copy:
        nothing = Copy(kept.entity_id, kept.customer_id, version=0, figures=self.copies.nothing or None)
        return self.log.states.right(kept) or nothing

    def _differences(self, kept: Copy) -> list[Difference]:
        right = self._right(kept)
        is_known = self.log.states.newest(kept.entity_id) is not None
        if kept.figures is None or (right.figures is None and is_known):  # erased
            return []
        of = "" if kept.entity_id == kept.customer_id else f" of {kept.entity_id}"
        is_there = bool(kept.figures)
        version = str(right.version) if is_known or self.copies.nothing else None
        told = (version, *(right.figures or ()))
        shown = (str(kept.version) if is_there else None, *kept.figures)
        return [
            Difference(kept.customer_id, f"{name}{of}", kept=was, true=true)
            for name, was, true in zip_longest(self.copies.figures, shown, told)
            if was != true
        ]


@asynccontextmanager
async def comparison(looking: Looking, copies: Copies) -> AsyncIterator[Comparison]:
    """One kind of copies beside its state topic.

    Raises:
        OutOfReach: the bus does not answer.
    """
    servers = looking.reach.bootstrap_servers
    try:
        await ensure_bus(servers, copies.state.topic, copies.followed)
        async with state_log(servers, States(copies.state, copies.told, looking.customer_id)) as log:
            yield Comparison(looking, copies, log)
    except NoBus as error:
        raise OutOfReach(str(error)) from None
    except KafkaError as error:
        raise OutOfReach(f"Kafka at {servers} does not work: {type(error).__name__}") from error
