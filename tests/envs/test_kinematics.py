"""Kinematics against PyBullet, against finite differences, and against themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pybullet_data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_envs.arms import ARMS, PANDA, Arm
from sim2real_envs.arms.urdf import write_urdf
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.errors import StateError
from sim2real_envs.kinematics import Kinematics, rotation_error, rotation_from_rpy
from sim2real_envs.parameters import Array

PANDA_KINEMATICS = Kinematics(PANDA)
ANGLES = st.floats(-math.pi, math.pi)


def some_joints(seed: int) -> Array:
    """Return joint positions (n,) within the limits."""
    rng = np.random.default_rng(seed)
    return rng.uniform(PANDA_KINEMATICS.lower, PANDA_KINEMATICS.upper)


@pytest.fixture(scope="module", params=list(ARMS.values()), ids=list(ARMS))
def arm_in_bullet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Arm, int, int]]:
    arm: Arm = request.param
    path = write_urdf(arm, pybullet_data.getDataPath(), tmp_path_factory.mktemp(arm.name), fingers_move=False)
    client = pybullet.connect(pybullet.DIRECT)
    yield arm, client, pybullet.loadURDF(str(path), useFixedBase=True, physicsClientId=client)
    pybullet.disconnect(physicsClientId=client)


@pytest.mark.parametrize("seed", range(10))
def test_the_tool_is_where_pybullet_has_it(arm_in_bullet: tuple[Arm, int, int], seed: int) -> None:
    arm, client, body = arm_in_bullet
    kinematics = Kinematics(arm)
    joints = np.random.default_rng(seed).uniform(kinematics.lower, kinematics.upper)
    for joint, angle in enumerate(joints.tolist()):
        pybullet.resetJointState(body, joint, angle, physicsClientId=client)
    first_finger = arm.size
    link = pybullet.getLinkState(body, first_finger, computeForwardKinematics=True, physicsClientId=client)
    rotation = np.array(pybullet.getMatrixFromQuaternion(link[5])).reshape(3, 3)
    from_finger = np.array(arm.tool_xyz) - np.array(arm.fingers[0].xyz)  # in the frame of the hand
    tool = kinematics.tool(joints)
    assert tool.position == pytest.approx(np.array(link[4]) + rotation @ from_finger, abs=1e-6)
    assert tool.rotation == pytest.approx(rotation, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_jacobian_is_the_derivative_of_the_pose(seed: int) -> None:
    joints, width = some_joints(seed), 1e-6
    jacobian = PANDA_KINEMATICS.tool(joints).jacobian
    for joint in range(PANDA.size):
        change = np.zeros(PANDA.size)
        change[joint] = width
        before, after = PANDA_KINEMATICS.tool(joints - change), PANDA_KINEMATICS.tool(joints + change)
        assert jacobian[:3, joint] == pytest.approx((after.position - before.position) / (2.0 * width), abs=1e-7)
        turned = rotation_error(before.rotation, after.rotation) / (2.0 * width)
        assert jacobian[3:, joint] == pytest.approx(turned, abs=1e-7)


def test_the_tool_points_straight_down_at_home() -> None:
    assert PANDA_KINEMATICS.tool(PANDA_KINEMATICS.home).rotation[:, 2] == pytest.approx([0.0, 0.0, -1.0], abs=1e-9)


# -- Rotations ---------------------------------------------------------------------------------------------------


@given(rpy=st.tuples(ANGLES, ANGLES, ANGLES))
def test_roll_pitch_yaw_gives_a_rotation(rpy: tuple[float, float, float]) -> None:
    rotation = rotation_from_rpy(rpy)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert rotation_from_rpy((0.0, 0.0, rpy[2]))[:2, 0] == pytest.approx([math.cos(rpy[2]), math.sin(rpy[2])])


@given(
    axis=st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda axis: math.hypot(*axis) > 0.1),
    angle=st.one_of(st.floats(0.0, math.pi), st.just(math.pi), st.floats(3.13, math.pi)),
    rpy=st.tuples(ANGLES, ANGLES, ANGLES),
)
def test_the_rotation_error_turns_one_rotation_into_the_other(
    axis: tuple[float, float, float], angle: float, rpy: tuple[float, float, float]
) -> None:
    unit = np.array(axis) / math.hypot(*axis)
    current = rotation_from_rpy(rpy)
    error = rotation_error(current, _turned(unit, angle) @ current)
    size = float(np.linalg.norm(error))
    assert size == pytest.approx(angle, abs=1e-5)
    assert _turned(error / max(size, 1e-12), size) == pytest.approx(_turned(unit, angle), abs=1e-4)


def _turned(axis: Array, angle: float) -> Array:
    """Return the rotation (3, 3) about ``axis`` by ``angle`` (Rodrigues 1840)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: Array = np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * cross @ cross
    return turned


