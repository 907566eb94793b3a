"""Cameras stand, look and project as an engine understands it, and what is drawn here lies where the engine has it."""

from __future__ import annotations

import numpy as np
import pybullet
import pytest

from sim2real_envs.arms import PANDA
from sim2real_envs.cameras.camera import (
    CAMERAS,
    Camera,
    camera_named,
    fov_of_projection,
    look_at,
    moved,
    on_mount,
    pixel_rays,
    pose_of_view,
    projection_matrix,
    turned_by,
    view_matrix,
)
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.kinematics import Kinematics

ENGINE_PRECISION = 1e-6  # PyBullet computes its matrices in single precision


@pytest.mark.parametrize("camera", [camera for camera in CAMERAS.values() if camera.mount == "world"])
def test_a_view_matrix_is_the_engines(camera: Camera) -> None:
    wanted = pybullet.computeViewMatrix(camera.eye, camera.target, camera.up)
    np.testing.assert_allclose(view_matrix(camera.pose()), wanted, atol=ENGINE_PRECISION)


@pytest.mark.parametrize("aspect", [0.75, 1.0, 1.6])
def test_a_projection_matrix_is_the_engines(aspect: float) -> None:
    wanted = pybullet.computeProjectionMatrixFOV(42.0, aspect, 0.05, 4.0)
    np.testing.assert_allclose(projection_matrix(42.0, aspect, 0.05, 4.0), wanted, atol=ENGINE_PRECISION)


def test_a_pose_and_a_field_of_view_are_read_back_from_their_matrices() -> None:
    pose = look_at((0.3, -0.7, 0.9), (0.5, 0.1, 0.0), (0.1, 0.0, 1.0))
    again = pose_of_view(view_matrix(pose))
    np.testing.assert_allclose(again.position, pose.position, atol=1e-14)
    np.testing.assert_allclose(again.rotation, pose.rotation, atol=1e-14)
    assert fov_of_projection(projection_matrix(37.5, 1.3, 0.1, 2.0)) == pytest.approx(37.5, abs=1e-12)


@pytest.mark.parametrize("turn", [-0.9, -1e-7, 0.0, 0.05, 1.0])
def test_an_offset_and_a_turn_are_read_back_from_the_pose(turn: float) -> None:
    nominal = CAMERAS["front"].pose()
    pose = moved(nominal, (0.01, -0.02, 0.03), turn)
    np.testing.assert_allclose(pose.position - nominal.position, (0.01, -0.02, 0.03), atol=1e-15)
    assert turned_by(nominal, pose) == pytest.approx(turn, abs=1e-14)


def test_a_point_projects_to_the_pixel_whose_ray_points_at_it() -> None:
    pose, projection = CAMERAS["side"].pose(), projection_matrix(42.0, 84 / 60, 0.05, 4.0)
    rays = pixel_rays(projection, 84, 60, (0.0, 1.0))
    column, row, depth = 23, 41, 0.8
    point = pose.position + pose.rotation @ (rays[row, column] * depth)
    clip = projection.reshape(4, 4).T @ (view_matrix(pose).reshape(4, 4).T @ [*point, 1.0])
    right, up = clip[:2] / clip[3]
    assert clip[3] == pytest.approx(depth, abs=1e-6)
    assert (right + 1.0) / 2.0 * 84 == pytest.approx(column, abs=1e-4)
    assert (1.0 - up) / 2.0 * 60 == pytest.approx(row + 1, abs=1e-4)


def test_a_wrist_camera_rides_on_the_tool_and_a_world_camera_does_not() -> None:
    kinematics = Kinematics(PANDA)
    home = np.array(PANDA.home)
    turned = home + np.array([0.3, 0, 0, 0, 0, 0, 0])
    here, there = kinematics.tool(home), kinematics.tool(turned)
    wrist, front = CAMERAS["wrist"], CAMERAS["front"]
    first, second = on_mount(wrist, wrist.pose(), here), on_mount(wrist, wrist.pose(), there)
    np.testing.assert_allclose(here.rotation.T @ first.rotation, there.rotation.T @ second.rotation, atol=1e-12)
    assert np.linalg.norm(first.position - second.position) > 0.1
    np.testing.assert_array_equal(on_mount(front, front.pose(), there).position, front.pose().position)


def test_the_default_cameras_frame_the_workspace() -> None:
    for name in ("front", "side", "top"):
        camera = CAMERAS[name]
        projection = projection_matrix(camera.fov_deg, 1.0, camera.near, camera.far).reshape(4, 4).T
        matrix = projection @ view_matrix(camera.pose()).reshape(4, 4).T
        for x in (0.3, 0.7):
            for y in (-0.3, 0.3):
                clip = matrix @ [x, y, 0.0, 1.0]
                assert np.abs(clip[:2] / clip[3]).max() < 1.0, (name, x, y)


def test_what_is_not_a_camera_is_refused_with_what_would_be() -> None:
    with pytest.raises(UnknownNameError, match="'frnt' is not a camera\\. Did you mean 'front'"):
        camera_named("frnt")
    with pytest.raises(OptionError, match="`0 < near < far` must hold, but got near=2, far=1"):
        Camera("mine", "world", (1.0, 0.0, 1.0), (0.0, 0.0, 0.0), near=2.0, far=1.0)
    with pytest.raises(OptionError, match="`0 < fov_deg < 180` must hold, but got 180"):
        Camera("mine", "world", (1.0, 0.0, 1.0), (0.0, 0.0, 0.0), fov_deg=180.0)
    with pytest.raises(OptionError, match="`up` must not be along the line"):
        Camera("mine", "world", (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
