"""Flaws of pseudo-real robots: each against what it should do, and each shown to matter."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.actuators import JointLaw
from sim2real_envs.arms import ARMS
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.flaws import PRESETS, CommandFlaws, Flaws, JointFlaws, SightFlaws
from sim2real_envs.flaws.command_line import CommandLine
from sim2real_envs.flaws.drivetrain import Drivetrain
from sim2real_envs.parameters import Array
from sim2real_envs.testing import EnvContract

PANDA = ARMS["Panda"]
STIFF = JointFlaws(windup=0.002, gear_backlash=0.0)
DT = 0.002


def law(friction: float = 0.0, kind: Any = "position") -> JointLaw:
    n = PANDA.size
    return JointLaw((0.3,) * n, (600.0,) * n, (50.0,) * n, 0.0, friction, (87.0,) * n, kind)


def held_still(
    drivetrain: Drivetrain, rule: JointLaw, target: float, gravity: float = 0.0, steps: int = 500
) -> tuple[float, float]:
    """Clamp the links at 0 and wait: return the gear's torque on joint 0, and what its encoder reads."""
    n = PANDA.size
    zeros, weights, targets = [0.0] * n, [gravity] * n, [target] * n
    drivetrain.reset(zeros)
    torque = 0.0
    for _ in range(steps):
        torque = drivetrain.torques(rule, DT, zeros, zeros, targets, weights)[0]
    return torque, drivetrain.encoder(zeros)[0]


@pytest.mark.parametrize("target", [0.01, -0.01])
@pytest.mark.parametrize(("windup", "play"), [(0.004, 0.0), (0.01, 0.002), (0.02, 0.005)])
def test_a_clamped_joint_twists_until_gear_and_motor_agree(target: float, windup: float, play: float) -> None:
    """At rest kp (target - th) = k play(th): the twist takes its share of the error, and the play what it has.

    Without gravity an episode begins at the upper end of the play. The gear expects a link that is free to move within
    a physics step, and is a little softer for one that is not.
    """
    torque, angle = held_still(Drivetrain(PANDA, JointFlaws(windup, play)), law(), target)
    gear, free = PANDA.joints[0].effort / windup, abs(target) - (play if target < 0.0 else 0.0)
    assert torque == pytest.approx(math.copysign(600.0 * gear / (600.0 + gear) * free, target), rel=0.03)
    assert 600.0 * (target - angle) == pytest.approx(torque, rel=0.03)


def test_gravity_is_carried_from_the_first_step_without_moving_the_motor() -> None:
    torque, angle = held_still(Drivetrain(PANDA, JointFlaws(0.01, 0.002)), law(), 0.0, gravity=20.0, steps=1)
    assert torque == pytest.approx(20.0, rel=1e-6)
    assert angle == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("stribeck", "moves"), [(1.0, True), (2.0, False)])
def test_static_friction_holds_what_coulomb_friction_would_let_go(stribeck: float, moves: bool) -> None:
    drivetrain = Drivetrain(PANDA, replace(STIFF, stribeck=stribeck))
    torque, angle = held_still(drivetrain, law(friction=1.0), target=1.5 / 600.0)  # asks for 1.5 Nm
    assert (abs(angle) > 1e-9) is moves
    assert (abs(torque) > 1e-6) is moves


@pytest.mark.parametrize(("share", "moves"), [(0.0, True), (0.1, False)])
def test_friction_grows_with_the_load_of_the_gear(share: float, moves: bool) -> None:
    """A gear that carries 20 Nm with friction of 0.1 of it does not move for 1.5 Nm more."""
    drivetrain = Drivetrain(PANDA, replace(STIFF, load_friction=share))
    _, angle = held_still(drivetrain, law(), target=1.5 / 600.0, gravity=20.0)
    assert (abs(angle) > 1e-9) is moves


