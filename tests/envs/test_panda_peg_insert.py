"""PegInsert keeps the contracts, its expert solves it, and its walls are walls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.errors import StateError
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.peg_insert import DEPTH, HALF, HALF_LENGTH, tip_of
from sim2real_envs.testing import EnvContract, ParameterContract
from tests.support.episodes import successes


class TestPegInsert(EnvContract):
    env_id = "PandaPegInsert-v0"


class TestParametersOfPegInsert(ParameterContract):
    env_id = "PandaPegInsert-v0"

    def probe_start(self, env: Any) -> WorldState:
        """Return the usual start, with the hole where the peg falls."""
        start = super().probe_start(env)
        x, y = start.values["object.pose"][:2]
        return WorldState({**start.values, "hole.pose": np.array([x, y, DEPTH, 0.0, 0.0, 0.0, 1.0])})


def peg_alone(height: float, *, aside: float = 0.0, domain: dict[str, float] | None = None) -> Any:
    """Return an environment with the open hand away from a peg over a hole, its tip ``height`` above the mouth."""
    env: Any = sim2real_envs.make("PandaPegInsert-v0", horizon=400).unwrapped
    start = {
        "hole.pose": [0.55, 0.12, DEPTH, 0.0, 0.0, 0.0, 1.0],
        "object.pose": [0.55 + aside, 0.12, DEPTH + height + HALF_LENGTH, 0.0, 0.0, 0.0, 1.0],
        "finger.position": [0.04, 0.04],
    }
    env.reset(seed=0, options={"start": start, "domain": domain or {}})
    return env


def test_the_expert_inserts_the_peg() -> None:
    assert successes("PandaPegInsert-v0", range(20)) >= 19


def test_the_grip_is_firm_from_the_start_at_any_delay() -> None:
    env: Any = sim2real_envs.make("PandaPegInsert-v0").unwrapped
    still = np.zeros(7, np.float32)
    still[6] = -1.0
    for domain in ({}, {"actuator.delay": 0.05}, {"object.size": 0.9}, {"object.size": 1.1}):
        env.reset(seed=1, options={"domain": domain})
        before = env.state()
        for _ in range(20):
            *_, terminated, _, _ = env.step(still)
            assert not terminated
        after = env.state()
        slip = (after.object_poses["object"] - before.object_poses["object"])[:3] - (
            after.tool_position - before.tool_position
        )
        assert np.linalg.norm(slip) < 4e-3
    env.close()


@pytest.mark.parametrize("clearance", [0.0005, 0.0015, 0.003])
def test_walls_begin_at_the_clearance(clearance: float) -> None:
    domain = {"hole.clearance": clearance, "object.restitution": 0.0}
    moved = []
    for aside in (0.7 * clearance, clearance + 5e-4):
        env = peg_alone(-0.02, aside=aside, domain=domain)
        env.step(np.zeros(7, np.float32))
        moved.append(tip_of(env._reading.bodies[0])[0] - 0.55 - aside)
        env.close()
    free, pushed = moved
    assert abs(free) < 1e-5
    assert pushed < -1e-4


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.004])
def test_a_peg_that_falls_beside_the_hole_stays_on_the_block(timestep: float) -> None:
    env = peg_alone(0.05, aside=0.01, domain={"physics.timestep": timestep})
    rest, speeds = np.zeros(7, np.float32), []
    for _ in range(30):
        env.step(rest)
        speeds.append(np.linalg.norm(env.state().object_twists["object"][:3]))
    x, _, z = env.state().object_poses["object"][:3]
    assert max(speeds) < 1.5  # [m/s]; a fall of 5 cm gives 1: nothing is thrown out
    assert z > 0.9 * HALF
    assert abs(x - 0.55) < 0.2
    env.close()


def test_a_peg_over_the_hole_falls_in_and_that_counts() -> None:
    env = peg_alone(0.005)
    rest = np.zeros(7, np.float32)
    for _ in range(30):
        *_, terminated, _, info = env.step(rest)
        if terminated:
            break
    assert info["is_success"]
    assert info["outcome"]["depth"] > 0.025
    env.close()


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"object.pose": [0.5, 0.0, 0.0, 0, 0, 0, 1]}, "into the table"),
        ({"hole.pose": [0.9, 0.0, DEPTH, 0, 0, 0, 1]}, "out of reach"),
        ({"hole.pose": [0.5, 0.0, 0.1, 0, 0, 0, 1]}, "mouth at z = 0.04 m, but that is at 0.100"),
        ({"hole.pose": [0.5, 0.0, DEPTH, 1, 0, 0, 0]}, "must be upright"),
    ],
)
def test_starts_that_cannot_be_are_refused(start: dict[str, Any], message: str) -> None:
    env = sim2real_envs.make("PandaPegInsert-v0")
    with pytest.raises(StateError, match=message):
        env.reset(seed=0, options={"start": start})
    env.close()
