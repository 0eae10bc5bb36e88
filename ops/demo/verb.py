"""The verb `demo`: fill the system with a small, believable world, and say what to look at."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta

from aiokafka.errors import KafkaError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ops import bus
from ops.bus import NoBus
from ops.demo import xyz
from ops.demo.chronicle import SOURCE, Story
from ops.demo.hearing import hearing
from ops.demo.player import Player
from ops.demo.trading import Trading
from ops.demo.world import world
from ops.output import console, errors, fail
from ops.ports import HOST
from ops.settings import Settings
from shared.contracts.customers.events import CustomerState
from shared.contracts.customers.requests import GetCustomerState
from shared.contracts.orders.topics import COMMANDS
from shared.errors import DeadlineExceeded, Refused
from shared.ids import new_message_id
from shared.rpc import Asking

ANSWER_WITHIN_S = 10.0
COMPLAINTS_MAX = 10
INTERRUPTED = 130  # as a shell says of what Ctrl-C ended
LOOK_AT = {
    "the customer of the API's documentation": "curl {customers}/" + xyz.CUSTOMER_ID,
    "its newest orders": "curl '{customers}/" + xyz.CUSTOMER_ID + "/orders?limit=3'",
    "its analytics": "curl {customers}/" + xyz.CUSTOMER_ID + "/analytics",
    "its credit, checked now": "curl -X POST {customers}/" + xyz.CUSTOMER_ID + "/credit-check",
    "all its checks": "curl {customers}/" + xyz.CUSTOMER_ID + "/credit-checks",
    "all customers": "curl '{customers}?limit=50'",
}
LOOK_AT_ORDERS = {"is at its limit": "status=rejected", "sends goods back": "status=returned"}


class NotOurs(Exception):
    """Customer XYZ is there and was not sent by this verb; one line for people."""


def demo(settings: Settings, is_going_on: bool) -> int:
    """Play the world at the system that runs; the exit code. is_going_on: place orders until Ctrl-C then."""
    bus.keep_clients_quiet()
    customers = f"http://{HOST}:{settings.gateway_port}/api/customers"
    try:
        return asyncio.run(_demo(bus.bootstrap_servers(settings), customers, is_going_on))
    except (NoBus, NotOurs) as error:
        fail(str(error))
        return 2
    except DeadlineExceeded:
        fail(f"customers has not answered within {ANSWER_WITHIN_S:.0f} s (is it running? make run)")
        return 1
    except KafkaError as error:
        fail(f"Kafka went away: {type(error).__name__}; what is sent is sent, and another run goes on")
        return 1
    except KeyboardInterrupt:
        if is_going_on:
            return 0
        errors.say("interrupted: another run goes on where this one was")
        return INTERRUPTED


async def _demo(servers: str, customers: str, is_going_on: bool) -> int:
    kept = await kept_day(servers)
    day = kept or datetime.now(UTC).date()
    stories = world(day)
    async with players(servers, is_resumed=kept is not None) as player:
        if kept and _is_there(player, stories):
            console.say(f"The demo world of {day} is there already; nothing was sent.\n")
            complaints = []
        else:
            complaints = await _play(player, stories)
        for complaint in complaints[:COMPLAINTS_MAX]:
            fail(complaint)
        for what, call in _calls(stories, customers):
            console.say(f"{what}\n  {call}")  # a line of its own: a table would break it in a narrow window
        if is_going_on:
            console.say("\nOrders go on being placed; Ctrl-C ends it.\n")
            ordinary = [story.customer for story in stories if not story.known_for]
            await Trading(player, ordinary, console.say).go_on()
    return 1 if complaints else 0


async def kept_day(servers: str) -> date | None:
    """The day of the world that is there already, wholly or in part; None where there is none.

    Raises:
        NoBus: nobody to ask.
        DeadlineExceeded: customers does not answer.
        NotOurs: the customer that would tell is another one.
    """
    query = GetCustomerState(customer_id=xyz.CUSTOMER_ID)
    asking = Asking(request_id=new_message_id(), caller=SOURCE, deadline_s=ANSWER_WITHIN_S)
    async with bus.rpc(servers, SOURCE, query.topic) as rpc:
        try:
            state = CustomerState.model_validate_json((await bus.relay(rpc, query, asking)).body)
        except Refused:
            return None
    if state.external_source != SOURCE:
        raise NotOurs(f"{xyz.CUSTOMER_ID} is there, and is another one: reset first (make reset)")
    return state.customer_since.date() + timedelta(days=xyz.TENURE_DAYS)


@asynccontextmanager
async def players(servers: str, is_resumed: bool) -> AsyncIterator[Player]:
    """Who sends and hears; is_resumed: knows what has been done before."""
    async with (
        hearing(servers, from_the_beginning=is_resumed) as told,
        bus.producer(servers, COMMANDS) as sends,
    ):
        yield Player(sends, told)


def _is_there(player: Player, stories: Sequence[Story]) -> bool:
    """Whether all was played before; taken for granted where its first events have been cleaned away."""
    if not player.is_done(stories[0].steps[0]):
        return True
    return all(player.is_done(step) for story in stories for step in story.steps)


async def _play(player: Player, stories: Sequence[Story]) -> list[str]:
    count = sum(len(story.steps) for story in stories)
    with _progress(count) as on_step:
        complaints = await player.play(stories, on_step)
    told = f"{count:,} commands of {len(stories)} customers"
    console.say(f"{told}, but {len(complaints)} broke off.\n" if complaints else f"{told}, all done.\n")
    return complaints


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        yield lambda: progress.advance(bar)


def _calls(stories: Sequence[Story], customers: str) -> Iterator[tuple[str, str]]:
    """What to look at, and the call that shows it."""
    for what, call in LOOK_AT.items():
        yield what, call.format(customers=customers)
    for story in stories[1:]:
        if story.known_for:
            path = f"{customers}/{story.customer.customer_id}"
            yield f"{story.customer.name} {story.known_for}", _call(story, path)


def _call(story: Story, path: str) -> str:
    for known_for, query in LOOK_AT_ORDERS.items():
        if story.known_for.startswith(known_for):
            return f"curl '{path}/orders?{query}'"
    return f"curl {path}"
