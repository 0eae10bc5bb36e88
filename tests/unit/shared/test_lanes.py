import asyncio
from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.lanes import Lanes, Unfinished
from tests.support.eventually import eventually


class Workshop:
    """Work that ends when the test says so; keeps who worked on what at once."""

    def __init__(self, is_open: bool = True) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.at_once: dict[str, int] = defaultdict(int)
        self.most_on_one_key = 0
        self.most = 0
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()

    async def work(self, item: str) -> None:
        key = item[0]
        self.begun.append(item)
        self.at_once[key] += 1
        self.most_on_one_key = max(self.most_on_one_key, self.at_once[key])
        self.most = max(self.most, sum(self.at_once.values()))
        await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once[key] -= 1
        self.done.append(item)


def add(lanes: Lanes[str], *items: str, partition: int = 0) -> None:
    for item in items:
        lanes.add(item[0], partition, item)


def of_key(items: list[str], key: str) -> list[str]:
    return [item for item in items if item[0] == key]


async def test_items_of_one_key_are_worked_on_in_their_order() -> None:
    shop = Workshop()
    lanes = Lanes(shop.work, width=4)

    add(lanes, "a1", "b1", "a2", "b2", "a3")
    await lanes.finish()

    assert of_key(shop.done, "a") == ["a1", "a2", "a3"]
    assert of_key(shop.done, "b") == ["b1", "b2"]
    assert shop.most_on_one_key == 1


async def test_a_key_that_is_slow_delays_no_other() -> None:
    shop = Workshop(is_open=False)
    lanes = Lanes(shop.work, width=4)

    add(lanes, "a1", "a2", "b1", "c1")
    await eventually(lambda: shop.begun, lambda begun: len(begun) == 3)

    assert shop.begun == ["a1", "b1", "c1"]
    shop.gate.set()
    await lanes.finish()
    assert sorted(shop.done) == ["a1", "a2", "b1", "c1"]


async def test_no_more_are_worked_on_at_once_than_the_width() -> None:
    shop = Workshop(is_open=False)
    lanes = Lanes(shop.work, width=2)

    add(lanes, "a1", "b1", "c1", "d1")
    await eventually(lambda: shop.begun, lambda begun: len(begun) == 2)
    shop.gate.set()
    await lanes.finish()

    assert shop.most == 2
    assert len(shop.done) == 4


async def test_a_lane_takes_items_again_after_it_ran_empty() -> None:
    shop = Workshop()
    lanes = Lanes(shop.work, width=2)

    add(lanes, "a1")
    await lanes.finish()
    add(lanes, "a2")
    await lanes.finish()

    assert shop.done == ["a1", "a2"]


@pytest.mark.parametrize("width", [1, 3])
async def test_an_item_that_comes_just_as_all_workers_end_is_not_left_behind(width: int) -> None:
    for pauses in range(8):
        shop = Workshop()
        lanes = Lanes(shop.work, width)
        first = [f"{key}1" for key in "abcdef"[:width]]
        add(lanes, *first)
        for _ in range(pauses):
            await asyncio.sleep(0)
        add(lanes, "z1")
        await lanes.finish()
        assert shop.done == [*first, "z1"], pauses


async def test_settling_awaits_what_runs_and_forgets_what_waits() -> None:
    shop = Workshop(is_open=False)
    lanes = Lanes(shop.work, width=4)
    add(lanes, "a1", "a2", "b1", partition=0)
    await eventually(lambda: shop.begun, lambda begun: len(begun) == 2)

    settling = asyncio.create_task(lanes.settle({0}))
    await asyncio.sleep(0)
    assert not settling.done()
    shop.gate.set()
    await settling

    assert sorted(shop.done) == ["a1", "b1"]
    await lanes.finish()
    assert "a2" not in shop.begun


