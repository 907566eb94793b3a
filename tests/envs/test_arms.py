"""What an arm states is possible, agrees with its data sheet, and moves as it should."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pybullet_data
import pytest

from sim2real_envs.arms import ARMS, KUKA, PANDA, XARM6, Arm
from sim2real_envs.arms.base import Box, Inertia, Mesh, Sphere
from sim2real_envs.arms.meshes import merged_vertices
from sim2real_envs.arms.urdf import rpy_from_rotation, urdf_text, write_urdf
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.env import ManipulationEnv
from sim2real_envs.errors import EnvError, OptionError
from sim2real_envs.kinematics import Kinematics, rotation_error, rotation_from_rpy
from sim2real_envs.parameters import Array
from sim2real_envs.tasks import Push, Reach

DATA = pybullet_data.getDataPath()
EVERY_ARM = pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)
ARMS_WITH_A_ROD = pytest.mark.parametrize("arm", [KUKA, XARM6], ids=["Kuka", "XArm6"])
HEIGHT, TIP = 0.03, 0.007  # m: of the tool in Push, and how far its end lies below it


def inertias(arm: Arm) -> dict[str, Inertia]:
    """Return every stated inertia by what it belongs to."""
    links = {joint.name: joint.inertia for joint in arm.joints} | {"hand": arm.hand_inertia}
    return links | {finger.name: finger.inertia for finger in arm.fingers}


@pytest.fixture(scope="module", params=list(ARMS.values()), ids=list(ARMS))
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Arm, int, int]]:
    """Give an arm, the client that has it, and its body there."""
    arm: Arm = request.param
    path = write_urdf(arm, DATA, tmp_path_factory.mktemp(arm.name), fingers_move=False)
    client = pybullet.connect(pybullet.DIRECT)
    flags = pybullet.URDF_USE_INERTIA_FROM_FILE
    yield arm, client, pybullet.loadURDF(str(path), useFixedBase=True, flags=flags, physicsClientId=client)
    pybullet.disconnect(physicsClientId=client)


# -- What is stated ----------------------------------------------------------------------------------------------


@EVERY_ARM
def test_every_inertia_is_that_of_a_possible_body(arm: Arm) -> None:
    for name, inertia in inertias(arm).items():
        least, middle, most = np.linalg.eigvalsh(inertia.matrix())
        assert inertia.mass > 0.0, name
        assert least > 0.0, name
        assert most <= (least + middle) * (1.0 + 1e-6), name  # of m (y2 + z2) and so on, none exceeds the others' sum


@pytest.mark.parametrize(("arm", "base", "whole"), [(KUKA, 5.0, 29.9), (XARM6, 2.7, 12.2)], ids=["Kuka", "XArm6"])
def test_the_masses_add_up_to_the_data_sheet(arm: Arm, base: float, whole: float) -> None:
    assert base + sum(joint.inertia.mass for joint in arm.joints) == pytest.approx(whole, rel=0.03)


def test_the_kuka_stretched_up_is_as_high_as_in_its_data_sheet() -> None:
    tool = Kinematics(KUKA).tool(np.zeros(7)).position
    assert tool[2] == pytest.approx(0.05 + 0.36 + 0.42 + 0.4 + 0.126 + KUKA.tool_xyz[2])
    assert tool[:2] == pytest.approx([-0.1, 0.0], abs=1e-9)


def test_the_xarm_at_zero_points_down_where_its_manual_says() -> None:
    tool = Kinematics(XARM6).tool(np.zeros(6))
    assert tool.position == pytest.approx([0.207, 0.0, 0.112 - XARM6.tool_xyz[2]], abs=1e-9)
    assert tool.rotation[:, 2] == pytest.approx([0.0, 0.0, -1.0], abs=1e-9)


@EVERY_ARM
def test_at_home_the_tool_points_straight_down_within_the_limits(arm: Arm) -> None:
    kinematics = Kinematics(arm)
    tool = kinematics.tool(kinematics.home)
    assert tool.rotation[:, 2] == pytest.approx([0.0, 0.0, -1.0], abs=1e-9)
    assert tool.position == pytest.approx([0.45, 0.0, 0.2], abs=0.06)
    assert ((kinematics.lower + 0.1 < kinematics.home) & (kinematics.home < kinematics.upper - 0.1)).all()


@EVERY_ARM
def test_the_speed_limits_are_those_of_a_robot(arm: Arm) -> None:
    assert all(1.0 < joint.velocity < 3.2 for joint in arm.joints)
    text = urdf_text(arm, DATA, fingers_move=False)
    assert all(f'velocity="{joint.velocity}"' in text for joint in arm.joints)


@ARMS_WITH_A_ROD
def test_gains_follow_the_rule_that_is_stated(arm: Arm, tmp_path: Path) -> None:
    client = pybullet.connect(pybullet.DIRECT)
    path = write_urdf(arm, DATA, tmp_path, fingers_move=False)
    flags = pybullet.URDF_USE_INERTIA_FROM_FILE
    body = pybullet.loadURDF(str(path), useFixedBase=True, flags=flags, physicsClientId=client)
    masses = np.diag(np.array(pybullet.calculateMassMatrix(body, list(arm.home), physicsClientId=client)))
    pybullet.disconnect(physicsClientId=client)
    inertia = masses + arm.armature * np.arange(arm.size, 0, -1)  # every link that turns with a joint carries one
    for joint, own in zip(arm.joints, inertia.tolist(), strict=True):
        assert joint.stiffness == pytest.approx(own * 20.0**2, rel=0.05)
        assert joint.damping == pytest.approx(2.0 * 0.7 * 20.0 * own, rel=0.05)


# -- What the tool does ------------------------------------------------------------------------------------------


def test_who_can_grasp() -> None:
    assert [name for name, arm in ARMS.items() if arm.can_grasp] == ["Panda"]
    PANDA.require_grasp("Stack")


@ARMS_WITH_A_ROD
def test_an_arm_with_a_rod_refuses_to_grasp(arm: Arm) -> None:
    with pytest.raises(OptionError, match=f"Stack needs an arm that can grasp, but {arm.name!r} holds a tool"):
        arm.require_grasp("Stack")
    with pytest.raises(OptionError, match="A hand that opens needs an arm that can grasp"):
        urdf_text(arm, DATA, fingers_move=True)


def test_the_tool_ends_below_its_point_by_the_same_on_every_arm(loaded: tuple[Arm, int, int]) -> None:
    arm, client, body = loaded
    kinematics = Kinematics(arm)
    joints = kinematics.solve((0.45, 0.0, HEIGHT), kinematics.tool(kinematics.home).rotation)
    for joint, angle in enumerate(joints.tolist()):
        pybullet.resetJointState(body, joint, angle, physicsClientId=client)
    half = [0.2, 0.2, 0.05]
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half, physicsClientId=client)
    plate = pybullet.createMultiBody(0.0, shape, -1, (0.45, 0.0, -0.05), physicsClientId=client)
    points = pybullet.getClosestPoints(body, plate, 0.1, physicsClientId=client)
    closest = min(points, key=lambda point: point[8])
    pybullet.removeBody(plate, physicsClientId=client)
    assert closest[8] == pytest.approx(HEIGHT - TIP, abs=1.5e-3)
    assert closest[3] >= arm.size  # a finger or the rod, which feels


def test_the_motors_hold_the_arm_wherever_push_takes_it(loaded: tuple[Arm, int, int]) -> None:
    arm, client, body = loaded
    kinematics, rest = Kinematics(arm), [0.0] * arm.size
    down = kinematics.tool(kinematics.home).rotation
    effort = np.array([joint.effort for joint in arm.joints])
    for x in (0.3, 0.48, 0.66):
        for y in (-0.25, 0.0, 0.25):
            joints = kinematics.solve((x, y, HEIGHT), down).tolist()
            weight = pybullet.calculateInverseDynamics(body, joints, rest, rest, physicsClientId=client)
            assert (np.abs(weight) < 0.7 * effort).all()  # 0.7: the low end of actuator.strength_scale


@pytest.mark.parametrize(
    ("low", "high"),
    [((0.3, -0.25, 0.03), (0.66, 0.25, 0.03)), ((0.35, -0.2, 0.1), (0.6, 0.2, 0.34))],
    ids=["push", "reach"],
)
@EVERY_ARM
def test_the_tool_comes_everywhere_in_the_space_of_a_task(
    arm: Arm, low: tuple[float, float, float], high: tuple[float, float, float]
) -> None:
    kinematics = Kinematics(arm)
    down = kinematics.tool(kinematics.home).rotation
    for place in np.array(np.meshgrid(*np.linspace(low, high, 6).T)).reshape(3, -1).T[:: 1 if low[2] < high[2] else 6]:
        tool = kinematics.tool(kinematics.solve(place, down))
        assert tool.position == pytest.approx(place, abs=1e-4)
        joints = _stepped(kinematics, place, down)
        assert kinematics.tool(joints).position == pytest.approx(place, abs=5e-3)
        assert np.abs(rotation_error(kinematics.tool(joints).rotation, down)).max() < 0.03


def _stepped(kinematics: Kinematics, place: Array, down: Array) -> Array:
    """Return where control steps of at most 5 cm take the joints on the way to ``place`` and for 8 steps more."""
    joints = kinematics.solve((0.45, 0.0, place[2]), down)
    for _ in range(20):
        tool = kinematics.tool(joints)
        error = np.concatenate([np.clip(place - tool.position, -0.05, 0.05), rotation_error(tool.rotation, down)])
        joints = kinematics.step(joints, tool, error)
    return joints


# -- In an environment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.005, 0.01])
@ARMS_WITH_A_ROD
def test_the_joint_law_is_stable_at_every_timestep(arm: Arm, timestep: float) -> None:
    env: Any = ManipulationEnv(Reach, arm, control="joint_delta", horizon=1000)
    rng = np.random.default_rng(0)
    for armature in (0.06, 0.2):
        domain = {"physics.timestep": timestep, "joint.friction": 0.0, "joint.damping": 0.0, "joint.armature": armature}
        env.reset(seed=0, options={"domain": domain, "start": {"joint.position": np.array(arm.home)}})
        for _ in range(10):
            env.step(rng.choice([-1.0, 1.0], arm.size).astype(np.float32))
        stirred = np.abs(env.state().joint_velocity).max()
        for _ in range(40):
            env.step(np.zeros(arm.size, dtype=np.float32))
        assert stirred > 0.5
        assert np.abs(env.state().joint_velocity).max() < 5e-3
    env.close()


@EVERY_ARM
def test_the_tool_comes_up_to_half_a_metre_a_second(arm: Arm) -> None:
    env: Any = ManipulationEnv(Push, arm)
    env.reset(seed=0, options={"start": {"object.pose": np.array([0.45, 0.3, 0.025, 0.0, 0.0, 0.0, 1.0])}})
    places = []
    for _ in range(8):
        env.step(np.array([1.0, 0.0], dtype=np.float32))
        places.append(env.state().tool_position[0])
    assert (places[7] - places[3]) / 0.16 == pytest.approx(0.55, abs=0.05)
    env.close()


@ARMS_WITH_A_ROD
def test_a_straight_push_moves_the_cube(arm: Arm) -> None:
    env: Any = ManipulationEnv(Push, arm)
    start = {"object.pose": np.array([0.42, 0.0, 0.025, 0.0, 0.0, 0.0, 1.0]), "goal": np.array([0.6, 0.0, 0.0])}
    env.reset(seed=0, options={"start": start})
    assert env.state().tool_position == pytest.approx([0.32, 0.0, HEIGHT], abs=1e-4)
    felt, heights, success = 0.0, [], False
    for _ in range(60):
        to_go = 0.6 - env.state().object_poses["object"][0]
        action = np.array([np.clip(4.0 * (to_go - 0.02), 0.0, 0.4), 0.0], dtype=np.float32)
        *_, terminated, truncated, info = env.step(action)
        felt = max(felt, -float(env.state().finger_forces[0, 0]))
        heights.append(env.state().tool_position[2])
        if terminated or truncated:
            success = info["is_success"]
            break
    cube = env.state().object_poses["object"]
    assert success
    assert cube[0] == pytest.approx(0.6, abs=0.05)
    assert cube[1] == pytest.approx(0.0, abs=0.02)
    assert env.state().finger_forces.shape == (1, 3)
    assert felt > 0.1
    assert np.abs(np.array(heights) - HEIGHT).max() < 0.012
    env.close()


@ARMS_WITH_A_ROD
def test_reach_is_solved_by_going_straight_to_the_goal(arm: Arm) -> None:
    env: Any = ManipulationEnv(Reach, arm)
    for seed in range(12):
        env.reset(seed=seed)
        goal, done = env.world_state().values["goal"], False
        while not done:
            way = (goal - env.state().tool_position) / 0.05
            *_, terminated, truncated, info = env.step(np.clip(way, -1.0, 1.0).astype(np.float32))
            done = terminated or truncated
        assert info["is_success"], seed
    env.close()


# -- Meshes ------------------------------------------------------------------------------------------------------


def stl(triangles: Array) -> bytes:
    """Return a binary STL of ``triangles`` (t, 3, 3)."""
    body = b"".join(struct.pack("<12fH", 0.0, 0.0, 1.0, *triangle.ravel().tolist(), 0) for triangle in triangles)
    return bytes(80) + struct.pack("<I", len(triangles)) + body


def test_merging_vertices_leaves_out_what_collapses_and_what_lies_twice() -> None:
    corner = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    sliver = np.array([[0.0, 0.0, 0.0], [0.02, 0.0, 0.0], [1.0, 0.0, 0.0]])
    text = merged_vertices(stl(np.array([corner, corner[[1, 2, 0]], sliver])), 0.1)
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("f")] == ["f 1 3 2"]
    places = np.array([line.split()[1:] for line in lines if line.startswith("v")], dtype=float)
    assert places == pytest.approx(np.array([[0.02 / 4, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), abs=1e-6)


def test_a_merged_link_keeps_its_size_within_a_cell() -> None:
    source = Path(DATA) / KUKA.mesh_folder / "link_2.stl"
    text = merged_vertices(source.read_bytes(), 0.025)
    places = np.array([line.split()[1:] for line in text.splitlines() if line.startswith("v")], dtype=float)
    faces = text.count("\nf ")
    assert places.min(axis=0) == pytest.approx([-0.0851, -0.0857, -0.0682], abs=0.025)
    assert places.max(axis=0) == pytest.approx([0.0856, 0.2045, 0.1321], abs=0.025)
    assert 100 < faces < 1449 / 2  # of the mesh itself


def test_what_is_not_a_binary_stl_is_refused() -> None:
    with pytest.raises(EnvError, match="A binary STL of 1 triangles has 134 bytes, not 133"):
        merged_vertices(stl(np.zeros((1, 3, 3)))[:-1], 0.1)


def test_primitive_shapes_and_placed_meshes_are_written(tmp_path: Path) -> None:
    text = write_urdf(KUKA, DATA, tmp_path, fingers_move=False).read_text()
    assert '<box size="0.3 0.3 0.05"/>' in text
    assert '<cylinder radius="0.01"' in text
    assert '<sphere radius="0.01"/>' in text
    assert f'<mesh filename="{tmp_path}/link_3.obj"/>' in text
    assert 'type="prismatic"' not in text
    assert isinstance(KUKA.base_shapes[0], Box)
    assert isinstance(KUKA.base_shapes[1], Mesh)
    assert isinstance(KUKA.fingers[0].shapes[1], Sphere)


@pytest.mark.parametrize("rpy", [(0.1, -0.4, 2.0), (-3.0, 1.2, -1.0), (0.5, np.pi / 2, 0.3), (0.5, -np.pi / 2, 0.3)])
def test_roll_pitch_yaw_of_a_rotation_gives_it_back(rpy: tuple[float, float, float]) -> None:
    rotation = rotation_from_rpy(rpy)
    assert rotation_from_rpy(rpy_from_rotation(rotation)) == pytest.approx(rotation, abs=1e-9)