def test_an_encoder_reads_multiples_of_its_step() -> None:
    drivetrain = Drivetrain(PANDA, replace(STIFF, encoder_step=1.5e-3))
    read = np.array(drivetrain.encoder(np.linspace(-1.0, 1.0, PANDA.size).tolist()))
    assert read / 1.5e-3 == pytest.approx(np.rint(read / 1.5e-3))
    assert np.abs(read - np.linspace(-1.0, 1.0, PANDA.size)).max() <= 0.75e-3


def acting(flaws: CommandFlaws, periods: int, delay_steps: int = 0, seed: int = 0) -> Array:
    """Return which command (numbered from 1) acts in each substep of ``periods`` periods of 20."""
    line, acts = CommandLine(flaws), []
    line.reset([0.0], np.random.default_rng(seed))
    for number in range(1, periods + 1):
        schedule = line.schedule([float(number)], delay_steps, DT, 20)
        assert schedule[0][0] == 0
        starts, targets = [begin for begin, _ in schedule], [target[0] for _, target in schedule]
        acts += [targets[np.searchsorted(starts, substep, side="right") - 1] for substep in range(20)]
    return np.array(acts)


@pytest.mark.parametrize("delay", [0, 7, 20, 33])
def test_a_line_without_flaws_delays_every_command_alike(delay: int) -> None:
    expected = np.maximum((np.arange(20 * 50) - delay) // 20 + 1, 0)
    assert (acting(CommandFlaws(), 50, delay) == expected).all()


def test_lost_commands_are_as_many_as_said() -> None:
    n, share = 5000, 0.1
    arrived = len(set(acting(CommandFlaws(lost=share), n).tolist()) - {0.0})
    assert abs(arrived / n - (1.0 - share)) < 4.0 * math.sqrt(share * (1.0 - share) / n)


def test_jitter_delays_by_its_mean_and_never_reorders() -> None:
    acts = acting(CommandFlaws(jitter=0.004), 4000)
    assert (np.diff(acts) >= 0).all()
    first = np.array([np.argmax(acts >= number) for number in range(1, 3900)])
    late = DT * (first - 20 * np.arange(3899))
    assert late.mean() == pytest.approx(0.004, rel=0.06)


def make(flaws: Any, env_id: str = "PandaPush-v0", **options: Any) -> gymnasium.Env[Any, Any]:
    return sim2real_envs.make(env_id, flaws=flaws, **options)


def watched(flaws: Flaws | str | None, steps: int = 25) -> Array:
    """Return the observations of an episode of fixed actions."""
    env, actions = make(flaws), np.random.default_rng(5)
    seen = [env.reset(seed=3)[0]]
    seen += [env.step(actions.uniform(-1.0, 1.0, 2).astype(np.float32))[0] for _ in range(steps)]
    env.close()
    return np.stack(seen)


WORN = PRESETS["worn"].flaws
OFF = Flaws(STIFF, CommandFlaws(), SightFlaws())
CHANGES = [
    *(("joints", field.name) for field in fields(JointFlaws) if field.name not in ("stribeck_speed", "rotor_inertia")),
    *(("commands", field.name) for field in fields(CommandFlaws)),
    *(("sight", field.name) for field in fields(SightFlaws) if field.name != "drift_time"),
]


@pytest.mark.parametrize(("part", "name"), CHANGES)
def test_every_flaw_changes_what_is_seen(part: str, name: str) -> None:
    value = {"jitter": 0.01, "lost": 0.2}.get(name, getattr(getattr(PRESETS["hostile"].flaws, part), name))
    flawed: Flaws = replace(OFF, **{part: replace(getattr(OFF, part), **{name: value})})
    assert np.abs(watched(flawed) - watched(OFF)).max() > 1e-5


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("joints", "stribeck_speed", 0.5), ("joints", "rotor_inertia", 0.2), ("sight", "drift_time", 0.1)],
)
def test_what_needs_another_flaw_matters_beside_it(part: str, name: str, value: float) -> None:
    changed = replace(WORN, **{part: replace(getattr(WORN, part), **{name: value})})
    assert np.abs(watched(changed) - watched(WORN)).max() > 1e-5


