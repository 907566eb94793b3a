"""Blocks: every policy once on the same start, in an order that is random and the same again."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sim2real.trials.order import Queue, Slot, planned_order

NAMES = st.integers(1, 5).map(lambda count: [f"p{index}" for index in range(count)])


@given(NAMES, st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_every_block_has_every_policy_once_on_one_start(names: list[str], blocks: int, starts: int, seed: int) -> None:
    order = planned_order(names, blocks, starts, seed)
    assert [slot.number for slot in order] == list(range(1, len(names) * blocks + 1))
    for block in range(blocks):
        slots = order[block * len(names) : (block + 1) * len(names)]
        assert sorted(slot.policy for slot in slots) == sorted(names)
        assert {(slot.block, slot.start) for slot in slots} == {(block + 1, block % starts)}
    assert order == planned_order(names, blocks, starts, seed)


def test_every_policy_is_first_about_equally_often() -> None:
    order = planned_order(["a", "b", "c"], 600, 600, seed=0)
    first = Counter(slot.policy for slot in order[::3])
    # 600 draws of 1/3: standard deviation 11.5; within 4 of them with 99.99 %
    assert all(abs(count - 200) < 46 for count in first.values())


def test_more_trials_do_not_change_the_order_of_the_first() -> None:
    assert planned_order(["a", "b"], 5, 5, seed=3) == planned_order(["a", "b"], 9, 5, seed=3)[:10]


def test_a_spoiled_trial_is_repeated_at_the_end_of_the_running_block() -> None:
    order = planned_order(["a", "b", "c"], 2, 2, seed=0)
    queue = Queue(order)
    queue.tried(order[0])
    queue.again(order[0])
    assert queue.left == (order[1], order[2], order[0], *order[3:])
    for slot in (order[1], order[2], order[0]):
        queue.tried(slot)
    queue.again(order[2])  # undone after the last of its block
    assert queue.left == (order[2], *order[3:])


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 50))
def test_whatever_is_spoiled_every_slot_ends_with_one_trial_that_counts(spoiled: list[bool], seed: int) -> None:
    order = planned_order(["a", "b", "c"], 4, 2, seed)
    queue, counted, verdicts = Queue(order), list[Slot](), iter(spoiled)
    while queue.left:
        slot = queue.left[0]
        assert slot.block == min(each.block for each in queue.left), "blocks are not interleaved"
        queue.tried(slot)
        if next(verdicts, False):
            queue.again(slot)
        else:
            counted.append(slot)
    assert sorted(counted, key=lambda slot: slot.number) == list(order)