async def test_settling_leaves_other_partitions_alone() -> None:
    shop = Workshop(is_open=False)
    lanes = Lanes(shop.work, width=4)
    add(lanes, "a1", "a2", partition=0)
    add(lanes, "b1", "b2", partition=1)
    await eventually(lambda: shop.begun, lambda begun: len(begun) == 2)

    shop.gate.set()
    await lanes.settle({0})
    await lanes.finish()

    assert of_key(shop.done, "a") == ["a1"]
    assert of_key(shop.done, "b") == ["b1", "b2"]


async def test_items_of_one_key_keep_their_order_over_partitions() -> None:
    shop = Workshop()
    lanes = Lanes(shop.work, width=4)

    add(lanes, "a1", partition=0)
    add(lanes, "a2", partition=1)
    add(lanes, "a3", partition=0)
    await lanes.finish()

    assert shop.done == ["a1", "a2", "a3"]
    assert shop.most_on_one_key == 1


async def test_a_key_that_comes_back_after_it_was_settled_is_still_worked_on_one_at_a_time() -> None:
    shop = Workshop(is_open=False)
    lanes = Lanes(shop.work, width=2)
    add(lanes, "b1", "c1", partition=1)
    await eventually(lambda: shop.begun, lambda begun: len(begun) == 2)
    add(lanes, "a1", partition=0)

    await lanes.settle({0})
    add(lanes, "a2", "a3", partition=0)
    shop.gate.set()
    await lanes.finish()

    assert of_key(shop.done, "a") == ["a2", "a3"]
    assert shop.most_on_one_key == 1


steps = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2), st.integers(0, 3)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    steps=steps,
    width=st.integers(1, 5),
    settles=st.dictionaries(st.integers(0, 60), st.sets(st.integers(0, 2)), max_size=3),
)
def test_whatever_is_added_and_settled_no_key_is_worked_on_twice_at_once_nor_out_of_order(
    steps: list[tuple[str, int, int]], width: int, settles: dict[int, set[int]]
) -> None:
    async def play() -> None:
        shop = Workshop()
        lanes = Lanes(shop.work, width)
        kept: dict[str, list[str]] = defaultdict(list)
        for number, (key, partition, pauses) in enumerate(steps):
            kept[key].append(f"{key}{number}")
            lanes.add(key, partition, f"{key}{number}")
            for _ in range(pauses):
                await asyncio.sleep(0)
            if number in settles:
                await lanes.settle(settles[number])
        await lanes.finish()
        assert shop.most_on_one_key <= 1
        assert shop.most <= width
        for key, items in kept.items():
            done = of_key(shop.done, key)
            assert done == [item for item in items if item in done]
            if not settles:
                assert done == items

    asyncio.run(play())


def test_the_lowest_unfinished_offset_bounds_what_is_done() -> None:
    unfinished = Unfinished()
    for offset in (10, 11, 12):
        unfinished.begin(offset)

    unfinished.finish(11)
    assert (unfinished.lowest, unfinished.done, unfinished.span) == (10, 10, 3)
    unfinished.finish(10)
    assert (unfinished.lowest, unfinished.done, unfinished.span) == (12, 12, 1)
    unfinished.finish(12)
    assert (unfinished.lowest, unfinished.done, unfinished.span) == (None, 13, 0)


def test_offsets_that_hold_no_record_count_into_the_span() -> None:
    unfinished = Unfinished()
    unfinished.begin(5)
    unfinished.begin(9)

    assert unfinished.span == 5
    unfinished.finish(5)
    assert (unfinished.done, unfinished.span) == (9, 1)


@given(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=40), st.randoms())
def test_nothing_below_what_is_done_is_unfinished(offsets: list[int], random: Random) -> None:
    unfinished = Unfinished()
    for offset in sorted(offsets):
        unfinished.begin(offset)
    waiting = set(offsets)
    for offset in random.sample(offsets, len(offsets)):
        unfinished.finish(offset)
        waiting.discard(offset)
        assert unfinished.lowest == min(waiting, default=None)
        assert unfinished.done == min(waiting, default=max(offsets) + 1)
