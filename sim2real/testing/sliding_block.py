"""A sliding block in closed form: evidence and replays without an engine, to test randomizers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim2real.episodes import Episode
from sim2real.evidence import Evidence, Need, Replay, Replayed, Segment
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Parameter, ParameterSpace
from sim2real_envs.state import WorldState

GRAVITY = 9.81  # m/s2

SLIDE_SPACE = ParameterSpace(
    [
        Parameter("object.friction", 0.3, 0.05, 1.0, (1e-3, 10.0), "-", log=True, doc="Block against floor."),
        Parameter("actuator.delay", 0.0, 0.0, 0.2, (0.0, 1.0), "s", doc="The push lasts longer by this."),
        Parameter("object.mass", 0.5, 0.1, 2.0, (1e-3, 100.0), "kg", doc="Cancels: it has no effect."),
    ]
)
SLIDE_TIMES: Array = np.linspace(0.0, 2.0, 11)
"""Times of a sliding block's path [s]."""
SLIDE_OUTCOMES = (
    Outcome("distance", "m", 0.05, doc="How far the block went."),
    Outcome("duration", "s", 0.1, doc="How long it took."),
    Outcome("success", "-", 1.0, kind="binary", doc="Whether it stopped within 1 m."),
)


@dataclass(frozen=True)
class SlideReplay:
    """A block pushed off with speed v: a ``Replay`` that needs no engine.

    Distance v d + v^2 / (2 mu g), duration d + v / (mu g), with delay d and
    friction mu; mass cancels. A parameter of any other name has no effect, and
    an absent one is nominal. The path ``"object.position"`` is where the block is
    at ``SLIDE_TIMES``; where all segments have a length, the path is ``"object.pose"``,
    from the state in which each of them begins.

    Args:
        space: Columns of the domains.
        speeds: v of each real episode [m/s], (n,).
        noise: Standard deviation of every outcome in units of its scale; of a position it is that of the distance, of
            a speed at one of ``SLIDE_TIMES`` 0.1 m/s.
        states: Of each real episode as measured, for segments from inside it.
    """

    space: ParameterSpace
    speeds: tuple[float, ...]
    noise: float = 0.0
    states: tuple[tuple[WorldState, ...], ...] = ()

    @property
    def drives(self) -> frozenset[str]:
        """Both drives, which are the same thing here."""
        return frozenset({"policy", "actions"})

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Distance, duration and success."""
        return SLIDE_OUTCOMES

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        """Ten env steps a rollout."""
        return 10 * domains * len(segments) * repeats

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        """Return distance, duration and success of each, (k, s, r)."""
        if segments and all(segment.length is not None for segment in segments):
            return self._stretches(domains, segments, repeats)
        friction, delay = (self._column(domains, name)[:, None, None] for name in ("object.friction", "actuator.delay"))
        speeds = np.array([self.speeds[segment.episode] for segment in segments])[None, :, None]  # (1, s, 1)
        still = np.zeros((len(domains), len(segments), repeats))
        noise = self.noise * rng.normal(size=(2, *still.shape))
        distance = still + speeds * delay + speeds**2 / (2.0 * friction * GRAVITY) + 0.05 * noise[0]
        duration = still + delay + speeds / (friction * GRAVITY) + 0.1 * noise[1]
        outcome = {"distance": distance, "duration": duration, "success": (distance < 1.0).astype(np.float64)}
        path = {}
        if paths:
            sliding = np.clip(SLIDE_TIMES - delay[..., None], 0.0, (speeds / (friction * GRAVITY))[..., None])
            driven = speeds[..., None] * np.minimum(SLIDE_TIMES, delay[..., None])
            braked = speeds[..., None] * sliding - 0.5 * (friction * GRAVITY)[..., None] * sliding**2
            position = still[..., None] + driven + braked  # (k, s, r, t)
            position[..., 1:] += 0.05 * self.noise * rng.spawn(1)[0].normal(size=position[..., 1:].shape)
            path = {"object.position": position[..., None]}
        return Replayed(outcome, path, env_steps=self.cost(len(domains), segments, repeats))

    def _stretches(self, domains: Array, segments: Sequence[Segment], repeats: int) -> Replayed:
        """Return ``"object.pose"`` (k, s, r, t + 1, 7) from the states in which segments begin."""
        begins = [self.states[segment.episode][segment.first].values for segment in segments]
        place, speed = (
            np.array([begin[f"object.{name}"][0] for begin in begins])[:, None] for name in ("pose", "twist")
        )
        friction, delay = (self._column(domains, name)[:, None, None] for name in ("object.friction", "actuator.delay"))
        left = np.maximum(
            delay - np.array([SLIDE_TIMES[segment.first] for segment in segments])[:, None], 0.0
        )  # (k, s, 1)
        longest = max(segment.length or 0 for segment in segments)
        times = SLIDE_TIMES[: longest + 1]
        braking = np.clip(times - left, 0.0, np.maximum(speed, 0.0) / (friction * GRAVITY))  # (k, s, t)
        poses = np.zeros((len(domains), len(segments), repeats, longest + 1, 7))
        driven = place + speed * np.minimum(times, left)
        poses[..., 0] = (driven + speed * braking - 0.5 * friction * GRAVITY * braking**2)[:, :, None]
        poses[..., 6] = 1.0
        return Replayed({}, {"object.pose": poses}, len(domains) * repeats * sum(each.length or 0 for each in segments))

    def _states(self, domain: Array, index: int, rng: np.random.Generator) -> tuple[WorldState, ...]:
        """Return the block of episode ``index`` as measured at ``SLIDE_TIMES``, its start exact."""
        friction, delay = (float(self._column(domain[None], n)[0]) for n in ("object.friction", "actuator.delay"))
        path = replace(self, noise=0.0)(domain[None], [Segment(index)], rng, paths=True).path["object.position"]
        brake = friction * GRAVITY
        speed = np.maximum(self.speeds[index] - brake * np.maximum(SLIDE_TIMES - delay, 0.0), 0.0)
        noise = self.noise * rng.normal(size=(2, len(SLIDE_TIMES)))
        noise[:, 0] = 0.0
        place, speed = path[0, 0, 0, :, 0] + 0.05 * noise[0], speed + 0.1 * noise[1]
        return tuple(
            WorldState({"object.pose": np.array([x, *[0.0] * 5, 1.0]), "object.twist": np.array([v, *[0.0] * 5])})
            for x, v in zip(place.tolist(), speed.tolist(), strict=True)
        )

    def _column(self, domains: Array, name: str) -> Array:
        if name in self.space:
            return np.asarray(domains, dtype=np.float64)[:, self.space.names.index(name)]
        return np.full(len(domains), SLIDE_SPACE[name].nominal)

    def episodes(self, domains: Array, rng: np.random.Generator, *, real: bool) -> tuple[Episode, ...]:
        """Return one episode for each speed, in the domain of the same row of ``domains`` (n, d)."""
        segments = [Segment(index) for index in range(len(self.speeds))]
        replayed, streams = self(domains, segments, rng, paths=True), rng.spawn(len(segments))
        outcome, position = replayed.outcome, replayed.path["object.position"]
        return tuple(
            Episode(
                start=WorldState({"object.twist": np.array([speed, 0.0, 0.0, 0.0, 0.0, 0.0])}),
                outcome={name: float(values[index, index, 0]) for name, values in outcome.items()},
                success=bool(outcome["success"][index, index, 0]),
                failure_mode="none" if outcome["success"][index, index, 0] else "timeout",
                steps=10,
                total_reward=float(outcome["success"][index, index, 0]),
                period=0.04,
                domain=None if real else self.space.to_domain(domains[index]),
                actions=np.empty((len(SLIDE_TIMES) - 1, 0)),
                path={"object.position": position[index, index, 0]},
                times=SLIDE_TIMES,
                seed=index,
                label=f"slide-{index}",
                states=self._states(domains[index], index, streams[index]) if real else None,
            )
            for index, speed in enumerate(self.speeds)
        )


def slide_evidence(
    space: ParameterSpace, truth: Array, rng: np.random.Generator, *, episodes: int = 12, noise: float = 0.1
) -> Evidence:
    """Return what one round learns of a sliding block whose true domain is ``truth`` (n,) [SI].

    Real outcomes carry ``noise`` in units of their scale; the replay is exact.
    The simulated episodes have the same starts and domains drawn uniformly.
    """
    speeds = tuple(rng.uniform(0.5, 3.0, episodes).tolist())
    drawn = space.from_unit(rng.random((episodes, len(space))))
    exact = SlideReplay(space, speeds)
    real = replace(exact, noise=noise).episodes(np.tile(truth, (episodes, 1)), rng, real=True)
    simulated = exact.episodes(drawn, rng, real=False)
    replay = replace(exact, states=tuple(episode.states or () for episode in real))
    return Evidence(0, real, simulated, Need.OUTCOMES | Need.TRAJECTORIES | Need.STATES, replay)


@dataclass(frozen=True)
class SlideOffer:
    """Speeds to push a block off with, between 0.5 and 3 m/s: an ``Offer`` that keeps what was asked of it.

    Args:
        space: Columns of the domains.
        replays: Every replay that was made.
    """

    space: ParameterSpace
    replays: list[Replay] = field(default_factory=list)

    def candidates(self, count: int, rng: np.random.Generator) -> tuple[WorldState, ...]:
        """Return starts, each a speed."""
        return tuple(_pushed(float(speed)) for speed in rng.uniform(0.5, 3.0, count))

    def replay(self, starts: Sequence[WorldState]) -> Replay:
        """Return the sliding block from these starts."""
        speeds = tuple(float(start.values["object.twist"][0]) for start in starts)
        self.replays.append(SlideReplay(self.space, speeds))
        return self.replays[-1]


def _pushed(speed: float) -> WorldState:
    return WorldState({"object.twist": np.array([speed, 0.0, 0.0, 0.0, 0.0, 0.0])})


@dataclass(frozen=True)
class _Shuffled:
    """A replay whose episodes stand in another order."""

    replay: SlideReplay
    order: tuple[int, ...]

    @property
    def drives(self) -> frozenset[str]:
        return self.replay.drives

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return self.replay.outcomes

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        return self.replay.cost(domains, segments, repeats)

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        original = [replace(segment, episode=self.order[segment.episode]) for segment in segments]
        return self.replay(domains, original, rng, repeats=repeats, paths=paths)


def shuffled(evidence: Evidence, rng: np.random.Generator) -> Evidence:
    """Return the same evidence of a sliding block with its pairs of episodes in another order."""
    if not isinstance(evidence.replay, SlideReplay):
        raise TypeError(f"Only evidence of a SlideReplay can be shuffled, but got {type(evidence.replay).__name__}.")
    order = tuple(rng.permutation(len(evidence.real)).tolist())
    real = tuple(evidence.real[index] for index in order)
    simulated = tuple(evidence.simulated[index] for index in order)
    return replace(evidence, real=real, simulated=simulated, replay=_Shuffled(evidence.replay, order))
