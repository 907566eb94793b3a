"""Contract tests that anybody's class can inherit, and a world in closed form to run them in.

A randomizer of your own is checked by six lines in a test module::

    from sim2real.testing import RandomizerContract

    class TestMine(RandomizerContract):
        def make(self, space):
            return Mine.create(space)

A target of your own inherits ``TargetContract`` in the same way. ``FakeRobot`` is a pseudo-real robot in a process of
its own, see ``sim2real.robots.fake``.

Nothing here starts a physics engine, but a ``FakeRobot`` in a world that needs one.
"""

from __future__ import annotations

import importlib
import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need, Replay, Replayed, Segment
from sim2real.randomizers.base import Practice, Randomizer
from sim2real.target_contract import TargetContract
from sim2real_envs.errors import UnknownNameError
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


class RandomizerContract:
    """What every randomizer promises; inherit it in a test module and write ``make``."""

    order_matters: ClassVar[bool] = False  # True for a method that learns from the order of the episodes

    def make(self, space: ParameterSpace) -> Randomizer:
        """Return the randomizer under test before any evidence."""
        raise NotImplementedError("Write `make(self, space)` in your test class.")

    def evidence(self, space: ParameterSpace) -> Evidence:
        """Return the evidence that updates are tested with."""
        rng = np.random.default_rng(5)
        return slide_evidence(space, space.from_unit(np.full(len(space), 0.4)), rng)

    def practice(self, randomizer: Randomizer) -> Practice:
        """Return the training episodes that updates are tested with."""
        rng = np.random.default_rng(6)
        draws = randomizer.sample(rng, 64)
        success = rng.random(64) < 0.6
        return Practice(draws, success, success.astype(np.float64))

    def updated(self, space: ParameterSpace = SLIDE_SPACE) -> Randomizer:
        """Return the randomizer after one round of evidence."""
        return self.make(space).update_from_evidence(self.evidence(space), np.random.default_rng(7))

    def test_it_is_a_frozen_value(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        _assert_raises((FrozenInstanceError, AttributeError), lambda: setattr(randomizer, "space", ParameterSpace()))
        assert randomizer == self.make(SLIDE_SPACE)

    def test_all_arrays_are_read_only(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            draws = randomizer.sample(np.random.default_rng(0), 5)
            arrays = [draws.values, draws.log_prob, draws.tag, *vars(randomizer).values()]
            assert not [array for array in arrays if isinstance(array, np.ndarray) and array.flags.writeable]

    def test_samples_lie_within_the_ranges(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated(), self.updated().final()):
            _check_draws(randomizer, SLIDE_SPACE, 2000)

    def test_the_same_stream_gives_the_same_draws(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            first, second = (randomizer.sample(np.random.default_rng(3), 50) for _ in range(2))
            assert (first.values == second.values).all()
            assert (first.log_prob == second.log_prob).all()

    def test_the_same_evidence_and_stream_give_the_same_randomizer(self) -> None:
        assert self.updated() == self.updated()

    def test_an_update_leaves_the_old_randomizer_as_it_was(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        before = json.dumps(randomizer.to_dict())
        randomizer.update_from_evidence(self.evidence(SLIDE_SPACE), np.random.default_rng(0))
        randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(0))
        randomizer.final()
        assert json.dumps(randomizer.to_dict()) == before

    def test_an_update_returns_the_same_kind_on_the_same_space(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        trained = randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(0))
        for other in (trained, self.updated(), randomizer.final(), self.updated().final()):
            assert type(other) is type(randomizer)
            assert other.space == randomizer.space

    def test_it_comes_back_from_json_bit_for_bit(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated(), self.updated().final()):
            text = json.dumps(randomizer.to_dict(), allow_nan=False)
            restored = type(randomizer).from_dict(SLIDE_SPACE, json.loads(text))
            assert json.dumps(restored.to_dict(), allow_nan=False) == text
            _check_same(randomizer, restored)

    def test_it_comes_back_from_a_pickle(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            _check_same(randomizer, pickle.loads(pickle.dumps(randomizer)))

    def test_it_describes_itself_completely(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated(), self.updated().final()):
            _check_description(randomizer, SLIDE_SPACE)

    def test_evidence_that_lacks_what_it_needs_is_refused(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        nothing = replace(self.evidence(SLIDE_SPACE), offers=Need.NOTHING)
        if randomizer.needs:
            _assert_raises(
                InsufficientEvidence, lambda: randomizer.update_from_evidence(nothing, np.random.default_rng(0))
            )
        else:
            assert randomizer.update_from_evidence(nothing, np.random.default_rng(0)) is not None

    def test_starts_are_left_to_the_target_or_as_many_as_were_asked_for(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            first, again = (
                randomizer.choose_starts(SlideOffer(SLIDE_SPACE), 3, np.random.default_rng(4)) for _ in range(2)
            )
            if first is None or again is None:
                assert first is again
                continue
            assert len(first) == 3
            for one, other in zip(first, again, strict=True):
                assert {name: array.tolist() for name, array in one.values.items()} == {
                    name: array.tolist() for name, array in other.values.items()
                }

    def test_the_order_of_the_episodes_does_not_matter(self) -> None:
        if self.order_matters:
            return
        randomizer, evidence = self.make(SLIDE_SPACE), self.evidence(SLIDE_SPACE)
        other = shuffled(evidence, np.random.default_rng(1))
        first, second = (
            randomizer.update_from_evidence(each, np.random.default_rng(2)).describe() for each in (evidence, other)
        )
        for name in SLIDE_SPACE:
            assert np.allclose(first.parameters[name].quantiles, second.parameters[name].quantiles, rtol=1e-9)

    def test_a_range_of_no_width_is_kept(self) -> None:
        space = SLIDE_SPACE.with_ranges({"actuator.delay": (0.1, 0.1)})
        for randomizer in (self.make(space), self.updated(space)):
            _check_draws(randomizer, space, 100)
            _check_description(randomizer, space)

    def test_one_parameter_is_enough(self) -> None:
        space = SLIDE_SPACE.subset(["object.friction"])
        for randomizer in (self.make(space), self.updated(space)):
            _check_draws(randomizer, space, 100)
            _check_description(randomizer, space)

    def test_an_unknown_option_is_refused(self) -> None:
        kind = type(self.make(SLIDE_SPACE))
        _assert_raises(UnknownNameError, lambda: kind.create(SLIDE_SPACE, no_such_option=1))


def _assert_raises(kinds: type[BaseException] | tuple[type[BaseException], ...], call: Callable[[], object]) -> None:
    try:
        call()
    except kinds:
        return
    raise AssertionError(f"{kinds} must be raised, but nothing was.")


def _check_draws(randomizer: Randomizer, space: ParameterSpace, size: int) -> None:
    draws = randomizer.sample(np.random.default_rng(1), size)
    low, high = (np.array([getattr(parameter, end) for parameter in space.values()]) for end in ("low", "high"))
    assert draws.values.shape == (size, len(space))
    assert draws.log_prob.shape == draws.tag.shape == (size,)
    assert ((low <= draws.values) & (draws.values <= high)).all()
    assert np.isfinite(draws.log_prob).all()
    for row in draws.values[:10]:
        space.complete(space.to_domain(row))


def _check_same(first: Randomizer, second: Randomizer) -> None:
    assert first == second
    one, other = (randomizer.sample(np.random.default_rng(9), 40) for randomizer in (first, second))
    assert (one.values == other.values).all()
    assert (one.log_prob == other.log_prob).all()
    assert first.describe().parameters == second.describe().parameters


def _check_description(randomizer: Randomizer, space: ParameterSpace) -> None:
    description = randomizer.describe()
    assert tuple(description.parameters) == space.names
    for name, marginal in description.parameters.items():
        parameter, quantiles = space[name], np.array(marginal.quantiles)
        assert quantiles.shape == (21,)
        assert (np.diff(quantiles) >= 0.0).all()
        assert parameter.low <= quantiles[0] <= marginal.mean <= quantiles[-1] <= parameter.high
        assert quantiles[0] <= marginal.low <= marginal.high <= quantiles[-1]
        assert np.isfinite([marginal.mean, marginal.low, marginal.high, marginal.contraction]).all()
        assert marginal.contraction <= 1.0
        assert marginal.verdict in (None, "identified", "bounded", "not identified")
    assert description.correlation.shape == (len(space), len(space))
    assert np.allclose(description.correlation, description.correlation.T)
    assert np.allclose(np.diag(description.correlation), 1.0)
    assert (np.abs(description.correlation) <= 1.0 + 1e-12).all()
    assert np.isfinite(list(description.diagnostics.values())).all()
    assert all(isinstance(message, str) and message for message in description.messages)


def __getattr__(name: str) -> Any:
    if name == "FakeRobot":  # stands above this module, and is loaded when it is used
        return importlib.import_module("sim2real.robots.fake").FakeRobot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "SLIDE_OUTCOMES",
    "SLIDE_SPACE",
    "RandomizerContract",
    "SlideOffer",
    "SlideReplay",
    "TargetContract",
    "shuffled",
    "slide_evidence",
]
