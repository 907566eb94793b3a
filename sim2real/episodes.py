"""One rollout, as it is recorded on the simulated and on the real side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sim2real_envs.parameters import Array, Domain
from sim2real_envs.state import WorldState, frozen


@dataclass(frozen=True)
class Episode:
    """One rollout: start, observations, actions, reward, outcome, failure mode.

    Args:
        start: Where it began; on the real side the *measured* start with its spread.
        outcome: Declared measurements of how it ended, SI; NaN where the world diverged.
        success: Whether the task counts it as a success.
        failure_mode: One of ``sim2real_envs.tasks.base.FAILURE_MODES``; ``"none"`` for a success.
        steps: Control steps taken.
        total_reward: Sum of rewards.
        period: Control period [s].
        domain: The complete domain of a simulated episode; None on the real side, where nobody knows it.
        observations: As the sensors measured them, (steps + 1, o), or None where they were not logged or are images.
        actions: As the policy gave them, (steps, a); (steps, 0) for a passive recording.
        path: Named trajectories of a recording, such as ``"object.pose"`` (t, 7).
        times: Time of each row of ``path`` [s], (t,).
        seed: Seed of the episode's own random streams; None for a recording.
        label: Name in its data set, such as ``"toss-17"``.
        group: What was recorded in one go and may err alike, such as the rollout that it is a window of; "" if alone.
        states: What the sensors said of the world at every control step, (steps + 1,), with the commands still on their
            way, to continue from; on the simulated side, where a stretch of an episode was replayed. None if not kept.
    """

    start: WorldState
    outcome: Mapping[str, float]
    success: bool
    failure_mode: str
    steps: int
    total_reward: float
    period: float
    domain: Domain | None = None
    observations: Array | None = None
    actions: Array | None = None
    path: Mapping[str, Array] = field(default_factory=dict)
    times: Array | None = None
    seed: int | None = None
    label: str = ""
    group: str = ""
    states: tuple[WorldState, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", MappingProxyType({k: float(v) for k, v in self.outcome.items()}))
        object.__setattr__(self, "path", MappingProxyType({k: frozen(v) for k, v in self.path.items()}))
        if self.domain is not None:
            object.__setattr__(self, "domain", MappingProxyType(dict(self.domain)))
        for name in ("observations", "actions", "times"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozen(value))

    def __reduce__(self) -> tuple[object, ...]:
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        state["outcome"], state["path"] = dict(self.outcome), dict(self.path)
        state["domain"] = None if self.domain is None else dict(self.domain)
        return _rebuild, (state,)


def _rebuild(state: dict[str, object]) -> Episode:
    return Episode(**state)  # type: ignore[arg-type]
