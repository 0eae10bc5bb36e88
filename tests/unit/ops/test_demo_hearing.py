import asyncio
import json
from datetime import UTC, datetime

import pytest

from ops.demo.hearing import Hearing, NotDone
from shared.contracts.orders.events import OrderConfirmed, OrderRejected
from shared.contracts.orders.topics import OrderCommandRejected
from shared.messaging import Envelope, Event, timestamp, write_headers

OURS, THEIRS = "0192f0c1-ours", "0192f0c1-theirs"


def headers_of(event: type[Event], conversation: str) -> list[tuple[str, bytes]]:
    time = timestamp(datetime.now(UTC))
    return write_headers(
        Envelope(id="1", source="/x", type=event.type, time=time, correlation_id=conversation)
    )


@pytest.fixture
def told() -> Hearing:
    return Hearing()


async def test_what_was_said_before_is_not_waited_for(told: Hearing) -> None:
    told.take(headers_of(OrderConfirmed, OURS), b"{}")

    assert told.has_heard(OURS, OrderConfirmed)
    await told.hears(OURS, OrderConfirmed)


async def test_what_is_said_in_another_conversation_wakes_nobody(told: Hearing) -> None:
    waiting = asyncio.create_task(told.hears(OURS, OrderConfirmed))
    await asyncio.sleep(0)
    told.take(headers_of(OrderConfirmed, THEIRS), b"{}")
    await asyncio.sleep(0)
    assert not waiting.done()

    told.take(headers_of(OrderConfirmed, OURS), b"{}")
    await waiting


@pytest.mark.parametrize(
    ("event", "said", "reason"),
    [
        (OrderRejected, {"reason": "insufficient_credit"}, "insufficient_credit"),
        (OrderCommandRejected, {"code": "total_mismatch", "detail": "no"}, "total_mismatch: no"),
    ],
)
async def test_a_refusal_ends_the_waiting_with_its_reason(
    told: Hearing, event: type[Event], said: dict[str, str], reason: str
) -> None:
    waiting = asyncio.create_task(told.hears(OURS, OrderConfirmed))
    await asyncio.sleep(0)
    told.take(headers_of(event, OURS), json.dumps(said).encode())

    with pytest.raises(NotDone, match=f"^{reason}$"):
        await waiting


async def test_a_refusal_that_is_awaited_is_no_failure(told: Hearing) -> None:
    told.take(headers_of(OrderRejected, OURS), b'{"reason": "insufficient_credit"}')

    await told.hears(OURS, OrderRejected)


async def test_what_is_no_event_of_ours_is_let_pass(told: Hearing) -> None:
    told.take([("ce_id", b"\xff")], None)
    told.take([], b"{}")

    assert not told.has_heard(OURS, OrderConfirmed)
