"""The shipped environments keep the contracts that are shipped for everybody's, and refuse what cannot be."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any, ClassVar

import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env

import sim2real_envs
from sim2real_envs.errors import OptionError, StateError, UnknownNameError
from sim2real_envs.state import WorldState
from sim2real_envs.testing import EnvContract, ParameterContract, trajectory


class TestReach(EnvContract):
    env_id = "PandaReach-v0"


class TestPush(EnvContract):
    env_id = "PandaPush-v0"


class TestPushByJointsAtFiveMilliseconds(EnvContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {
        "control": "joint_delta",
        "past_actions": 3,
        "timestep": 0.005,
        "horizon": 30,
    }


class TestParametersOfReach(ParameterContract):
    env_id = "PandaReach-v0"


class TestParametersOfPush(ParameterContract):
    env_id = "PandaPush-v0"


class TestParametersOfPushByJoints(ParameterContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {"control": "joint_delta"}


def made(name: str = "PandaReach-v0", **options: Any) -> Any:
    """Return an environment without its wrappers."""
    return sim2real_envs.make(name, **options).unwrapped


@pytest.mark.parametrize("name", sim2real_envs.ENV_IDS)
def test_stable_baselines_has_nothing_to_say(name: str) -> None:
    env = sim2real_envs.make(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)
    env.close()


# -- Options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"control": 3}, UnknownNameError, "3 is not a control. Available: ee_delta, joint_delta, joint_velocity, "),
        ({"control": "ee_dleta"}, UnknownNameError, "Did you mean 'ee_delta'?"),
        ({"backend": "bulet"}, UnknownNameError, "'bulet' is not a backend. Did you mean 'bullet'?"),
        ({"backend": None}, UnknownNameError, "None is not a backend."),
        ({"observation": 3}, UnknownNameError, "is not an observation"),
        ({"observation": "camera"}, UnknownNameError, "Available: state, pixels, depth, multimodal."),
        ({"render_mode": "human"}, UnknownNameError, "Available: rgb_array."),
        ({"render_size": 3}, OptionError, "`render_size` must be (width, height), but got 3."),
        ({"render_size": (0, 100)}, OptionError, "from 1 to 4096, but got 0."),
        ({"timestep": "a"}, OptionError, "`timestep` must be a number of seconds, but got 'a'."),
        ({"timestep": True}, OptionError, "`timestep` must be a number of seconds"),
        ({"timestep": math.nan}, OptionError, "within [0.001, 0.01] s, but got nan."),
        ({"timestep": 0.02}, OptionError, "within [0.001, 0.01] s, but got 0.02."),
        ({"timestep": 0.002, "substeps": 20}, OptionError, "say the same thing"),
        ({"substeps": 3}, OptionError, "`substeps` must be a whole number from 4 to 40, but got 3."),
        ({"substeps": 41}, OptionError, "from 4 to 40, but got 41."),
        ({"substeps": 20.0}, OptionError, "from 4 to 40, but got 20.0."),
        ({"substeps": "20"}, OptionError, "from 4 to 40, but got '20'."),
        ({"horizon": 0}, OptionError, "`horizon` must be a whole number of at least 1, but got 0."),
        ({"horizon": 1.5}, OptionError, "`horizon`"),
        ({"past_actions": -1}, OptionError, "`past_actions` must be a whole number from 0 to 100, but got -1."),
        ({"past_actions": 10**12}, OptionError, "from 0 to 100, but got 1000000000000."),
        ({"past_actions": 1.5}, OptionError, "from 0 to 100, but got 1.5."),
        ({"past_actions": True}, OptionError, "from 0 to 100, but got True."),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        made(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "timestep", "substeps"),
    [
        ({}, 0.002, 20),
        ({"substeps": 40}, 0.001, 40),
        ({"substeps": np.int64(4)}, 0.01, 4),
        ({"timestep": 0.004}, 0.004, 10),
        ({"timestep": 0.003}, 0.04 / 13, 13),
    ],
)
def test_the_physics_step_is_a_whole_fraction_of_the_control_period(
    options: dict[str, Any], timestep: float, substeps: int
) -> None:
    env = made(**options)
    env.reset(seed=0)
    assert env.parameter_space["physics.timestep"].nominal == pytest.approx(timestep, rel=1e-12)
    assert env.applied_domain()["physics.timestep"] == pytest.approx(timestep, rel=1e-12)
    assert env.control_period / env.applied_domain()["physics.timestep"] == pytest.approx(substeps)
    env.close()


@pytest.mark.parametrize("name", sim2real_envs.ENV_IDS)
def test_the_fields_of_a_task_add_up_to_the_observation(name: str) -> None:
    env = made(name)
    assert sum(field.size for field in env.task.fields) == env.observation_space.shape[0]
    env.close()


def test_past_actions_end_the_observation_latest_last() -> None:
    env = made("PandaReach-v0", past_actions=2)
    observation, _ = env.reset(seed=0)
    assert (observation[-6:] == 0.0).all()
    env.step(np.array([0.1, 0.2, 0.3], dtype=np.float32))
    observation = env.step(np.array([-0.5, 2.0, 0.25], dtype=np.float32))[0]
    assert observation[-6:].tolist() == pytest.approx([0.1, 0.2, 0.3, -0.5, 1.0, 0.25])
    observation, _ = env.reset(seed=0)
    assert (observation[-6:] == 0.0).all()
    env.close()


def test_the_horizon_truncates_an_episode() -> None:
    env = made("PandaReach-v0", horizon=3)
    env.reset(seed=0)
    steps = [env.step(np.zeros(3, dtype=np.float32)) for _ in range(3)]
    assert [(terminated, truncated) for _, _, terminated, truncated, _ in steps] == [(False, False)] * 2 + [
        (False, True)
    ]
    assert steps[-1][4]["failure_mode"] == "timeout"
    assert steps[-1][4]["outcome"]["duration"] == pytest.approx(3 * 0.04)
    env.close()


# -- Starts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("PandaReach-v0", {"object.pose": [0.5, 0, 0.025, 0, 0, 0, 1]}, "there is no object here"),
        ("PandaReach-v0", {"object.twist": [0.0] * 6}, "there is no object here"),
        ("PandaReach-v0", {"joint.velocity": [0.0] * 6}, "'joint.velocity' must have shape (7,) here, but got (6,)."),
        ("PandaPush-v0", {"object.pose": [0.5, 0, 0.025, 0, 0, 0, 0]}, "must have length 1, but has 0."),
        ("PandaPush-v0", {"object.pose": [0.5, 0, -0.02, 0, 0, 0, 1]}, "into the table"),
        ("PandaPush-v0", {"object.pose": [0.9, 0, 0.025, 0, 0, 0, 1]}, "out of reach"),
    ],
)
def test_starts_that_cannot_be_are_refused(name: str, start: dict[str, Any], message: str) -> None:
    env = made(name)
    for option in ("start", "measured_start"):
        with pytest.raises(StateError) as caught:
            env.reset(seed=0, options={option: start})
        assert message in str(caught.value)
    env.close()


def test_commands_of_another_arm_are_refused() -> None:
    env = made()
    with pytest.raises(StateError, match="'commands' must have shape"):
        env.reset(options={"start": WorldState({}, commands=np.zeros((2, 3)))})
    env.close()


def test_an_episode_continues_from_its_world_state() -> None:
    env = made("PandaPush-v0", horizon=100)
    domain = {"actuator.delay": 0.05}
    env.reset(seed=2, options={"domain": domain})
    for _ in range(4):  # the cube lies still, out of touch: there is no contact memory that a start cannot carry
        env.step(np.array([0.1, 0.5], dtype=np.float32))
    middle = env.world_state()
    rest = np.array([0.0, -1.0], dtype=np.float32)
    for _ in range(3):
        env.step(rest)
    wanted = env.state()
    env.reset(seed=9, options={"domain": domain, "start": middle})
    for _ in range(3):
        env.step(rest)
    assert env.state().joint_position == pytest.approx(wanted.joint_position, abs=1e-4)
    env.close()


def test_a_measured_start_begins_where_biased_sensors_believe_it_began() -> None:
    env = made("PandaPush-v0")
    domain = {"sensor.object_position_bias": 0.01, "sensor.joint_position_bias": 0.005}
    env.reset(seed=4, options={"domain": domain})
    true, seen = env.world_state().values, env.measured_start()
    assert seen.values["object.pose"][:2] - true["object.pose"][:2] == pytest.approx([0.01, 0.01])
    assert seen.values["joint.position"] - true["joint.position"] == pytest.approx(0.005)
    env.reset(seed=5, options={"domain": domain, "measured_start": seen})
    for name in ("object.pose", "joint.position", "goal"):
        assert env.world_state().values[name] == pytest.approx(true[name], abs=1e-9)
    env.close()


def test_a_failed_reset_leaves_no_episode_behind() -> None:
    env = made()
    env.reset(seed=0)
    with pytest.raises(StateError):
        env.reset(options={"start": {"joint.position": np.zeros(3)}})
    with pytest.raises(sim2real_envs.EnvError, match="reset"):
        env.step(np.zeros(3, dtype=np.float32))
    env.close()


# -- Pictures and processes --------------------------------------------------------------------------------------


def test_pictures_show_the_scene_and_leave_the_physics_alone() -> None:
    env, plain = made("PandaPush-v0", render_mode="rgb_array", render_size=(64, 48)), made("PandaPush-v0")
    env.reset(seed=0)
    picture = env.render()
    assert (picture.shape, picture.dtype) == ((48, 64, 3), np.uint8)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    env.reset(seed=1)
    assert (env.render() != picture).any()
    assert trajectory(env, 3, {}) == trajectory(plain, 3, {})
    assert plain.render() is None
    env.close()
    plain.close()


def test_an_engine_says_nothing_in_a_new_process() -> None:
    code = "import os, sys, sim2real_envs\n{}sim2real_envs.make('PandaReach-v0').close()"
    for closing in ("", "os.close(2)\n"):
        child = subprocess.run(
            [sys.executable, "-c", code.format(closing)], capture_output=True, text=True, timeout=120
        )
        assert (child.returncode, child.stdout, child.stderr) == (0, "", "")
