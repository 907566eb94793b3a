"""An arm in a domain as URDF and MJCF: engines read back what was written, and move as the worlds here do."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.actuators import Actuators
from sim2real_envs.backends import make_backend
from sim2real_envs.backends.mujoco_arm import mesh_files
from sim2real_envs.backends.mujoco_scene import mjcf_text
from sim2real_envs.backends.robot_files import write_robot_urdf, write_scene_mjcf
from sim2real_envs.backends.robot_readings import mjcf_in_mujoco, urdf_in_bullet, urdf_in_mujoco
from sim2real_envs.cell import RobotCell
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Scene

mujoco: Any = pytest.importorskip("mujoco")
MujocoParameters: Any = pytest.importorskip("sim2real_envs.backends.mujoco_parameters").MujocoParameters
ENVS = ["PandaPush-v0", "PandaPickAndPlace-v0", "KukaReach-v0", "XArm6Slide-v0"]
IN_URDF = {"joint.friction", "joint.damping", "joint.mass_scale", "joint.armature", "actuator.strength_scale"}


def somewhere(env_id: str, seed: int = 0) -> tuple[Scene, dict[str, float]]:
    """Return the scene of an environment and a random domain as it is in force there."""
    env = sim2real_envs.make(env_id)
    cell = env.unwrapped
    assert isinstance(cell, RobotCell)
    space = cell.parameter_space
    domain = space.to_domain(space.from_unit(np.random.default_rng(seed).random(len(space))))
    env.reset(seed=0, options={"domain": domain})
    applied = cell.applied_domain()
    env.close()
    return cell.task.scene, applied


@pytest.mark.parametrize("env_id", ENVS)
def test_both_engines_read_back_from_the_urdf_what_was_identified(env_id: str, tmp_path: Path) -> None:
    scene, domain = somewhere(env_id)
    path = write_robot_urdf(scene, domain, tmp_path)
    for read in (urdf_in_bullet, urdf_in_mujoco):
        found = read(path, scene)
        assert set(found) == IN_URDF
        for name, values in found.items():
            np.testing.assert_allclose(values, domain[name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("env_id", ENVS)
def test_mujoco_reads_back_from_the_mjcf_what_was_identified(env_id: str, tmp_path: Path) -> None:
    scene, domain = somewhere(env_id)
    found = mjcf_in_mujoco(write_scene_mjcf(scene, 0.002, domain, tmp_path), scene)
    wanted = IN_URDF | {"physics.gravity", "physics.timestep", "actuator.stiffness_scale", "actuator.damping_scale"}
    assert wanted <= set(found)
    assert ("object.friction" in found) == bool(scene.objects)
    for name, values in found.items():
        np.testing.assert_allclose(values, domain[name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("env_id", ["PandaPegInsert-v0", "PandaStack-v0", "PandaSlide-v0"])
def test_the_mjcf_is_the_model_of_the_world_array_by_array(env_id: str, tmp_path: Path) -> None:
    scene, domain = somewhere(env_id, seed=2)
    world = mujoco.MjModel.from_xml_string(mjcf_text(scene, 0.002), mesh_files(scene.arm))
    MujocoParameters(world, scene, CONTROL_PERIOD, 0.002).apply(domain)
    written = mujoco.MjModel.from_xml_path(str(write_scene_mjcf(scene, 0.002, domain, tmp_path)))
    names = ["body_mass", "body_inertia", "body_ipos", "body_gravcomp", "body_invweight0", "geom_size", "geom_pos"]
    names += ["pair_friction", "pair_solref", "pair_solimp", "pair_dim"]
    fixed = [world.body("hole").id] if scene.hole is not None else []  # it never moves: what it weighs says nothing
    for name in names:
        found, wanted = getattr(written, name), getattr(world, name)
        if name.startswith("body_"):
            found, wanted = np.delete(found, fixed, axis=0), np.delete(wanted, fixed, axis=0)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_wrong_number_in_a_file_is_seen(tmp_path: Path) -> None:
    scene, domain = somewhere("PandaPush-v0")
    path = write_robot_urdf(scene, domain, tmp_path)
    tree = ET.parse(path)
    dynamics = tree.findall("joint/dynamics")[3]
    dynamics.set("friction", "0.123")
    tree.write(path)
    assert urdf_in_bullet(path, scene)["joint.friction"][3] == 0.123


def test_the_files_can_be_moved_with_their_meshes(tmp_path: Path) -> None:
    scene, domain = somewhere("PandaPush-v0")
    (tmp_path / "made").mkdir()
    urdf = write_robot_urdf(scene, domain, tmp_path / "made")
    mjcf = write_scene_mjcf(scene, 0.002, domain, tmp_path / "made")
    assert all(mesh.attrib["filename"].startswith("meshes/") for mesh in ET.parse(urdf).iter("mesh"))
    (tmp_path / "made").rename(tmp_path / "moved elsewhere")
    for path, read in ((urdf, urdf_in_bullet), (urdf, urdf_in_mujoco), (mjcf, mjcf_in_mujoco)):
        assert read(tmp_path / "moved elsewhere" / path.name, scene)
    assert (tmp_path / "moved elsewhere" / "meshes" / "LICENSE.txt").exists()


def test_the_urdf_has_the_inertia_that_the_bullet_world_has(tmp_path: Path) -> None:
    scene, domain = somewhere("PandaPush-v0", seed=3)
    backend = make_backend("bullet", scene, CONTROL_PERIOD, 0.002)
    backend.apply(domain)
    model = mujoco.MjModel.from_xml_path(str(write_robot_urdf(scene, domain, tmp_path)))
    inertia = 1.0 / np.diag(np.linalg.inv(_mass_matrix(model, np.array(scene.arm.home))))
    np.testing.assert_allclose(inertia, backend.joint_inertia(), rtol=1e-5)
    backend.close()


@pytest.mark.parametrize("env_id", ["PandaPush-v0", "PandaSlide-v0", "PandaPickAndPlace-v0"])
def test_the_mjcf_moves_as_the_world_that_it_was_made_of(env_id: str, tmp_path: Path) -> None:
    scene, domain = somewhere(env_id, seed=5)
    model = mujoco.MjModel.from_xml_path(str(write_scene_mjcf(scene, 0.002, domain, tmp_path)))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("home").id)
    size, opening = scene.arm.size, [0.03] if scene.fingers_move else []
    target = [angle + 0.1 for angle in scene.arm.home]
    backend = make_backend("mujoco", scene, CONTROL_PERIOD, 0.002)
    backend.apply(domain)
    actuators = Actuators(scene.arm, fingers_move=scene.fingers_move)
    actuators.bind(backend.joint_inertia(), backend.timestep)
    actuators.apply(domain)
    backend.reset(_at_home(scene, data.qpos))
    data.ctrl[:] = [*target, *opening]
    for _ in range(10):
        backend.advance(actuators.law, [(0, [*target, *opening])], backend.substeps)
        mujoco.mj_step(model, data, backend.substeps)
    reading = backend.read()
    moved = np.abs(np.array(reading.joint_position) - scene.arm.home)
    assert moved.max() > 0.02
    np.testing.assert_allclose(reading.joint_position, data.qpos[:size], atol=1e-9)
    for index, body in enumerate(reading.bodies):
        np.testing.assert_allclose(body.position, data.body(scene.objects[index].name).xpos, atol=1e-6)
    backend.close()


def test_a_scene_whose_actuators_take_torques_has_no_gains(tmp_path: Path) -> None:
    scene, domain = somewhere("PandaPush-v0")
    model = mujoco.MjModel.from_xml_path(str(write_scene_mjcf(scene, 0.002, domain, tmp_path, kind="torque")))
    assert (model.actuator_gainprm[:7, 0] == 1.0).all()
    assert not model.actuator_biasprm.any()


def _mass_matrix(model: Any, joints: Array) -> Array:
    data, full = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    data.qpos[: len(joints)] = joints
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fullM(model, data, full)
    return full


def _at_home(scene: Scene, qpos: Array) -> Any:
    from sim2real_envs.state import WorldState

    size = scene.arm.size
    values = {"joint.position": np.array(qpos[:size])}
    if scene.fingers_move:
        values["finger.position"] = np.array(qpos[size : size + len(scene.arm.fingers)])
        size += len(scene.arm.fingers)
    for index, body in enumerate(scene.objects):
        x, y, z, *turn = qpos[size + 7 * index : size + 7 * index + 7]
        values[f"{body.name}.pose"] = np.array([x, y, z, *turn[1:], turn[0]])
    return WorldState(values)
