"""What sensors say of a running world is enough to continue from, and no more than sensors can know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim2real_envs


def test_a_lifted_and_tilted_object_is_told_as_it_is() -> None:
    env: Any = sim2real_envs.make("PandaPickAndPlace-v0").unwrapped
    env.reset(seed=0)
    start = env.world_state()
    turn = np.array([0.1, -0.2, 0.5, 1.0])
    pose = np.array([*start.values["object.pose"][:2], 0.2, *(turn / np.linalg.norm(turn))])
    env.reset(seed=0, options={"start": {"object.pose": pose}})
    env.step(np.zeros(env.action_space.shape))
    true, told = env.world_state().values, env.measured_state().values
    assert told["object.pose"][:3] == pytest.approx(true["object.pose"][:3])
    assert abs(float(told["object.pose"][3:] @ true["object.pose"][3:])) == pytest.approx(1.0, abs=1e-6)
    assert told["object.twist"][2] < -0.1, "it falls"
    assert told["finger.position"] == pytest.approx(true["finger.position"])
    env.close()


def test_exact_sensors_tell_joints_and_the_last_commands_exactly() -> None:
    env: Any = sim2real_envs.make("PandaPush-v0").unwrapped
    env.reset(seed=3, options={"domain": {"actuator.delay": 0.06}})
    first = env.world_state().values["joint.position"]
    asked = []
    for _ in range(12):
        env.step(np.array([0.4, 0.2]))
        asked.append(env.robot_action().joint_target)
    true, told = env.world_state().values, env.measured_state()
    for name in ("joint.position", "joint.velocity", "goal"):
        assert (told.values[name] == true[name]).all()
    assert told.commands == pytest.approx(np.array(asked[-10:]))
    env.reset(seed=3)
    assert env.measured_state().commands == pytest.approx(first[None])
    env.close()


def test_a_bias_is_in_what_is_told() -> None:
    env: Any = sim2real_envs.make("PandaPush-v0").unwrapped
    env.reset(seed=3, options={"domain": {"sensor.object_position_bias": 0.01}})
    env.step(np.zeros(2))
    apart = env.measured_state().values["object.pose"] - env.world_state().values["object.pose"]
    assert apart[:3] == pytest.approx([0.01, 0.01, 0.0], abs=1e-4)
    env.close()


@pytest.mark.parametrize("name", ["PandaReach-v0", "PandaSlide-v0", "PandaStack-v0", "PandaPegInsert-v0"])
def test_every_task_tells_a_state_that_it_can_begin_at(name: str) -> None:
    env: Any = sim2real_envs.make(name).unwrapped
    env.reset(seed=1)
    for _ in range(3):
        env.step(np.full(env.action_space.shape, 0.3))
    told = env.measured_state()
    env.reset(seed=2, options={"measured_start": told})
    assert env.world_state().values["joint.position"] == pytest.approx(told.values["joint.position"])
    env.close()
