import asyncio
from collections.abc import Sequence

import pytest

from shared.batches import BATCH_MAX, Batcher
from tests.support.eventually import eventually


class Press:
    """Work that ends when the test says so; keeps what it was given together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.done = 0

    async def work(self, batch: Sequence[int]) -> None:
        self.batches.append(list(batch))
        await self.gate.wait()
        self.done += 1


def add(batcher: Batcher[int], *items: int, partition: int = 0, kind: str = "a") -> None:
    for item in items:
        batcher.add(partition, kind, item)


async def test_what_comes_while_a_batch_is_at_work_forms_the_next_in_its_order() -> None:
    press = Press()
    batcher = Batcher(press.work)
    add(batcher, 1, 2)
    await eventually(lambda: press.batches)

    add(batcher, 3, 4, 5)
    press.gate.set()
    await eventually(lambda: press.done == 2)

    assert press.batches == [[1, 2], [3, 4, 5]]


async def test_a_batch_has_a_greatest_size_and_one_kind() -> None:
    press = Press()
    press.gate.set()
    batcher = Batcher(press.work)
    items = list(range(BATCH_MAX + 1))

    add(batcher, *items)
    add(batcher, -1, -2, kind="b")
    add(batcher, -3)
    await eventually(lambda: press.done == 4)

    assert press.batches == [items[:-1], items[-1:], [-1, -2], [-3]]


async def test_partitions_are_worked_on_at_the_same_time() -> None:
    press = Press()
    batcher = Batcher(press.work)

    for partition in range(3):
        add(batcher, partition, partition=partition)
    await eventually(lambda: len(press.batches) == 3)

    press.gate.set()
    await eventually(lambda: press.done == 3)


@pytest.mark.parametrize("is_ours_again", [False, True])
async def test_settling_awaits_the_batch_that_runs_and_forgets_what_waits(is_ours_again: bool) -> None:
    press = Press()
    batcher = Batcher(press.work)
    add(batcher, 1)
    await eventually(lambda: press.batches)
    add(batcher, 2, 3)

    settling = asyncio.create_task(batcher.settle({0}))
    await asyncio.sleep(0)
    assert not settling.done()
    press.gate.set()
    await settling
    if is_ours_again:
        add(batcher, 2)
        await eventually(lambda: press.done == 2)

    assert press.batches == ([[1], [2]] if is_ours_again else [[1]])
