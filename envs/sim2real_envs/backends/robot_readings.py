"""What an engine makes of a URDF or an MJCF: the parameters, read back joint by joint after loading the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2real_envs.backends.mujoco_arm import link_inertias
from sim2real_envs.errors import MissingDependencyError
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Scene

Readings = Mapping[str, Array]
"""Parameter to its value in every joint, (n,), or in the world, (1,), SI."""


def urdf_in_bullet(path: Path, scene: Scene) -> Readings:
    """Load a URDF of the arm of ``scene`` in PyBullet and read it back."""
    from sim2real_envs.backends.engine import pybullet, silenced

    client = pybullet.connect(pybullet.DIRECT)
    try:
        with silenced(1), silenced(2):  # materials that a mesh names and that nobody needs
            arm = pybullet.loadURDF(
                str(path), useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client
            )
        joints = {}
        for index in range(pybullet.getNumJoints(arm, physicsClientId=client)):
            info = pybullet.getJointInfo(arm, index, physicsClientId=client)
            dynamics = pybullet.getDynamicsInfo(arm, index, physicsClientId=client)
            joints[info[1].decode()] = (info, dynamics)
    finally:
        pybullet.disconnect(physicsClientId=client)
    found = [joints[joint.name] for joint in scene.arm.joints]
    return _of_joints(
        scene,
        damping=[info[6] for info, _ in found],
        friction=[info[7] for info, _ in found],
        effort=[info[10] for info, _ in found],
        mass=[dynamics[0] for _, dynamics in found],
        trace=[sum(dynamics[2]) for _, dynamics in found],
    )


def urdf_in_mujoco(path: Path, scene: Scene) -> Readings:
    """Load a URDF of the arm of ``scene`` in MuJoCo and read it back.

    Raises:
        MissingDependencyError: If MuJoCo is not installed.
    """
    return _of_model(_mujoco().MjModel.from_xml_path(str(path)), scene)


def mjcf_in_mujoco(path: Path, scene: Scene) -> Readings:
    """Load an MJCF that ``write_scene_mjcf`` wrote and read it back: arm, gains, world, and the first object.

    Raises:
        MissingDependencyError: If MuJoCo is not installed.
    """
    model = _mujoco().MjModel.from_xml_path(str(path))
    found = dict(_of_model(model, scene))
    found["physics.gravity"] = np.array(model.opt.gravity[2:])
    found["physics.timestep"] = np.array([model.opt.timestep])
    names = [joint.name for joint in scene.arm.joints]
    biases = np.array([model.actuator(name).biasprm for name in names])
    if biases.any():  # else a model that takes torques
        nominal = np.array([(joint.stiffness, joint.damping) for joint in scene.arm.joints])
        scales = -biases[:, 1:3] / nominal
        found |= {"actuator.stiffness_scale": scales[:, 0], "actuator.damping_scale": scales[:, 1]}
    if scene.objects:
        found |= _of_object(model, scene)
    return found


def _of_object(model: Any, scene: Scene) -> dict[str, Array]:
    body = scene.objects[0]
    finger, made = f"{scene.arm.fingers[0].name}.0", model.body(body.name)
    with_finger = model.pair(f"{body.name}:{finger}").friction
    with_table = model.pair(f"{body.name}:table").friction
    return {
        "object.mass": np.array(made.mass),
        "object.friction": with_finger[:1],
        "object.spinning_friction": with_finger[2:3],
        "object.rolling_friction": with_finger[3:4],
        "object.size": model.geom(body.name).size[:1] / body.half_extents[0],
        "object.com_offset_x": made.ipos[:1],
        "object.com_offset_y": made.ipos[1:2],
        "table.friction": with_table[:1] / with_finger[:1],
    }


def _of_model(model: Any, scene: Scene) -> Readings:
    joints = [model.joint(joint.name) for joint in scene.arm.joints]
    bodies = [int(joint.bodyid[0]) for joint in joints]
    return _of_joints(
        scene,
        damping=[joint.damping[0] for joint in joints],
        friction=[joint.frictionloss[0] for joint in joints],
        effort=[model.jnt_actfrcrange[joint.id, 1] for joint in joints],
        mass=[model.body_mass[body] for body in bodies],
        trace=[model.body_inertia[body].sum() for body in bodies],
    )


def _of_joints(scene: Scene, **read: list[float]) -> dict[str, Array]:
    """Return the parameters that make the arm's stated numbers what was read, each (n,)."""
    found = {name: np.array(values, dtype=np.float64) for name, values in read.items()}
    inertias = link_inertias(scene)[: scene.arm.size]
    scale = found["mass"] / [inertia.mass for inertia in inertias]
    nominal = np.array([sum(inertia.tensor[:3]) for inertia in inertias])
    return {
        "joint.friction": found["friction"],
        "joint.damping": found["damping"],
        "joint.mass_scale": scale,
        "joint.armature": (found["trace"] - scale * nominal) / 3.0,
        "actuator.strength_scale": found["effort"] / [joint.effort for joint in scene.arm.joints],
    }


def _mujoco() -> Any:
    try:
        import mujoco
    except ImportError as error:
        raise MissingDependencyError("Loading this file needs MuJoCo: pip install 'sim2real[mujoco]'") from error
    return mujoco
