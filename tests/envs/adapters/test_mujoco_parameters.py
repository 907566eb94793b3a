"""Fields of any MuJoCo model as parameters: what is set acts, what is not right is told."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sim2real_envs.adapters import MujocoParameters, silent_parameters
from sim2real_envs.adapters.mujoco_fields import FIELDS
from sim2real_envs.errors import EnvError, OptionError, ParameterError, StateError, UnknownNameError
from sim2real_envs.parameters import Part
from sim2real_envs.wrappers import PrivilegedDomain, RandomizedEnv, RandomizeOnReset
from tests.support.foreign_worlds import CubeEnv, cube_motion, make_hopper

Written = Callable[[float], dict[str, str]]

EVERY_FIELD: dict[
    str, tuple[str, float, float, Written | None]
] = {  # field -> (mapping, low, high, what a file would say for a value)
    "body_mass": ("body_mass[cube]", 0.2, 0.8, lambda v: {"mass": f"{v}", "inertia": " ".join([f"{v * 0.0025}"] * 3)}),
    "body_inertia": ("body_inertia[cube,2]", 5e-4, 1.5e-3, lambda v: {"inertia": f"0.001 0.001 {v}"}),
    "geom_friction": ("geom_friction[cube,0]", 0.4, 1.2, lambda v: {"friction": f"{v}"}),
    "geom_solref": ("geom_solref[cube,0]", 0.015, 0.05, lambda v: {"solref": f"{v} 1"}),
    "geom_solimp": ("geom_solimp[cube,0]", 0.5, 0.95, None),
    "jnt_stiffness": ("jnt_stiffness[shoulder]", 1.0, 4.0, lambda v: {"stiffness": f"{v}"}),
    "dof_damping": ("dof_damping[shoulder]", 0.2, 2.0, lambda v: {"damping": f"{v}"}),
    "dof_armature": ("dof_armature[shoulder]", 0.05, 0.3, lambda v: {"armature": f"{v}"}),
    "dof_frictionloss": ("dof_frictionloss[shoulder]", 0.01, 0.3, lambda v: {"loss": f"{v}"}),
    "actuator_gear": ("actuator_gear[shoulder,0]", 1.0, 5.0, lambda v: {"gear": f"{v}"}),
    "actuator_gainprm": ("actuator_gainprm[1,0]", 1.0, 3.0, lambda v: {"gain": f"{v}"}),
    "actuator_biasprm": ("actuator_biasprm[1,2]", -1.0, -0.2, lambda v: {"bias": f"{v}"}),
    "tendon_stiffness": ("tendon_stiffness[cord]", 0.2, 3.0, lambda v: {"tendon_stiffness": f"{v}"}),
    "tendon_damping": ("tendon_damping[cord]", 0.1, 0.6, lambda v: {"tendon_damping": f"{v}"}),
    "tendon_frictionloss": ("tendon_frictionloss[cord]", 0.01, 0.1, lambda v: {"tendon_loss": f"{v}"}),
    "opt.gravity": ("opt.gravity[2]", -12.0, -6.0, lambda v: {"gravity": f"0 0 {v}"}),
    "opt.wind": ("opt.wind[0]", 0.0, 20.0, lambda v: {"wind": f"{v} 0 0"}),
    "opt.density": ("opt.density", 0.0, 50.0, lambda v: {"density": f"{v}"}),
    "opt.viscosity": ("opt.viscosity", 0.05, 1.0, lambda v: {"viscosity": f"{v}"}),
}


def cube(mapping: dict[str, str], **ranges: tuple[float, float]) -> RandomizedEnv:
    return RandomizedEnv(CubeEnv(), MujocoParameters(mapping, ranges))


def test_every_field_that_can_be_mapped_is_tried() -> None:
    assert set(EVERY_FIELD) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_changed_value_moves_as_a_model_that_was_compiled_with_it(name: str) -> None:
    text, low, high, written = EVERY_FIELD[name]
    env = cube({"p": text}, p=(low, high))
    motions = [cube_motion(env, {"p": value}) for value in (low, high)]
    assert env.applied_domain()["p"] == high
    assert not np.array_equal(*motions)
    assert np.abs(motions[0] - motions[1]).max() > 1e-4
    if written is not None:
        for value, motion in zip((low, high), motions, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compiled = CubeEnv(**written(value))
            np.testing.assert_allclose(motion[:30], cube_motion(compiled)[:30], rtol=1e-6, atol=1e-9)
    env.close()


def test_twice_equals_once_and_nominal_comes_back_bit_for_bit() -> None:
    mapping = {name: text for name, (text, *_) in EVERY_FIELD.items()}
    ranges = {name: (low, high) for name, (_, low, high, _) in EVERY_FIELD.items()}
    first, second, third = (cube(mapping, **ranges) for _ in range(3))
    untouched = cube_motion(CubeEnv())
    np.testing.assert_array_equal(cube_motion(first), untouched)
    space = first.parameter_space
    domain = space.to_domain(space.from_unit(np.full(len(space), 0.8)))
    for _ in range(3):
        once = cube_motion(second, domain)
    np.testing.assert_array_equal(once, cube_motion(third, domain))
    assert not np.array_equal(once, untouched)
    np.testing.assert_array_equal(cube_motion(second), untouched)
    assert second.applied_domain() == pytest.approx(space.nominal(), rel=1e-15)


def test_several_numbers_are_one_scale_of_their_nominal_values() -> None:
    env = cube({"damping": "dof_damping[:]", "inertia": "body_inertia[cube]", "all friction": "geom_friction[:,0]"})
    model = env.unwrapped.model  # type: ignore[attr-defined]
    damping, friction = model.dof_damping.copy(), model.geom_friction.copy()
    assert env.parameter_space.nominal() == {"damping": 1.0, "inertia": 1.0, "all friction": 1.0}
    for _ in range(2):
        _, info = env.reset(options={"domain": {"damping": 1.25, "all friction": 0.7}})
    np.testing.assert_array_equal(model.dof_damping, damping * 1.25)
    np.testing.assert_array_equal(model.geom_friction[:, 0], friction[:, 0] * 0.7)
    np.testing.assert_array_equal(model.geom_friction[:, 1:], friction[:, 1:])
    assert info["domain"] == pytest.approx({"damping": 1.25, "inertia": 1.0, "all friction": 0.7}, rel=1e-15)


def test_the_inertia_of_a_heavier_body_grows_with_it_unless_it_is_mapped_itself() -> None:
    env = cube({"mass": "body_mass[cube]"})
    env.reset(options={"domain": {"mass": 0.6}})
    model = env.unwrapped.model  # type: ignore[attr-defined]
    number = model.body("cube").id
    np.testing.assert_allclose(model.body_inertia[number], 1.5e-3)
    assert model.body_subtreemass[number] == pytest.approx(0.6)
    env = cube({"mass": "body_mass[cube]", "inertia": "body_inertia[cube]"})
    env.reset(options={"domain": {"mass": 0.6}})
    np.testing.assert_allclose(env.unwrapped.model.body_inertia[number], 1e-3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("geom_frction[cube,0]", UnknownNameError, "Did you mean 'geom_friction'"),
        ("geom_friction[cueb,0]", UnknownNameError, "Did you mean 'cube'"),
        ("body_mass[upprer]", UnknownNameError, "Did you mean 'upper'"),
        ("dof_damping[elbo]", UnknownNameError, "Did you mean 'elbow'"),
        ("tendon_damping[chord]", UnknownNameError, "Did you mean 'cord'"),
        ("actuator_gear[elbow,0]", UnknownNameError, "Available: shoulder, 1"),
        ("opt.gravty[2]", UnknownNameError, "Did you mean 'opt.gravity'"),
        ("opt.timestep", OptionError, "control period"),
        ("geom_friction[cube,3]", OptionError, "component must be a number from 0 to 2, but got 3"),
        ("geom_friction[cube,x]", OptionError, "component must be a number from 0 to 2 or ':', but got 'x'"),
        ("geom_friction[12,0]", OptionError, "geom must be a number from 0 to 4, but got 12"),
        ("dof_damping[-1]", OptionError, "degree of freedom must be a number from 0 to 7, but got -1"),
        ("dof_damping[:,0]", OptionError, "name a joint"),
        ("body_mass[cube,1]", OptionError, "one number for each body"),
        ("geom_friction(cube)", OptionError, "field\\[name_or_number,component\\]"),
        ("", OptionError, "field\\[name_or_number,component\\]"),
        ("body_mass[world]", ParameterError, "cannot move"),
        ("geom_friction[ornament,0]", ParameterError, "collides with no other"),
        ("dof_armature[elbow]", ParameterError, "Give one: ranges={'p': \\(low, high\\)}"),
        ("jnt_stiffness[elbow]", ParameterError, "is 0 in this environment"),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_the_nearest_name(text: str, kind: type[EnvError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        cube({"p": text})
    assert "'p'" in str(caught.value) or "ranges" in str(caught.value)


def test_friction_that_cannot_be_felt_is_refused_and_half_felt_friction_is_told() -> None:
    with pytest.raises(ParameterError, match=r"changes nothing up to 0\.25: MuJoCo takes the larger"):
        cube({"p": "geom_friction[cube,0]"}, p=(0.1, 0.25))
    with pytest.warns(UserWarning, match=r"changes nothing from 0\.1 to 0\.3"):
        env = cube({"p": "geom_friction[cube,0]"}, p=(0.1, 0.9))
    np.testing.assert_array_equal(cube_motion(env, {"p": 0.1}, 30), cube_motion(env, {"p": 0.3}, 30))
    assert not np.array_equal(cube_motion(env, {"p": 0.3}, 30), cube_motion(env, {"p": 0.4}, 30))
    with pytest.raises(ParameterError, match="condim 3; friction component 1 acts from condim 4 on"):
        MujocoParameters({"p": "geom_friction[foot_geom,1]"}).bind(gymnasium.make("Hopper-v5"))


def test_names_and_ranges_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(OptionError, match="set the same number"):
        cube({"one": "geom_friction[cube,0]", "all": "geom_friction[:,0]"})
    with pytest.raises(UnknownNameError, match="Did you mean 'mass'"):
        MujocoParameters({"mass": "body_mass[cube]"}, {"mas": (0.1, 0.2)})
    with pytest.raises(OptionError, match="at least one"):
        MujocoParameters({})
    with pytest.raises(ParameterError, match="limits"):
        cube({"mass": "body_mass[cube]"}, mass=(-1.0, 2.0))
    with pytest.raises(OptionError, match="no MuJoCo model at 'spec'"):
        MujocoParameters({"mass": "body_mass[cube]"}, model="spec").bind(CubeEnv())
    with pytest.raises(UnknownNameError, match="'model' is not an attribute of PendulumEnv"):
        MujocoParameters({"mass": "body_mass[cube]"}).bind(gymnasium.make("Pendulum-v1"))


def test_an_environment_that_undoes_what_was_set_is_found_out() -> None:
    class Undoing(CubeEnv):
        def reset_model(self) -> Any:
            self.model.body_mass[1] = 0.4
            return super().reset_model()

    class Compiling(CubeEnv):
        def reset_model(self) -> Any:
            self.model = CubeEnv().model
            return super().reset_model()

    adapter = MujocoParameters({"mass": "body_mass[cube]"})
    env = RandomizedEnv(Undoing(), adapter)
    env.reset()
    with pytest.raises(StateError, match=r"'mass' was set to 0\.5, but after the reset 0\.4 acts"):
        env.reset(options={"domain": {"mass": 0.5}})
    env = RandomizedEnv(Compiling(), adapter)
    with pytest.raises(StateError, match="after the reset"):
        env.reset(options={"domain": {"mass": 0.5}})
    with pytest.raises(StateError, match="made a new MuJoCo model"):
        env.reset()


def test_it_works_on_the_hopper_of_gymnasium() -> None:
    env, plain = make_hopper(), gymnasium.make("Hopper-v5")
    assert env.parameter_space["torso.mass"].nominal == pytest.approx(3.665, abs=1e-3)
    observation, info = env.reset(seed=4)
    np.testing.assert_array_equal(observation, plain.reset(seed=4)[0])
    for _ in range(20):
        action = plain.action_space.sample()
        np.testing.assert_array_equal(env.step(action)[0], plain.step(action)[0])
    assert silent_parameters(env, steps=60) == ()
    assert info["domain"] == env.parameter_space.nominal()


def test_other_wrappers_see_the_parameters() -> None:
    drawn = RandomizeOnReset(make_hopper())
    domains = [drawn.reset(seed=1)[1]["domain"], drawn.reset()[1]["domain"], drawn.reset(seed=1)[1]["domain"]]
    assert domains[0] == domains[2] != domains[1]
    shown = PrivilegedDomain(make_hopper())
    seen, _ = shown.reset(seed=0, options={"domain": {"torso.mass": 1.5 * 3.66519143}})
    np.testing.assert_allclose(seen["domain"], [1.0, 0.5], atol=1e-6)


def test_an_adapter_is_pickled_and_an_environment_stays_a_gymnasium_one() -> None:
    adapter = MujocoParameters({"mass": "body_mass[torso]"})
    assert pickle.loads(pickle.dumps(adapter)) == adapter
    part: Part = adapter.bind(gymnasium.make("Hopper-v5"))
    assert part.parameters.names == ("mass",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(make_hopper(), skip_render_check=True)


def test_a_model_may_be_somewhere_inside_of_the_environment() -> None:
    class Nested(CubeEnv):
        @property
        def sim(self) -> CubeEnv:
            return self

    env = RandomizedEnv(Nested(), MujocoParameters({"mass": "body_mass[cube]"}, model="sim.model"))
    assert env.reset(options={"domain": {"mass": 0.3}})[1]["domain"] == {"mass": 0.3}
    with pytest.raises(UnknownNameError, match="Did you mean 'model'"):
        MujocoParameters({"mass": "body_mass[cube]"}, model="sim.modle").bind(Nested())


def test_a_range_without_the_own_value_moves_nominal_to_its_nearest_end() -> None:
    env = cube({"mass": "body_mass[cube]"}, mass=(0.5, 0.7))
    assert env.reset()[1]["domain"] == {"mass": 0.5}
    number = env.unwrapped.model.body("cube").id  # type: ignore[attr-defined]
    np.testing.assert_allclose(env.unwrapped.model.body_inertia[number], 1.25e-3)  # type: ignore[attr-defined]


def test_a_domain_in_force_is_not_taken_for_nominal() -> None:
    env, mass = cube({"friction": "geom_friction[:,0]"}), MujocoParameters({"mass": "body_mass[cube]"})
    env.reset(options={"domain": {"friction": 1.2}})
    with pytest.raises(OptionError, match="not nominal"):
        RandomizedEnv(env, mass)
    env.reset(options={"domain": {}})
    both = RandomizedEnv(env, mass)
    env.assign_domain({"friction": 1.2})
    both.reset(options={"domain": {"mass": 0.3}})
    assert (both.applied_domain(), env.applied_domain()) == ({"mass": 0.3}, {"friction": 1.2})
