"""A mass on a spring with a damper, pulled about by commands: a rig in closed form that needs no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.episodes import Episode
from sim2real.evidence import Evidence, Need, Replayed, Segment
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Parameter, ParameterSpace
from sim2real_envs.state import WorldState

PERIOD = 0.05  # between samples [s]
SUBSTEPS = 10  # a command acts from one of these on: the delay is rounded to them
SPACE = ParameterSpace(
    [
        Parameter("joint.stiffness", 20.0, 5.0, 80.0, (0.1, 1e3), "N/m", log=True, doc="Spring to the command."),
        Parameter("joint.damping", 1.0, 0.2, 4.0, (0.0, 1e2), "N s/m", doc="Damper."),
        Parameter("actuator.delay", 0.0, 0.0, 0.1, (0.0, 1.0), "s", doc="In whole steps of 5 ms."),
        Parameter("object.mass", 0.5, 0.1, 2.0, (1e-3, 1e2), "kg", doc="Of something that is not there."),
    ]
)


@dataclass(frozen=True)
class Oscillator:
    """x'' = k (u(t - delay) - x) - c x' with a mass of 1 kg: a ``Replay`` by the exact solution.

    Args:
        space: Columns of the domains.
        commands: u of each recording (n, t) [m].
        stiction: A force that the replay does not know, for recordings only [N].
    """

    space: ParameterSpace
    commands: Array
    stiction: float = 0.0
    drives = frozenset({"actions"})
    outcomes: tuple[Outcome, ...] = ()

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        return domains * len(segments) * repeats * int(self.commands.shape[1])

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        stiffness, damping, delay = (
            self._column(domains, name) for name in ("joint.stiffness", "joint.damping", "actuator.delay")
        )
        late = np.rint(delay / PERIOD * SUBSTEPS).astype(int)
        first, second = _transitions(stiffness, damping, PERIOD / SUBSTEPS)
        commands = self.commands[[segment.episode for segment in segments]]  # (s, t)
        fine = np.repeat(commands, SUBSTEPS, axis=1)
        state = np.zeros((len(domains), len(segments), 2))
        path = [state[..., 0]]
        for step in range(fine.shape[1]):
            source = np.maximum(step - late, 0)
            pulled = np.where((step >= late)[:, None], fine[:, source].T, 0.0)  # (k, s)
            pulled = pulled - self.stiction * np.sign(state[..., 1]) / stiffness[:, None]
            target = np.stack([pulled, np.zeros_like(pulled)], axis=-1)
            state = target + np.einsum("kij,ksj->ksi", np.stack([first, second], axis=1), state - target)
            if step % SUBSTEPS == SUBSTEPS - 1:
                path.append(state[..., 0])
        position = np.stack(path, axis=-1)[:, :, None, :, None]
        return Replayed({}, {"joint.position": position}, self.cost(len(domains), segments, repeats))

    def _column(self, domains: Array, name: str) -> Array:
        if name in self.space:
            return np.asarray(domains, dtype=np.float64)[:, self.space.names.index(name)]
        return np.full(len(domains), SPACE[name].nominal)


def _transitions(stiffness: Array, damping: Array, time: float) -> tuple[Array, Array]:
    """Return the rows of exp([[0, 1], [-k, -c]] t): (k, 2) each, underdamped or not."""
    decay = 0.5 * damping
    frequency = np.sqrt((stiffness - decay**2).astype(complex))
    cosine, sine = np.cos(frequency * time), np.sin(frequency * time) / frequency
    shrink = np.exp(-decay * time)
    top = np.stack([(cosine + decay * sine) * shrink, sine * shrink], axis=-1)
    bottom = np.stack([-stiffness * sine * shrink, (cosine - decay * sine) * shrink], axis=-1)
    return top.real, bottom.real


def evidence(
    truth: Array,
    rng: np.random.Generator,
    *,
    noise: float = 0.01,
    recordings: int = 8,
    length: int = 40,
    stiction: float = 0.0,
    space: ParameterSpace = SPACE,
) -> Evidence:
    """Return recordings of an oscillator that is pulled to random places, measured with ``noise`` [m]."""
    commands = np.repeat(rng.uniform(-1.0, 1.0, (recordings, -(-length // 8))), 8, axis=1)[:, :length]
    exact = Oscillator(space, commands)
    segments = [Segment(index, drive="actions") for index in range(recordings)]
    world = Oscillator(space, commands, stiction)
    position = world(truth[None], segments, rng, paths=True).path["joint.position"][0, :, 0]  # (s, t + 1, 1)
    measured = position + noise * rng.normal(size=position.shape)
    measured[:, 0] = 0.0
    real = tuple(
        Episode(
            start=WorldState({}),
            outcome={},
            success=True,
            failure_mode="none",
            steps=length,
            total_reward=0.0,
            period=PERIOD,
            actions=commands[index][:, None],
            path={"joint.position": measured[index]},
            times=PERIOD * np.arange(length + 1, dtype=np.float64),
            label=f"pull-{index}",
        )
        for index in range(recordings)
    )
    return Evidence(0, real, (), Need.TRAJECTORIES, exact)
