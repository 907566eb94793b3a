"""Environments of other people, for tests of what randomizes them: Gymnasium's own, and a cube on a table in MuJoCo."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from gymnasium.spaces import Box

from sim2real_envs.adapters import AttributeParameters, MujocoParameters
from sim2real_envs.wrappers import RandomizedEnv

PENDULUM = AttributeParameters({"pole.mass": "m", "pole.length": "l", "physics.gravity": "g"})
CARTPOLE = AttributeParameters(
    {"pole.mass": "masspole", "pole.length": "length", "cart.mass": "masscart"},
    derived={
        "total_mass": lambda env: env.masspole + env.masscart,
        "polemass_length": lambda env: env.masspole * env.length,
    },
)
HOPPER = MujocoParameters({"torso.mass": "body_mass[torso]", "friction": "geom_friction[:,0]"})

CUBE = {
    "friction": "0.6", "spin": "0.01", "roll": "0.001", "mass": "0.4", "inertia": "0.001 0.001 0.001",
    "table_friction": "0.3", "damping": "0.5", "armature": "0.1", "loss": "0.05", "stiffness": "2", "gear": "3",
    "gain": "2", "gravity": "0 0 -9.81", "wind": "0 0 0", "density": "0", "viscosity": "0.1", "solref": "0.02 1",
    "tendon_stiffness": "1", "tendon_damping": "0.2", "tendon_loss": "0.02", "bias": "-0.5",
}  # fmt: skip


def cube_xml(**changed: str) -> str:
    """Return a scene in MJCF: a free cube on a table, and an arm of two links that knocks it."""
    x = CUBE | changed
    return f"""
    <mujoco>
      <option timestep="0.005" gravity="{x["gravity"]}" wind="{x["wind"]}" density="{x["density"]}"
              viscosity="{x["viscosity"]}" integrator="implicitfast"/>
      <worldbody>
        <geom name="table" type="plane" size="2 2 0.1" friction="{x["table_friction"]} 0.005 0.0001" condim="6"/>
        <geom name="ornament" type="sphere" size="0.1" pos="5 5 5" contype="0" conaffinity="0"/>
        <body name="cube" pos="0.05 0.25 0.05">
          <freejoint name="cube"/>
          <inertial pos="0 0 0" mass="{x["mass"]}" diaginertia="{x["inertia"]}"/>
          <geom name="cube" type="box" size="0.05 0.05 0.05" condim="6" solref="{x["solref"]}"
                friction="{x["friction"]} {x["spin"]} {x["roll"]}"/>
        </body>
        <body name="upper" pos="-0.3 0 0.06">
          <joint name="shoulder" axis="0 0 1" damping="{x["damping"]}" armature="{x["armature"]}"
                 frictionloss="{x["loss"]}" stiffness="{x["stiffness"]}"/>
          <geom name="upper" type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" mass="0.5"/>
          <body name="lower" pos="0.3 0 0">
            <joint name="elbow" axis="0 0 1" damping="0.1"/>
            <geom name="lower" type="capsule" fromto="0.06 0 0 0.25 0 0" size="0.03" mass="0.3"/>
          </body>
        </body>
      </worldbody>
      <tendon>
        <fixed name="cord" stiffness="{x["tendon_stiffness"]}" damping="{x["tendon_damping"]}"
               frictionloss="{x["tendon_loss"]}">
          <joint joint="shoulder" coef="1"/><joint joint="elbow" coef="-1"/>
        </fixed>
      </tendon>
      <actuator>
        <motor name="shoulder" joint="shoulder" gear="{x["gear"]}" ctrlrange="-1 1" ctrllimited="true"/>
        <general joint="elbow" gainprm="{x["gain"]}" biastype="affine" biasprm="0 0 {x["bias"]}" ctrlrange="-1 1"
                 ctrllimited="true"/>
      </actuator>
    </mujoco>
    """


class CubeEnv(MujocoEnv):
    """The cube and the arm; positions and velocities are seen."""

    metadata = {"render_modes": ["human", "rgb_array", "depth_array", "rgbd_tuple"], "render_fps": 40}  # noqa: RUF012

    def __init__(self, **changed: str) -> None:
        super().__init__(_file(cube_xml(**changed)), 5, Box(-np.inf, np.inf, (17,), np.float64))

    def reset_model(self) -> Any:
        self.set_state(self.init_qpos, self.init_qvel)  # type: ignore[no-untyped-call]
        return self._seen()

    def step(self, action: Any) -> Any:
        self.do_simulation(action, self.frame_skip)
        return self._seen(), 0.0, False, False, {}

    def _seen(self) -> Any:
        return np.concatenate([self.data.qpos, self.data.qvel])


@cache
def _file(xml: str) -> str:
    folder = Path(tempfile.mkdtemp(prefix="sim2real-cube-"))
    file = folder / "cube.xml"
    file.write_text(xml)
    return str(file)


def cube_motion(env: gymnasium.Env[Any, Any], domain: dict[str, float] | None = None, steps: int = 120) -> Any:
    """Return what is seen (steps, 17) while the arm swings into the cube."""
    env.reset(seed=0, options=None if domain is None else {"domain": domain})
    rows = []
    for step in range(steps):
        action = np.array([1.0 if step < 60 else -1.0, 1.0 if step % 40 < 20 else -1.0])
        rows.append(env.step(action)[0])
    return np.array(rows)


def make_pendulum() -> RandomizedEnv:
    return RandomizedEnv(gymnasium.make("Pendulum-v1", max_episode_steps=20), PENDULUM)


def make_cartpole() -> RandomizedEnv:
    return RandomizedEnv(gymnasium.make("CartPole-v1"), CARTPOLE)


def make_hopper() -> RandomizedEnv:
    return RandomizedEnv(gymnasium.make("Hopper-v5"), HOPPER)
