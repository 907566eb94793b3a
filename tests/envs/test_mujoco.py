"""The environments keep the same contracts on MuJoCo, and what both engines are made of is the same."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.arms import ARMS
from sim2real_envs.backends import make_backend
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import ClosedError, MissingDependencyError
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.observations import OBSERVATIONS
from sim2real_envs.state import WorldState
from sim2real_envs.tasks import TASKS
from sim2real_envs.tasks.peg_insert import DEPTH
from sim2real_envs.testing import EnvContract, ParameterContract, digest
from sim2real_envs.vector import VectorWorlds

mujoco: Any = pytest.importorskip("mujoco")
MUJOCO: dict[str, Any] = {"backend": "mujoco"}


class TestPush(EnvContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = MUJOCO


class TestPickAndPlaceByTorquesAtFourMilliseconds(EnvContract):
    env_id = "PandaPickAndPlace-v0"
    env_options: ClassVar[dict[str, Any]] = {**MUJOCO, "control": "joint_torque", "timestep": 0.004}


class TestKukaReachInPictures(EnvContract):
    env_id = "KukaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {
        **MUJOCO,
        "control": "joint_velocity",
        "observation": "multimodal",
        "image_size": (16, 16),
    }


class TestParametersOfPush(ParameterContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = MUJOCO


class TestParametersOfPickAndPlace(ParameterContract):
    env_id = "PandaPickAndPlace-v0"
    env_options: ClassVar[dict[str, Any]] = MUJOCO


class TestParametersOfPegInsert(ParameterContract):
    env_id = "PandaPegInsert-v0"
    env_options: ClassVar[dict[str, Any]] = MUJOCO

    def probe_start(self, env: Any) -> WorldState:
        """Return the usual start, with the hole where the peg falls."""
        start = super().probe_start(env)
        x, y = start.values["object.pose"][:2]
        return WorldState({**start.values, "hole.pose": np.array([x, y, DEPTH, 0.0, 0.0, 0.0, 1.0])})


class Case(ParameterContract):
    """One environment under one observation; not collected by itself."""

    __test__ = False

    def __init__(self, name: str, observation: str) -> None:
        self.name, self.observation = name, observation

    def make_env(self) -> Any:
        pictures = {} if self.observation == "state" else {"image_size": (32, 32)}
        return made(self.name, observation=self.observation, horizon=self.probe_steps, **pictures)


def made(name: str, **options: Any) -> Any:
    return sim2real_envs.make(name, **MUJOCO, **options)


@pytest.mark.slow
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("name", sim2real_envs.ENV_IDS)
def test_every_parameter_of_every_environment_is_read_back_and_felt(name: str, observation: str) -> None:
    case = Case(name, observation)
    case.test_every_parameter_is_read_back_as_it_was_asked_for()
    case.test_every_parameter_changes_motion_or_observations()


# -- The same arm, the same pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize(("arm", "task"), [("Panda", "Push"), ("Panda", "Stack"), ("Kuka", "Push"), ("XArm6", "Push")])
@pytest.mark.parametrize("changes", [{}, {"joint.mass_scale": 1.3, "joint.armature": 0.2}])
def test_both_engines_have_the_same_mass_matrix(arm: str, task: str, changes: dict[str, float]) -> None:
    scene = TASKS[task](ARMS[arm], Kinematics(ARMS[arm])).scene  # type: ignore[call-arg]
    backends: list[Any] = [make_backend(name, scene, CONTROL_PERIOD, 0.002) for name in ("bullet", "mujoco")]
    for backend in backends:
        backend.apply(backend.parameters.complete(changes))
    bullet, mine = backends
    if not changes:
        masses = mine._parameters.masses(np.array(ARMS[arm].home))
        assert masses == pytest.approx(bullet._nominal_masses, rel=1e-7, abs=1e-7 * masses.max())
    assert mine.joint_inertia() == pytest.approx(bullet.joint_inertia(), rel=1e-8)
    bullet.close()


def test_the_spaces_differ_by_restitution_alone() -> None:
    for name in ("PandaReach-v0", "PandaPush-v0", "PandaPegInsert-v0"):
        bullet, mine = sim2real_envs.make(name).unwrapped, made(name).unwrapped
        restitution = {"object.restitution", "table.restitution"} & set(bullet.parameter_space)  # type: ignore[attr-defined]
        assert set(bullet.parameter_space) - set(mine.parameter_space) == restitution  # type: ignore[attr-defined]
        for parameter in mine.parameter_space.values():
            assert parameter == bullet.parameter_space[parameter.name]  # type: ignore[attr-defined]
        bullet.close()
        mine.close()


@pytest.mark.parametrize("name", ["PandaStack-v0", "PandaPegInsert-v0", "KukaSlide-v0"])
def test_the_same_start_looks_the_same_on_both_engines_and_moves(name: str) -> None:
    size = {"object.size": 1.1}
    makers: list[Any] = [sim2real_envs.make, made]
    envs = [make(name, render_mode="rgb_array", render_size=(80, 60)) for make in makers]
    pictures = []
    for env in envs:
        env.reset(seed=3, options={"domain": size})
        pictures.append(env.render())
    assert (pictures[0] == pictures[1]).all()
    for _ in range(10):
        envs[1].step(envs[1].unwrapped.expert_action())
    assert (envs[1].render() != pictures[1]).any()
    for env in envs:
        env.close()


# -- Processes, memory, absence ----------------------------------------------------------------------------------


def test_worlds_in_workers_give_the_same_bits_as_in_this_process() -> None:
    def run(workers: int) -> list[bytes]:
        make_env = partial(sim2real_envs.make, "PandaPush-v0", horizon=8, **MUJOCO)
        env = VectorWorlds(make_env, 3, workers, columns=("object.mass",))
        env.assign([0, 1, 2], np.array([[0.1], [0.2], [0.4]]), [5, 6, 7], [0, 1, 2])
        seen, rng = [env.reset()[0].tobytes()], np.random.default_rng(0)
        for _ in range(6):
            env.step_async(rng.uniform(-1.0, 1.0, env.action_space.shape))
            seen.append(env.step_wait().observations.tobytes())
        env.close()
        return seen

    assert run(2) == run(0)


def test_hundreds_of_resets_leave_no_memory_behind() -> None:
    resource = pytest.importorskip("resource")
    env, rng = made("PandaPush-v0"), np.random.default_rng(0)
    space = env.unwrapped.parameter_space
    grown = []
    for _ in range(3):
        for _ in range(200):
            env.reset(options={"domain": space.to_domain(space.from_unit(rng.random(len(space))))})
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert grown[-1] - grown[0] < 1000  # [kB]
    env.close()


def test_a_world_that_explodes_ends_its_episode_and_says_nothing(
    capfd: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where MuJoCo would write its log
    env = made("PandaPush-v0").unwrapped
    before = digest(env)
    env.reset(seed=0, options={"start": {"joint.velocity": np.full(7, 1e9)}})
    *_, info = env.step(np.zeros(2, np.float32))
    assert info["failure_mode"] == "diverged"
    assert digest(env) == before
    assert (*capfd.readouterr(), list(tmp_path.iterdir())) == ("", "", [])
    env.close()
    with pytest.raises(ClosedError):
        env.state()


def test_without_mujoco_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    for name in [name for name in sys.modules if name.startswith("sim2real_envs.backends.mujoco")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sim2real\[mujoco\]'"):
        made("PandaReach-v0")
