"""A line on which commands come late by chance, or never."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real_envs.flaws.base import CommandFlaws


class CommandLine:
    """Commands on their way to the drives.

    A command that was sent later replaces all that are still on their way behind it: drives act on the newest that
    has arrived.
    """

    def __init__(self, flaws: CommandFlaws) -> None:
        self._flaws = flaws
        self._rng = np.random.default_rng(0)
        self._now = self._sent = 0
        self._coming: list[tuple[int, int, list[float]]] = []
        self._active: tuple[int, list[float]] = (0, [])

    def reset(self, active: Sequence[float], rng: np.random.Generator) -> None:
        """Begin an episode in which ``active`` is what the drives do; ``rng`` decides about delays and losses."""
        self._rng, self._now, self._sent, self._coming = rng, 0, 0, []
        self._active = (0, list(active))

    def schedule(
        self, target: Sequence[float], delay_steps: int, timestep: float, substeps: int
    ) -> list[tuple[int, list[float]]]:
        """Send ``target`` and return what acts in the coming period, as (from substep, target).

        Args:
            target: The command.
            delay_steps: Delay of every command, in physics steps.
            timestep: Physics step [s].
            substeps: Physics steps in the period.
        """
        chance, late = self._rng.random(), self._rng.standard_exponential()
        self._sent += 1
        if chance >= self._flaws.lost:
            arrival = self._now + delay_steps + round(late * self._flaws.jitter / timestep)
            self._coming.append((arrival, self._sent, list(target)))
        acting = [(0, self._active[1])]
        for arrival, number, command in sorted(self._coming):
            if arrival >= self._now + substeps:
                break
            if number > self._active[0]:
                self._active = (number, command)
                begin = max(arrival - self._now, 0)
                acting = [entry for entry in acting if entry[0] < begin] + [(begin, command)]
        self._now += substeps
        self._coming = [entry for entry in self._coming if entry[0] >= self._now]
        return acting
