"""Recording a target: what its sensors said and what was sent, never what only a simulator knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real.cli import main
from sim2real.errors import PolicyError, RecordingError
from sim2real.experiment.spec import ExperimentSpec, spec_from
from sim2real.policy import MlpPolicy
from sim2real.record_episodes import find_policy, record_target
from sim2real.recordings.log import check_log, read_log, response_lags
from sim2real.recordings.sensed import facts_of, log_episode, pose_of
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.sensors import MeasuredBody

HIDDEN = {"object.friction": 0.2718, "actuator.delay": 0.0517, "sensor.object_position_bias": 0.0119}


def spec(**env: Any) -> ExperimentSpec:
    return spec_from(
        {
            "name": "try",
            "env": {"id": "PandaPush-v0", **env},
            "parameters": {"object.friction": {"low": 0.05, "high": 1.0}},
            "methods": ["uniform"],
            "targets": {
                "cell": {"type": "hidden", "domain": HIDDEN},
                "flawed": {"type": "preset", "preset": "worn"},
            },
        }
    )


def some_policy(observation: int, action: int) -> MlpPolicy:
    """Return a linear policy with made-up weights."""
    weight = np.random.default_rng(0).normal(size=(action, observation)).astype(np.float32)
    layers = ((weight, np.zeros(action, dtype=np.float32)),)
    return MlpPolicy("PandaPush-v0", "PPO", layers, "tanh", "clip", np.zeros(observation), np.ones(observation))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    return record_target(spec(), "cell", folder / "cell", episodes=3, workers=0).path


def test_a_recorded_log_passes_the_checker_and_says_what_it_is(recorded: Path) -> None:
    found = [(finding.rule, finding.signal) for finding in check_log(recorded)]
    assert found == [("constant", "finger.force")]  # these random motions touch nothing, and the checker sees it
    log = read_log(recorded)
    assert (log.origin, log.robot, log.rate, len(log.episodes)) == ("pseudo-real", "Panda", 25.0, 3)
    assert log.joints[0] == "panda_joint1"
    assert log.extra["env"] == {"id": "PandaPush-v0", "options": {}}
    assert (log.extra["target"], log.extra["driver"]) == ("cell", "excitation")
    assert set(log.signals) == {
        "observation", "action", "joint.position", "joint.velocity", "joint.command", "finger.force", "object.pose",
        "goal",
    }  # fmt: skip
    observation = log.signals["observation"]
    assert observation.names[:5] == (
        "tool_position_0", "tool_position_1", "tool_velocity_0", "tool_velocity_1", "object_from_tool_0",
    )  # fmt: skip
    assert observation.units[:5] == ("m", "m", "m/s", "m/s", "m")
    assert log.signals["action"].names == ("x", "y")


def test_an_episode_of_so_many_steps_has_one_row_more(recorded: Path) -> None:
    log = read_log(recorded)
    for episode in log.episodes:
        assert len(episode.times) == round(episode.outcome["duration"] * log.rate) + 1
        assert np.isnan(episode["action"][-1]).all()
        assert np.isfinite(episode["action"][:-1]).all()
        np.testing.assert_array_equal(episode["joint.command"][-1], episode["joint.command"][-2])


def test_nothing_of_the_hidden_domain_is_in_the_files(recorded: Path) -> None:
    header = recorded.with_suffix(".json").read_text()
    for name, value in HIDDEN.items():
        assert name not in header
        assert str(value) not in header
    assert not any(name.startswith(("domain", "seed")) for name in json.loads(header)["signals"])
    log = read_log(recorded)
    numbers = np.concatenate([each.reshape(-1) for episode in log.episodes for each in episode.values.values()])
    assert not np.isin(np.array(list(HIDDEN.values())), numbers).any()


def test_the_object_is_where_the_biased_camera_says_not_where_it_is() -> None:
    with sim2real_envs.make("PandaPush-v0") as env:
        still = np.zeros(2, dtype=np.float32)
        true = log_episode(env, lambda _: still, number=0, seed=3, domain={})
        seen = log_episode(env, lambda _: still, number=0, seed=3, domain={"sensor.object_position_bias": 0.01})
    shift = seen["object.pose"][:, :3] - true["object.pose"][:, :3]
    np.testing.assert_allclose(shift, [[0.01, 0.01, 0.0]] * len(shift), atol=1e-9)


def test_the_log_is_the_same_for_any_number_of_workers(recorded: Path, tmp_path: Path) -> None:
    again = record_target(spec(), "cell", tmp_path / "again", episodes=3, workers=2).path
    assert again.read_bytes() == recorded.read_bytes()
    assert again.with_suffix(".json").read_text() == recorded.with_suffix(".json").read_text()
    other = record_target(spec(), "cell", tmp_path / "other", episodes=3, workers=0, seed=1).path
    assert other.read_bytes() != recorded.read_bytes()


def test_a_delay_of_the_actuators_can_be_read_off_the_log(tmp_path: Path) -> None:
    lags = {}
    for delay in (0.0, 0.12):
        given = spec_from(
            {
                "name": "try",
                "env": {"id": "PandaReach-v0", "control": "joint_delta", "horizon": 60},
                "parameters": {"actuator.delay": {"low": 0.0, "high": 0.2}},
                "methods": ["uniform"],
                "targets": {"cell": {"type": "hidden", "domain": {"actuator.delay": delay}}},
            }
        )
        log = record_target(given, "cell", tmp_path / f"{delay}", episodes=4, workers=0).log
        lags[delay] = np.median(list(response_lags(log).values()))
    assert lags[0.12] - lags[0.0] == pytest.approx(0.12, abs=0.03)


def test_the_expert_and_a_policy_can_drive(tmp_path: Path) -> None:
    done = record_target(spec(), "cell", tmp_path / "expert", episodes=4, driver="expert", workers=0)
    assert done.success is not None
    assert done.success.k == sum(bool(episode.success) for episode in done.log.episodes) >= 3
    assert done.log.extra["driver"] == "expert"
    policy = some_policy(16, 2)
    done = record_target(spec(), "cell", tmp_path / "policy", episodes=1, driver=policy, driver_name="mine", workers=0)
    assert done.log.extra["driver"] == "mine"
    episode = done.log.episodes[0]
    np.testing.assert_allclose(episode["action"][4], policy(episode["observation"][4]), atol=1e-6)


def test_a_flawed_target_is_recorded_too(tmp_path: Path) -> None:
    done = record_target(spec(), "flawed", tmp_path / "flawed", episodes=2, workers=0)
    assert not [finding for finding in check_log(done.path) if finding.level == "error"]
    assert done.log.extra["env"] == {"id": "PandaPush-v0", "options": {}}


def test_a_hand_and_torques_and_past_actions_are_logged(tmp_path: Path) -> None:
    del tmp_path
    with sim2real_envs.make("PandaPickAndPlace-v0", past_actions=2) as env:
        facts = facts_of(env)
        assert {"finger.position", "finger.command", "finger.force"} <= set(facts.signals)
        assert facts.signals["observation"].names[-8:-4] == (
            "action_2_ago_x", "action_2_ago_y", "action_2_ago_z", "action_2_ago_gripper",
        )  # fmt: skip
        action = np.array([0.0, 0.0, 0.1, 1.0], dtype=np.float32)
        episode = log_episode(env, lambda _: action, number=0, seed=0, domain={})
        assert set(episode.values) == set(facts.signals)
        assert episode["finger.command"].shape == (len(episode.times), 1)
    with sim2real_envs.make("PandaReach-v0", control="joint_torque") as env:
        assert facts_of(env).signals["joint.torque_command"].unit == "Nm"
    with sim2real_envs.make("PandaPush-v0", observation="pixels") as env:
        assert "observation" not in facts_of(env).signals


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (0.3, -0.2), (0.0, 0.9)])
def test_a_measured_body_has_the_pose_that_gives_its_yaw_and_tilt(tilt: tuple[float, float]) -> None:
    pose = pose_of(MeasuredBody(np.array([0.4, 0.1, 0.02]), np.zeros(3), 0.7, np.array(tilt)))
    x, y, z, w = pose[3:]
    assert np.linalg.norm(pose[3:]) == pytest.approx(1.0)
    assert np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)) == pytest.approx(0.7)
    np.testing.assert_allclose([2.0 * (x * z + w * y), 2.0 * (y * z - w * x)], tilt, atol=1e-12)


def test_what_cannot_be_recorded_is_refused(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'cel' is not a target of try\. Did you mean 'cell'\?"):
        record_target(spec(), "cel", tmp_path / "x", episodes=1)
    with pytest.raises(OptionError, match="`episodes >= 1` must hold"):
        record_target(spec(), "cell", tmp_path / "x", episodes=0)
    with pytest.raises(RecordingError, match="is there already"):
        record_target(spec(), "cell", recorded, episodes=1)
    with pytest.raises(OptionError, match="Experts act under control='ee_delta'"):
        record_target(spec(control="joint_delta"), "cell", tmp_path / "x", episodes=1, driver="expert")
    with pytest.raises(PolicyError, match="takes observations of shape"):
        record_target(spec(), "cell", tmp_path / "x", episodes=1, driver=some_policy(5, 2))
    assert list(tmp_path.iterdir()) == []


def test_a_policy_is_found_by_its_run_and_piece(tmp_path: Path) -> None:
    run = tmp_path / "run"
    some_policy(16, 2).save(run / "pieces" / "PandaPush-v0-cell-uniform-s0" / "policy")
    wanted = some_policy(16, 2)(np.ones(16))
    for place in (
        run / "PandaPush-v0-cell-uniform-s0",
        run / "pieces" / "PandaPush-v0-cell-uniform-s0",
        run / "pieces" / "PandaPush-v0-cell-uniform-s0" / "policy",
    ):
        np.testing.assert_array_equal(find_policy(place)(np.ones(16)), wanted)
    with pytest.raises(PolicyError, match="has no policy"):
        find_policy(run)


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "try.yaml").write_text(
        "name: try\nenv: {id: PandaReach-v0}\nparameters: {actuator.delay: {low: 0.0, high: 0.1}}\n"
        "methods: [uniform]\ntargets: {late: {type: hidden, domain: {actuator.delay: 0.05}}}\n"
    )
    arguments = ["record", str(tmp_path / "try.yaml"), "--target", "late", "--expert", "--episodes", "2"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--workers", "0", "-o", str(tmp_path / "late.parquet")])
    assert ended.value.code == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{tmp_path / 'late.parquet'}: 2 episodes, ")
    assert said[1].startswith("It succeeded in 2 of 2 (")
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--policy", str(tmp_path), "-o", str(tmp_path / "x")])
    assert ended.value.code == 2
