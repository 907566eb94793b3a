"""The discrepancy of trajectories, on ramps whose every number can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from sim2real.episodes import Episode
from sim2real.evidence import Evidence, Need, Replayed, Segment
from sim2real.randomizers.discrepancy import Discrepancy, Misfits
from sim2real.randomizers.residuals import CAP
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Parameter, ParameterSpace
from sim2real_envs.state import WorldState

LENGTH = 11
SPACE = ParameterSpace(
    [
        Parameter("joint.damping", 1.0, 0.0, 4.0, (0.0, 10.0), "m/s", doc="Slope of the ramp."),
        Parameter("object.mass", 10.0, 2.0, 10.0, (1.0, 10.0), "-", doc="Steps after which an episode is over."),
        Parameter("object.friction", 0.0, 0.0, 1.0, (0.0, 1.0), "-", doc="Above one half the world diverges."),
    ]
)
ACTIVE = np.ones(3, dtype=bool)


@dataclass(frozen=True)
class Ramps:
    """x(t) = slope t until the episode is over, and a second column that nothing moves but a constant."""

    drives: frozenset[str] = frozenset({"policy", "actions"})
    outcomes: tuple[Outcome, ...] = (Outcome("success", "-", 1.0, "binary", doc="Always."),)

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        return domains * len(segments) * repeats * (LENGTH - 1)

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        path = np.full((len(domains), len(segments), 1, LENGTH, 2), np.nan)
        outcome = np.ones((len(domains), len(segments), 1))
        for row, (slope, steps, faulty) in enumerate(domains):
            path[row, :, :, : int(steps) + 1] = ramp(slope, int(steps))
            outcome[row] = np.nan if faulty > 0.5 else 1.0
        return Replayed({"success": outcome}, {"observations": path}, self.cost(len(domains), segments))


def ramp(slope: float, steps: int) -> Array:
    """Return observations (steps + 1, 2)."""
    along = slope * np.arange(steps + 1.0)
    return np.stack([along, np.full(steps + 1, 3.0)], axis=1)


def evidence(*real: Array, drives: frozenset[str] = frozenset({"policy", "actions"})) -> Evidence:
    """Return real episodes with these observations."""
    episodes = tuple(
        Episode(
            start=WorldState({}),
            outcome={"success": 1.0},
            success=True,
            failure_mode="none",
            steps=len(observations) - 1,
            total_reward=0.0,
            period=0.04,
            observations=observations,
            actions=np.zeros((len(observations) - 1, 1)),
            label=f"ramp-{index}",
        )
        for index, observations in enumerate(real)
    )
    return Evidence(0, episodes, (), Need.TRAJECTORIES, Ramps(drives))


def misfits(found: Evidence, *domains: tuple[float, float, float], smoothing: float = 0.0) -> Misfits:
    """Return the misfits of domains (slope, steps, faulty)."""
    discrepancy, _ = Discrepancy.of(found, SPACE, ACTIVE, np.random.default_rng(0), smoothing=smoothing)
    return discrepancy(SPACE.to_unit(np.array(domains)))


def test_the_true_domain_has_none_and_others_more_the_farther_they_are() -> None:
    found = misfits(evidence(ramp(1.0, 10)), (1.0, 10, 0), (1.5, 10, 0), (2.0, 10, 0))
    cost = found.cost(np.ones(1), 1.0, 1.0)
    assert cost[0] == pytest.approx(0.0, abs=1e-12)
    assert found.absolute[2] == pytest.approx(2.0 * found.absolute[1])
    assert found.square[2] == pytest.approx(4.0 * found.square[1])


def test_weights_of_absolute_and_squared_differences_add_up() -> None:
    found = misfits(evidence(ramp(1.0, 10)), (1.5, 10, 0))
    scale = np.array([0.5])
    both = found.cost(scale, 2.0, 3.0)
    assert both == pytest.approx(2.0 * found.absolute[:, 0] / 0.5 + 3.0 * found.square[:, 0] / 0.25)


def test_a_column_that_never_moves_does_not_count() -> None:
    assert misfits(evidence(ramp(1.0, 10)), (1.5, 10, 0)).absolute.shape == (1, 1)


def test_an_episode_that_ended_before_the_horizon_holds_its_last_values_on_both_sides() -> None:
    whole = evidence(ramp(1.0, 10))
    early = misfits(whole, (1.0, 6, 0))
    held = np.maximum(np.arange(1, LENGTH) - 6, 0)  # in m
    spread = misfits(whole, (2.0, 10, 0)).absolute[0, 0] / np.arange(1, LENGTH).mean()  # per m
    assert early.absolute[0, 0] == pytest.approx(held.mean() * spread)
    real_ended = misfits(evidence(ramp(1.0, 6)), (1.0, 6, 0), (1.0, 10, 0))
    assert real_ended.absolute[0, 0] == pytest.approx(0.0, abs=1e-12)
    assert real_ended.absolute[1, 0] > 0.0


def test_of_a_recording_only_its_own_length_is_compared() -> None:
    short = evidence(ramp(1.0, 6), drives=frozenset({"actions"}))
    assert misfits(short, (1.0, 10, 0)).absolute[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_a_world_that_diverged_has_the_worst_cost() -> None:
    found = misfits(evidence(ramp(1.0, 10)), (1.0, 10, 1), (4.0, 2, 0))
    assert found.absolute[0] == pytest.approx([CAP])
    assert found.square[0] == pytest.approx([CAP**2])
    assert found.absolute[1, 0] < CAP


def test_smoothing_takes_noise_away_and_leaves_what_lasts() -> None:
    noise = np.zeros((11, 2))
    noise[1:, 0] = np.random.default_rng(1).normal(size=10)
    noisy = evidence(*[ramp(1.0, 10) + noise])
    rough, smooth = (misfits(noisy, (1.0, 10, 0), (3.0, 10, 0), smoothing=width) for width in (0.0, 2.0))
    assert smooth.square[0, 0] < 0.4 * rough.square[0, 0]
    assert smooth.absolute[1, 0] == pytest.approx(rough.absolute[1, 0], rel=0.1)


def test_episodes_count_alike_whatever_their_length() -> None:
    slope = (2.0, 10, 0)
    drives = frozenset({"actions"})
    long, short, both = (
        evidence(*real, drives=drives) for real in ([ramp(1.0, 10)], [ramp(1.0, 4)], [ramp(1.0, 10), ramp(1.0, 4)])
    )
    metres = [np.arange(1, steps + 1).mean() for steps in (10, 4)]
    discrepancies = [Discrepancy.of(each, SPACE, ACTIVE, np.random.default_rng(0))[0] for each in (long, short, both)]
    spreads = [each.comparison.spread[0] for each in discrepancies]
    found = [misfits(each, slope).absolute[0, 0] for each in (long, short, both)]
    assert found[0] == pytest.approx(metres[0] / spreads[0])
    assert found[1] == pytest.approx(metres[1] / spreads[1])
    assert found[2] == pytest.approx(np.mean(metres) / spreads[2])


def test_columns_are_measured_in_what_the_most_likely_domain_leaves() -> None:
    found = Misfits(np.array([[0.1, 1.0], [2.0, 3.0]]), np.array([[0.01, 1.0], [4.0, 9.0]]))
    assert found.scale() == pytest.approx([0.1, 1.0])
    assert found.joined(found.first(1)).absolute.shape == (3, 2)


def test_a_domain_that_is_a_little_better_in_many_columns_does_not_hide_how_bad_it_is_in_one() -> None:
    left = np.array([[0.02, 0.5, 0.5, 0.5], [0.4, 0.3, 0.3, 0.3]])
    found = Misfits(left, left**2)
    assert np.argmin(found.cost(np.ones(4), 1.0, 1.0)) == 1
    assert found.scale() == pytest.approx(left[0])
    assert np.argmin(found.cost(found.scale(), 1.0, 1.0)) == 0


def test_what_replays_cost_is_counted() -> None:
    discrepancy, nominal = Discrepancy.of(
        evidence(ramp(1.0, 10), ramp(2.0, 10)), SPACE, ACTIVE, np.random.default_rng(0)
    )
    assert len(nominal) == 1
    discrepancy(np.full((3, 3), 0.2))
    assert discrepancy.env_steps == 4 * 2 * 10
