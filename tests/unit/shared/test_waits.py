import asyncio

import pytest

from shared.waits import LetGo, Waits


async def test_a_wait_that_is_not_broken_off_gives_its_outcome() -> None:
    assert await Waits().wait_for(asyncio.sleep(0, "done")) == "done"


async def test_waits_that_run_are_broken_off_together() -> None:
    waits = Waits()
    running = [asyncio.create_task(waits.wait_for(asyncio.Event().wait())) for _ in range(3)]
    await asyncio.sleep(0)

    with waits.let_go():
        outcomes = await asyncio.gather(*running, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [LetGo] * 3


async def test_while_waits_are_let_go_none_begins_and_afterwards_they_do_again() -> None:
    waits = Waits()

    with waits.let_go(), pytest.raises(LetGo):
        await waits.wait_for(asyncio.sleep(0))

    assert await waits.wait_for(asyncio.sleep(0, "done")) == "done"


async def test_whoever_waits_can_be_cancelled_as_ever() -> None:
    waits = Waits()
    task = asyncio.create_task(waits.wait_for(asyncio.Event().wait()))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
