"""Each control moves the arm as it says, and goals and rewards are what they are said to be."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.control import CONTROL_PERIOD, CONTROLS, JOINT_SPEED, TORQUE_SHARE
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import Array
from sim2real_envs.testing import EnvContract, ParameterContract


class TestReachByVelocities(EnvContract):
    env_id = "PandaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {"control": "joint_velocity"}


class TestReachByTorques(EnvContract):
    env_id = "PandaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {"control": "joint_torque"}


class TestGoalConditionedPush(EnvContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {"goal_conditioned": True, "reward": "sparse"}


class TestParametersOfReachByVelocities(ParameterContract):
    env_id = "PandaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {"control": "joint_velocity"}


class TestParametersOfReachByTorques(ParameterContract):
    env_id = "PandaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {"control": "joint_torque"}


def made(name: str = "PandaReach-v0", **options: Any) -> Any:
    """Return an environment without its wrappers."""
    return sim2real_envs.make(name, **options).unwrapped


def moved(env: Any, action: Array, steps: int, **domain: float) -> tuple[Array, Array]:
    """Return joint positions and velocities (t, n) under one action, from the start of an episode."""
    env.reset(seed=0, options={"domain": {name.replace("__", "."): value for name, value in domain.items()}})
    states = [env.state()]
    for _ in range(steps):
        env.step(action.astype(np.float32))
        states.append(env.state())
    return np.array([s.joint_position for s in states]), np.array([s.joint_velocity for s in states])


def only(joint: int, value: float) -> Array:
    """Return an action of seven joints of which one is not zero."""
    action = np.zeros(7)
    action[joint] = value
    return action


@pytest.mark.parametrize("joint", [0, 3, 6])
def test_a_joint_under_velocity_control_moves_at_the_commanded_speed(joint: int) -> None:
    env = made(control="joint_velocity")
    positions, velocities = moved(env, only(joint, 0.5), 12)
    wanted = 0.5 * JOINT_SPEED
    assert velocities[6:, joint].mean() == pytest.approx(wanted, rel=0.12)
    assert positions[-1, joint] - positions[0, joint] == pytest.approx(wanted * 12 * CONTROL_PERIOD, rel=0.15)
    others = np.delete(np.arange(7), joint)
    assert np.abs(positions[-1, others] - positions[0, others]).max() < 0.02
    env.close()


def test_no_torque_holds_the_arm_against_gravity_and_friction_only_brakes() -> None:
    env = made(control="joint_torque")
    positions, _ = moved(env, np.zeros(7), 25)
    assert np.abs(positions[-1] - positions[0]).max() < 1e-3
    env.close()


def test_a_torque_accelerates_a_joint_by_its_inertia() -> None:
    env = made(control="joint_torque")
    strength, effort = 0.1, 87.0
    _, velocities = moved(env, only(0, strength), 3, joint__friction=0.01, joint__damping=0.1)
    home = [float(q) for q in env.state().joint_position]
    arm = env._backend._arm
    matrix = np.array(pybullet.calculateMassMatrix(arm, home, physicsClientId=env._backend._client))
    torque = np.zeros(7)
    torque[0] = strength * TORQUE_SHARE * effort - 0.01
    wanted = np.linalg.solve(matrix[:7, :7], torque)[0] * CONTROL_PERIOD
    assert velocities[1, 0] == pytest.approx(wanted, rel=0.1)
    env.close()


def test_torque_control_has_no_gains_and_no_play() -> None:
    names = made(control="joint_torque").parameter_space.names
    assert not {"actuator.stiffness_scale", "actuator.damping_scale", "actuator.backlash"} & set(names)
    assert {"actuator.delay", "actuator.strength_scale", "joint.friction"} <= set(names)


@pytest.mark.parametrize("control", CONTROLS)
def test_what_was_asked_of_the_robot_can_be_read(control: str) -> None:
    env = made("PandaPush-v0", control=control)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    action = env.robot_action()
    assert action.joint_target.shape == (7,)
    assert action.kind == ("torque" if control == "joint_torque" else "position")
    assert action.gripper is None
    env.close()


def test_sparse_rewards_are_minus_one_until_success() -> None:
    env = made(reward="sparse")
    env.reset(seed=0)
    rewards, ended = [], False
    while not ended:
        _, reward, terminated, truncated, info = env.step(env.expert_action())
        rewards.append(reward)
        ended = terminated or truncated
    assert info["is_success"]
    assert rewards[-1] == 0.0
    assert set(rewards[:-1]) == {-1.0}
    env.close()


@pytest.mark.parametrize("reward", ["sparse", "dense"])
@pytest.mark.parametrize("name", sim2real_envs.ENV_IDS)
def test_the_reward_of_a_step_is_that_of_its_goals_one_by_one_and_all_at_once(name: str, reward: str) -> None:
    env = made(name, reward=reward, goal_conditioned=True)
    observation, _ = env.reset(seed=3)
    rows, rewards = [], []
    for _ in range(30):
        observation, value, terminated, truncated, info = env.step(env.expert_action())
        rows.append(observation)
        rewards.append(value)
        assert env.compute_reward(observation["achieved_goal"], observation["desired_goal"], info) == value
        if terminated or truncated:
            break
    achieved, desired = (np.stack([row[key] for row in rows]) for key in ("achieved_goal", "desired_goal"))
    assert env.compute_reward(achieved, desired, [{}] * len(rows)).tolist() == rewards
    hindsight = env.compute_reward(achieved[:1], achieved[:1], None)  # at rest where it is
    assert hindsight == pytest.approx([0.0])
    env.close()


def test_a_goal_conditioned_observation_does_not_know_the_goal() -> None:
    env = made("PandaPush-v0", goal_conditioned=True)
    seen = [env.reset(seed=0, options={"start": {"goal": np.array([x, 0.1, 0.0])}})[0] for x in (0.55, 0.65)]
    assert (seen[0]["observation"] == seen[1]["observation"]).all()
    assert (seen[0]["desired_goal"] != seen[1]["desired_goal"]).any()
    env.close()


@pytest.mark.parametrize("control", [name for name in CONTROLS if name != "ee_delta"])
@pytest.mark.parametrize("name", ["PandaPickAndPlace-v0", "PandaStack-v0", "PandaPegInsert-v0"])
def test_a_delayed_arm_with_a_hand_stays_where_it_is_asked_to(name: str, control: str) -> None:
    env = made(name, control=control)
    env.reset(seed=0, options={"domain": {"actuator.delay": 0.06}})
    before = env.state()
    stay = np.zeros(env.action_space.shape[0], dtype=np.float32)
    stay[-1] = -1.0 if name == "PandaPegInsert-v0" else 1.0
    for _ in range(6):
        env.step(stay)
    after = env.state()
    assert np.abs(after.joint_position - before.joint_position).max() < 0.01
    assert abs(after.finger_position - before.finger_position).max() < 0.002
    env.close()


def test_actions_beyond_one_are_counted() -> None:
    env = made()
    env.reset(seed=0)
    counts = [env.step(np.full(3, size, dtype=np.float32))[4]["clipped_actions"] for size in (0.5, 2.0, 1.0, -3.0)]
    assert counts == [0, 1, 1, 2]
    env.reset(seed=0)
    assert env.step(np.zeros(3, dtype=np.float32))[4]["clipped_actions"] == 0
    env.close()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"is not a reward\. Did you mean 'sparse'"):
        made(reward="spare")
    with pytest.raises(OptionError, match="`goal_conditioned` must be true or false, but got 3"):
        made(goal_conditioned=3)
    with pytest.raises(UnknownNameError, match=r"'contrl' is not an option of PandaReach-v0\. Did you mean 'control'"):
        made(contrl="ee_delta")
    env = made(control="joint_delta")
    env.reset(seed=0)
    with pytest.raises(OptionError, match="Experts act under control='ee_delta'"):
        env.expert_action()
    env.close()
