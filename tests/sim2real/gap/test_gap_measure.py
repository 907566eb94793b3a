from __future__ import annotations

import json
import math
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sim2real.episodes import Episode
from sim2real.evidence import Evidence, Need, Replay
from sim2real.gap import Gap, measure, measure_episodes, pair_by_start
from sim2real.gap.statistics import newcombe, wilson
from sim2real_envs.state import WorldState

SPREAD = {"object.pose": np.full(6, 0.002)}


def start(x: float, angle: float = 0.0, measured: bool = False) -> WorldState:
    quaternion = Rotation.from_euler("z", angle).as_quat()
    values = {"object.pose": np.array([x, 0.0, 0.02, *quaternion]), "goal": np.array([0.5, 0.1, 0.0])}
    return WorldState(values, SPREAD if measured else {})


def episode(success: bool, at: WorldState | None = None, mode: str = "timeout", **outcome: float) -> Episode:
    return Episode(
        start=at or start(0.4),
        outcome={"success": float(success), **outcome},
        success=success,
        failure_mode="none" if success else mode,
        steps=10,
        total_reward=1.0 if success else 0.0,
        period=0.04,
    )


def test_a_measured_start_finds_the_exact_start_it_came_from() -> None:
    rng = np.random.default_rng(0)
    positions = np.linspace(0.3, 0.6, 12)
    simulated = [episode(True, start(x)) for x in positions]
    order = rng.permutation(12)
    real = [episode(True, start(positions[i] + rng.normal(0, 0.002), 0.002, measured=True)) for i in order]
    assert pair_by_start(simulated=simulated, real=real) == tuple((int(i), r) for r, i in enumerate(order))


def test_starts_that_differ_are_not_paired() -> None:
    assert pair_by_start(simulated=[episode(True, start(0.4))], real=[episode(True, start(0.401))]) == ()
    turned = [episode(True, start(0.4, 0.5, measured=True))]
    assert pair_by_start(simulated=[episode(True, start(0.4))], real=turned) == ()


def test_a_quaternion_and_its_negative_are_the_same_start() -> None:
    positive = start(0.4, 0.3)
    values = dict(positive.values)
    values["object.pose"] = values["object.pose"] * np.array([1, 1, 1, -1, -1, -1, -1])
    assert pair_by_start(simulated=[episode(True, positive)], real=[episode(True, WorldState(values))]) == ((0, 0),)


def test_no_episode_is_paired_twice() -> None:
    simulated = [episode(True, start(0.4)), episode(False, start(0.4))]
    real = [episode(True, start(0.4)) for _ in range(5)]
    pairs = pair_by_start(simulated=simulated, real=real)
    assert len(pairs) == 2
    assert len({s for s, _ in pairs}) == len({r for _, r in pairs}) == 2


def test_a_gap_has_rates_signed_difference_pairs_and_outcomes() -> None:
    starts = [start(x) for x in (0.3, 0.4, 0.5)]
    simulated = [episode(True, at, object_x=0.5) for at in starts] + [episode(True, start(0.9), object_x=0.5)]
    real = [episode(i == 0, at, object_x=0.4 + 0.01 * i) for i, at in enumerate(starts)]
    gap = measure_episodes(simulated=simulated, real=real, pairs=pair_by_start(simulated=simulated, real=real))
    assert (gap.real, gap.simulated) == (wilson(1, 3), wilson(4, 4))
    assert gap.success == newcombe(4, 4, 1, 3)
    assert gap.paired is not None
    assert gap.paired.n == 3
    assert gap.paired.value == pytest.approx(2 / 3)
    assert gap.outcomes["object_x"].difference.value == pytest.approx(0.09)
    assert gap.outcomes["object_x"].pairs == 3
    assert list(gap.outcomes) == ["success", "object_x"]


def test_the_gap_of_evidence_pairs_episodes_by_start() -> None:
    evidence = Evidence(
        round=0,
        real=(episode(False, start(0.5)), episode(True, start(0.3))),
        simulated=(episode(True, start(0.3)), episode(True, start(0.4)), episode(True, start(0.5))),
        offers=Need.OUTCOMES,
        replay=cast(Replay, None),  # a gap is read off the episodes, nothing is replayed
    )
    gap = measure(evidence)
    assert gap.paired is not None
    assert (gap.paired.n, gap.paired.value) == (2, 0.5)
    assert (gap.real.k, gap.real.n, gap.simulated.k, gap.simulated.n) == (1, 2, 3, 3)


def test_a_diverged_episode_is_a_failure_and_leaves_the_outcomes_alone() -> None:
    simulated = [episode(True, object_x=0.5), episode(False, mode="diverged", object_x=math.nan)]
    gap = measure_episodes(simulated=simulated, real=[episode(True, object_x=0.4)])
    assert (gap.simulated.k, gap.simulated.n) == (1, 2)
    assert gap.outcomes["object_x"].simulated_n == 1
    assert gap.outcomes["object_x"].difference.value == pytest.approx(0.1)


@given(st.lists(st.booleans(), max_size=4), st.lists(st.booleans(), max_size=4))
def test_any_gap_is_json_without_nan(simulated: list[bool], real: list[bool]) -> None:
    sides = [episode(s, x=1.0) for s in simulated], [episode(s, x=math.nan) for s in real]
    gap = measure_episodes(simulated=sides[0], real=sides[1], pairs=pair_by_start(simulated=sides[0], real=sides[1]))
    json.dumps(gap.to_dict(), allow_nan=False)
    assert set(gap.summary()) == {"value", "low", "high", "paired"}


def test_columns_are_those_of_the_round_table() -> None:
    gap: Gap = measure_episodes(simulated=[episode(True)], real=[])
    row = gap.columns()
    assert list(row)[:5] == ["real_k", "real_n", "real_rate", "real_low", "real_high"]
    assert list(row)[5:] == [
        *(f"simulated_{name}" for name in ("k", "n", "rate", "low", "high")),
        *(f"gap_{name}" for name in ("value", "low", "high")),
    ]
    assert (row["real_n"], row["simulated_k"]) == (0, 1)
    assert math.isnan(row["real_rate"])
    assert math.isnan(row["gap_value"])
