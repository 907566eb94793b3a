"""The arm alone moves as it does in the environments, its parameters act, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs import rigs
from sim2real_envs.errors import OptionError, ParameterError, StateError, UnknownNameError
from sim2real_envs.parameters import Array, Domain
from sim2real_envs.rigs.arm import ArmRig
from sim2real_envs.state import WorldState

PERIOD = 0.04
HOME = np.array([0.0, -0.6, 0.0, -2.2, 0.0, 1.6, 0.8])


@pytest.fixture(scope="module")
def rig() -> Iterator[ArmRig]:
    made = ArmRig()
    yield made
    made.close()


def pulls(count: int = 30, size: float = 0.3) -> Array:
    """Return commands (count, 7) that pull every joint to and fro."""
    steps = np.arange(count)[:, None]
    return HOME + size * np.sign(np.sin(2.0 * np.pi * (steps / 11.0 + np.arange(7) / 7.0)))


def moved(rig: ArmRig, domain: Domain, commands: Array, begin: WorldState | None = None) -> Array:
    start = WorldState({"joint.position": HOME}) if begin is None else begin
    times = PERIOD * np.arange(len(commands) + 1, dtype=np.float64)
    return rig.simulate(domain, start, commands, times).values["joint.position"]


@pytest.mark.parametrize("env_id", ["PandaPush-v0", "KukaReach-v0"])
def test_it_is_the_arm_of_the_environments_bit_for_bit(env_id: str) -> None:
    domain = {
        "joint.friction": 0.3,
        "actuator.delay": 0.03,
        "actuator.stiffness_scale": 0.8,
        "actuator.backlash": 0.001,
    }
    env = sim2real_envs.make(env_id, control="joint_delta")
    env.reset(seed=1, options={"domain": domain})
    world, rng = env.unwrapped, np.random.default_rng(0)
    states, commands = [world.state()], []  # type: ignore[attr-defined]
    for step in range(15):
        env.step((0.3 * np.sin(step / 4.0) * rng.uniform(-1.0, 1.0, 7)).astype(np.float32))
        states.append(world.state())  # type: ignore[attr-defined]
        commands.append(world.robot_action().joint_target)  # type: ignore[attr-defined]
    env.close()
    rig = rigs.make("arm", arm=env_id.partition("Reach")[0].partition("Push")[0])
    start = WorldState({"joint.position": states[0].joint_position, "joint.velocity": states[0].joint_velocity})
    path = rig.simulate(domain, start, np.array(commands), PERIOD * np.arange(16.0))
    rig.close()
    np.testing.assert_array_equal(path.values["joint.position"], [state.joint_position for state in states])
    np.testing.assert_array_equal(path.values["joint.velocity"], [state.joint_velocity for state in states])


@pytest.mark.parametrize("end", ["low", "high"])
def test_every_parameter_is_set_and_read_back(rig: ArmRig, end: str) -> None:
    domain = {name: getattr(parameter, end) for name, parameter in rig.parameters.items()}
    rig.apply(domain)
    snapped = {"actuator.delay": domain["physics.timestep"], "physics.timestep": 1e-4}
    for name, value in rig.applied().items():
        assert value == pytest.approx(domain[name], rel=1e-9, abs=snapped.get(name, 1e-12)), name


def test_every_parameter_is_felt(rig: ArmRig) -> None:
    commands = pulls(size=1.2)
    nominal = moved(rig, {}, commands)
    for name, parameter in rig.parameters.items():
        if name == "physics.gravity":
            continue  # compensated by a controller that knows it
        far = parameter.low if parameter.nominal == parameter.high else parameter.high
        if name == "actuator.strength_scale":
            far = 0.5
        assert np.abs(moved(rig, {name: far}, commands) - nominal).max() > 1e-5, name


def test_the_same_arguments_give_the_same_path_whatever_went_before(rig: ArmRig) -> None:
    first = moved(rig, {}, pulls())
    moved(rig, {"joint.friction": 0.4, "actuator.delay": 0.05}, pulls(size=0.5))
    np.testing.assert_array_equal(moved(rig, {}, pulls()), first)


def test_a_delay_moves_the_path_by_whole_periods(rig: ArmRig) -> None:
    late = moved(rig, {"actuator.delay": PERIOD}, pulls())
    np.testing.assert_allclose(late[2:], moved(rig, {}, pulls())[1:-1], atol=1e-12)


def test_commands_sent_before_the_start_act_within_the_delay(rig: ArmRig) -> None:
    commands = pulls(10)
    begun = WorldState({"joint.position": HOME}, commands=commands[:1])
    domain = {"actuator.delay": PERIOD}
    np.testing.assert_allclose(moved(rig, domain, commands[1:], begun), moved(rig, {}, commands)[:-1], atol=1e-12)


def test_friction_leaves_the_static_error_that_the_law_says(rig: ArmRig) -> None:
    small = 0.5 * 0.3 / 600.0  # half of what makes the first joint slip
    still = moved(rig, {"joint.friction": 0.3}, HOME + np.array([small, 0, 0, 0, 0, 0, 0]) * np.ones((20, 1)))
    assert abs(still[-1, 0] - HOME[0]) < 1e-12


def test_misfit_and_outcomes_are_those_of_the_paths(rig: ArmRig) -> None:
    times = PERIOD * np.arange(31.0, dtype=np.float64)
    path = moved(rig, {}, pulls())
    sides = {"joint.position": path}, {"joint.position": path + 0.002}
    assert rig.misfit(times, *sides)["joint_angle_error"] == pytest.approx(0.002)
    outcome = rig.measure(times, sides[0])
    assert tuple(outcome) == tuple(each.name for each in rig.outcomes)
    assert outcome["joint_3_end"] == path[-1, 2]


def test_gains_of_the_robot_replace_those_of_the_arm() -> None:
    half = ArmRig(stiffness=[300.0, 300.0, 300.0, 300.0, 125.0, 75.0, 25.0])
    own = ArmRig()
    np.testing.assert_array_equal(moved(half, {}, pulls()), moved(own, {"actuator.stiffness_scale": 0.5}, pulls()))
    half.close()
    own.close()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"arm": "panda"}, UnknownNameError),
        ({"period": 0.0}, OptionError),
        ({"substeps": 0}, OptionError),
        ({"stiffness": [1.0]}, OptionError),
        ({"damping": [-1.0] * 7}, OptionError),
        ({"backend": "dart"}, UnknownNameError),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        rigs.make("arm", **options)


def test_what_does_not_fit_is_refused(rig: ArmRig) -> None:
    begin = WorldState({"joint.position": HOME})
    times = PERIOD * np.arange(4.0, dtype=np.float64)
    with pytest.raises(StateError, match="Commands must have shape"):
        rig.simulate({}, begin, np.zeros((3, 6)), times)
    with pytest.raises(StateError, match="multiples of the control period"):
        rig.simulate({}, begin, pulls(3), 1.3 * times)
    with pytest.raises(StateError, match=r"starts from 'joint\.position'"):
        rig.simulate({}, WorldState({}), pulls(3), times)
    with pytest.raises(StateError, match="Past commands"):
        rig.simulate({}, WorldState({"joint.position": HOME}, commands=np.zeros((2, 6))), pulls(3), times)
    with pytest.raises(ParameterError):
        rig.simulate({"joint.friction": -1.0}, begin, pulls(3), times)