def test_flaws_leave_the_task_its_goals_and_the_domain_its_parameters() -> None:
    plain, worn = make(None), make("worn")
    assert plain.unwrapped.parameter_space == worn.unwrapped.parameter_space  # type: ignore[attr-defined]
    for env in (plain, worn):
        env.reset(seed=11)
    goals = [env.unwrapped.world_state().values["goal"] for env in (plain, worn)]  # type: ignore[attr-defined]
    assert (goals[0] == goals[1]).all()


def test_a_pseudo_real_robot_repeats_itself_bit_for_bit() -> None:
    assert (watched("hostile") == watched("hostile")).all()


def test_sight_is_turned_scaled_and_shifted_about_the_camera() -> None:
    sight = SightFlaws(camera_yaw=0.1, camera_shift=(0.02, -0.01), camera_scale=0.05)
    env = make(replace(OFF, sight=sight))
    env.reset(seed=1)
    unwrapped: Any = env.unwrapped
    true, seen = (state().values["object.pose"] for state in (unwrapped.world_state, unwrapped.measured_start))
    turn = np.array([[math.cos(0.1), -math.sin(0.1)], [math.sin(0.1), math.cos(0.1)]])
    camera = np.array([1.1, 0.0])
    expected = camera + turn @ (1.05 * (true[:2] - camera)) + np.array([0.02, -0.01])
    assert seen[:2] == pytest.approx(expected, abs=1e-9)
    env.close()


def test_drift_is_as_wide_and_as_slow_as_said() -> None:
    env = make(replace(OFF, sight=SightFlaws(drift=0.01, drift_time=0.4)), "PandaPush-v0", horizon=4000)
    env.reset(seed=2)
    unwrapped: Any = env.unwrapped
    off = []
    for _ in range(4000):
        env.step(np.zeros(2, dtype=np.float32))
        off.append(unwrapped._seen.bodies[0].position[:2] - unwrapped._reading.bodies[0].position[:2])
    drift = np.array(off)
    env.close()
    assert drift.std() == pytest.approx(0.01, rel=0.15)  # about 200 independent values an axis
    lagged = (drift[10:] * drift[:-10]).mean() / (drift**2).mean()
    assert lagged == pytest.approx(math.exp(-1.0), abs=0.15)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: make("wron"), "'wron' is not a preset of a pseudo-real robot. Did you mean 'worn'?"),
        (lambda: make(3), "`flaws` must be None, Flaws or one of fresh, worn, hostile, but got 3."),
        (lambda: JointFlaws(windup=0.0, gear_backlash=0.0), "`windup >= 0.001` must hold"),
        (lambda: JointFlaws(windup=0.01, gear_backlash=-1.0), "`gear_backlash >= 0` must hold"),
        (lambda: JointFlaws(0.01, 0.0, stribeck=0.5), "`stribeck >= 1` must hold"),
        (lambda: CommandFlaws(lost=1.0), "`lost < 1` must hold"),
        (lambda: SightFlaws(drift=math.nan), "`drift >= 0` must hold"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(build: Any, said: str) -> None:
    with pytest.raises((OptionError, UnknownNameError)) as caught:
        build()
    assert said in str(caught.value)


@pytest.mark.parametrize("control", ["joint_torque", "joint_velocity"])
@pytest.mark.parametrize("env_id", ["PandaPickAndPlace-v0", "KukaReach-v0"])
def test_flaws_go_with_every_control_and_hand(env_id: str, control: str) -> None:
    env = make("worn", env_id, control=control)
    env.reset(seed=0)
    actions = np.random.default_rng(0)
    shape = env.action_space.shape or ()
    for _ in range(20):
        observation, *_, info = env.step(actions.uniform(-0.3, 0.3, shape).astype(np.float32))
        assert np.isfinite(observation).all()
        assert info["failure_mode"] != "diverged"
    env.close()


class TestAWornRobot(EnvContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {"flaws": "worn"}