# -- Inverse kinematics ------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(x=st.floats(0.3, 0.65), y=st.floats(-0.3, 0.3), z=st.floats(0.03, 0.45), yaw=st.floats(-0.7, 0.7))
def test_a_pose_in_the_workspace_is_solved_within_the_joint_limits(x: float, y: float, z: float, yaw: float) -> None:
    down = rotation_from_rpy((0.0, 0.0, yaw)) @ PANDA_KINEMATICS.tool(PANDA_KINEMATICS.home).rotation
    joints = PANDA_KINEMATICS.solve((x, y, z), down)
    pose = PANDA_KINEMATICS.tool(joints)
    assert pose.position == pytest.approx([x, y, z], abs=1e-5)
    assert pose.rotation == pytest.approx(down, abs=2e-5)
    assert ((PANDA_KINEMATICS.lower <= joints) & (joints <= PANDA_KINEMATICS.upper)).all()


def test_a_pose_out_of_reach_is_refused() -> None:
    with pytest.raises(StateError, match=r"cannot reach \[2.0, 0.0, 0.3\] m \(base frame\)"):
        PANDA_KINEMATICS.solve((2.0, 0.0, 0.3), PANDA_KINEMATICS.tool(PANDA_KINEMATICS.home).rotation)


def test_a_step_moves_the_tool_as_asked_and_stays_within_the_joint_limits() -> None:
    home = PANDA_KINEMATICS.home
    pose = PANDA_KINEMATICS.tool(home)
    error = np.array([0.01, -0.005, 0.004, 0.0, 0.0, 0.01])
    moved = PANDA_KINEMATICS.tool(PANDA_KINEMATICS.step(home, pose, error, damping=1e-4))
    assert moved.position - pose.position == pytest.approx(error[:3], abs=3e-4)
    assert rotation_error(pose.rotation, moved.rotation) == pytest.approx(error[3:], abs=3e-4)
    far = PANDA_KINEMATICS.step(home, pose, 1e3 * error)
    assert ((PANDA_KINEMATICS.lower <= far) & (far <= PANDA_KINEMATICS.upper)).all()


def test_the_null_space_pulls_home_without_moving_the_tool() -> None:
    joints = PANDA_KINEMATICS.home + np.array([0.3, 0.0, -0.4, 0.0, 0.2, 0.0, 0.0])
    pose = PANDA_KINEMATICS.tool(joints)
    away = np.linalg.norm(joints - PANDA_KINEMATICS.home)
    for _ in range(40):
        current = PANDA_KINEMATICS.tool(joints)
        error = np.concatenate([pose.position - current.position, rotation_error(current.rotation, pose.rotation)])
        joints = PANDA_KINEMATICS.step(joints, current, error)
    assert np.linalg.norm(joints - PANDA_KINEMATICS.home) < 0.9 * away
    assert PANDA_KINEMATICS.tool(joints).position == pytest.approx(pose.position, abs=2e-3)
