"""In which order policies are tried: randomized blocks, so that a robot that drifts drifts under all of them alike.

A block is one start and every policy once, in a random order of its own. The
difference of two policies is then taken within blocks, on the same start and
minutes apart, and what changes over a day (a motor that warms up, a belt that
gives) is nearly the same for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim2real.experiment.streams import generator


@dataclass(frozen=True)
class Slot:
    """One trial of the plan.

    Args:
        number: In the planned order, from 1.
        block: From 1.
        start: Index in the plan's list of starts.
        policy: Name of the policy.
    """

    number: int
    block: int
    start: int
    policy: str


def planned_order(policies: Sequence[str], blocks: int, starts: int, seed: int) -> tuple[Slot, ...]:
    """Return every trial in order: in block b the start number b, and all policies, shuffled.

    Args:
        policies: Their names.
        blocks: Trials of each policy.
        starts: Length of the list of starts; it is gone through again and again.
        seed: Of the shuffles.
    """
    slots: list[Slot] = []
    for block in range(blocks):
        for index in generator(seed, "trials", "order", block).permutation(len(policies)).tolist():
            slots.append(Slot(len(slots) + 1, block + 1, block % starts, policies[index]))
    return tuple(slots)


class Queue:
    """What is left to do. A spoiled trial is repeated at the end of the block that is running.

    It knows nothing but the order and what happened, so that a resumed session goes on in the same order.

    Args:
        slots: The planned order.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._left, self._block = list(slots), slots[0].block if slots else 0

    @property
    def left(self) -> tuple[Slot, ...]:
        """What is left, the next trial first."""
        return tuple(self._left)

    def tried(self, slot: Slot) -> None:
        """Take a trial that is over from the queue."""
        self._left.remove(slot)
        self._block = max(self._block, slot.block)

    def again(self, slot: Slot) -> None:
        """Put a spoiled trial back: behind what is left of the running block."""
        behind = sum(each.block <= self._block for each in self._left)
        self._left.insert(behind, slot)
