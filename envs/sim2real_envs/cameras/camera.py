"""Where a camera stands and how it projects, as an engine wants it: poses, view and projection matrices, pixel rays.

A camera's own frame is that of OpenGL: x to the right of the picture, y up, z backwards, so that it looks along -z.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim2real_envs.arms.base import Vector
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.parameters import Array

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """A camera as it was meant to be mounted.

    Args:
        name: What it is called.
        mount: ``"world"``, or ``"wrist"``: it rides on the tool, and ``eye``, ``target``, ``up`` are in the tool's
            frame (origin between the fingertips, z forward).
        eye: Where it is [m].
        target: What it looks at [m].
        up: Direction that is up in its pictures.
        fov_deg: Vertical field of view [deg].
        near: Nearest distance that it sees [m].
        far: Farthest distance that it sees [m]; what is beyond has this depth.
        sees_room: Whether the room around the table is in its pictures.

    Raises:
        OptionError: Unless ``0 < near < far``, ``0 < fov_deg < 180``, and ``up`` is not along the line of sight.
    """

    name: str
    mount: Literal["world", "wrist"]
    eye: Vector
    target: Vector
    up: Vector = (0.0, 0.0, 1.0)
    fov_deg: float = 40.0
    near: float = 0.05
    far: float = 4.0
    sees_room: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.near < self.far:
            raise OptionError(
                f"Camera {self.name!r}: `0 < near < far` must hold, but got near={self.near:g}, far={self.far:g}."
            )
        if not 0.0 < self.fov_deg < 180.0:
            raise OptionError(f"Camera {self.name!r}: `0 < fov_deg < 180` must hold, but got {self.fov_deg:g}.")
        sight = np.subtract(self.target, self.eye)
        if np.linalg.norm(np.cross(sight, self.up)) <= 1e-9 * np.linalg.norm(sight) * np.linalg.norm(self.up):
            raise OptionError(f"Camera {self.name!r}: `up` must not be along the line from eye to target, nor zero.")

    def pose(self) -> CameraPose:
        """Return the pose in the mount's frame."""
        return look_at(self.eye, self.target, self.up)


class CameraPose(NamedTuple):
    """Where a camera is: position (3,) m, rotation (3, 3) whose columns point right, up and backwards."""

    position: Array
    rotation: Array


CAMERAS: Mapping[str, Camera] = MappingProxyType(
    {
        camera.name: camera
        for camera in (
            Camera("front", "world", (1.28, 0.0, 0.72), (0.43, 0.0, 0.10), fov_deg=42.0),
            Camera("side", "world", (0.50, -1.02, 0.78), (0.47, 0.0, 0.10), fov_deg=42.0),
            Camera("top", "world", (0.48, 0.0, 1.3), (0.48, 0.0, 0.0), (-1.0, 0.0, 0.0), 31.0, sees_room=False),
            Camera(
                "wrist",
                "wrist",
                (0.075, 0.0, -0.075),
                (0.015, 0.0, 0.06),
                (1.0, 0.0, 0.0),
                70.0,
                near=0.01,
                sees_room=False,
            ),
        )
    }
)


def camera_named(name: str | Camera) -> Camera:
    """Return the shipped camera of this name; a ``Camera`` passes through.

    Raises:
        UnknownNameError: If there is none.
    """
    if isinstance(name, Camera):
        return name
    if name not in CAMERAS:
        raise UnknownNameError(str(name), "a camera", CAMERAS)
    return CAMERAS[name]


def look_at(eye: ArrayLike, target: ArrayLike, up: ArrayLike) -> CameraPose:
    """Return the pose of a camera at ``eye`` (3,) that looks at ``target`` (3,) m, with ``up`` (3,) upwards."""
    position = np.array(eye, dtype=np.float64)
    backward = position - np.asarray(target, dtype=np.float64)
    backward /= np.linalg.norm(backward)
    right = np.cross(np.asarray(up, dtype=np.float64), backward)
    right /= np.linalg.norm(right)
    return CameraPose(position, np.column_stack([right, np.cross(backward, right), backward]))


def moved(pose: CameraPose, offset: ArrayLike, turn: float) -> CameraPose:
    """Return ``pose`` moved by ``offset`` (3,) m in its mount's frame and turned by ``turn`` [rad] about its diagonal.

    The axis is (1, 1, 1) / sqrt(3) in the camera's frame, so that one number pans, tilts and rolls it.
    """
    return CameraPose(pose.position + np.asarray(offset), pose.rotation @ _diagonal_turn(turn))


def turned_by(nominal: CameraPose, pose: CameraPose) -> float:
    """Return the ``turn`` [rad] with which ``moved`` makes ``pose`` out of ``nominal``."""
    turn = nominal.rotation.T @ pose.rotation
    sine = (turn[2, 1] - turn[1, 2] + turn[0, 2] - turn[2, 0] + turn[1, 0] - turn[0, 1]) / (2.0 * math.sqrt(3.0))
    return math.atan2(float(sine), (float(np.trace(turn)) - 1.0) / 2.0)


def on_mount(camera: Camera, pose: CameraPose, tool: ToolPose) -> CameraPose:
    """Return ``pose``, given in the frame of the camera's mount, in the world frame."""
    if camera.mount == "world":
        return pose
    return CameraPose(tool.position + tool.rotation @ pose.position, tool.rotation @ pose.rotation)


def view_matrix(pose: CameraPose) -> Array:
    """Return OpenGL's view matrix (16,), column-major: world to camera frame."""
    matrix = np.eye(4)
    matrix[:3, :3] = pose.rotation.T
    matrix[:3, 3] = -pose.rotation.T @ pose.position
    return matrix.T.ravel()


def pose_of_view(view: Array) -> CameraPose:
    """Return the pose that a view matrix (16,) belongs to."""
    matrix = view.reshape(4, 4).T
    rotation = matrix[:3, :3].T
    return CameraPose(-rotation @ matrix[:3, 3], rotation)


def projection_matrix(fov_deg: float, aspect: float, near: float, far: float) -> Array:
    """Return OpenGL's perspective matrix (16,), column-major; ``fov_deg`` vertical, ``aspect`` width over height."""
    scale = 1.0 / math.tan(math.radians(fov_deg) / 2.0)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1] = scale / aspect, scale
    matrix[2, 2], matrix[2, 3] = -(far + near) / (far - near), -2.0 * far * near / (far - near)
    matrix[3, 2] = -1.0
    return matrix.T.ravel()


def fov_of_projection(projection: Array) -> float:
    """Return the vertical field of view [deg] of a perspective matrix (16,)."""
    return math.degrees(2.0 * math.atan(1.0 / float(projection[5])))


def pixel_rays(projection: Array, width: int, height: int, corner: tuple[float, float]) -> Image:
    """Return where each pixel looks in the camera's frame, (height, width, 3), scaled to z = -1.

    A point at depth d along the optical axis is d times its ray.

    Args:
        projection: Perspective matrix (16,).
        width: Of the picture [pixel].
        height: Of the picture [pixel].
        corner: Where in a pixel the engine samples, from its upper left corner, right and down [pixel].
    """
    x = (2.0 * (np.arange(width) + corner[0]) / width - 1.0) / projection[0]
    y = (1.0 - 2.0 * (np.arange(height) + corner[1]) / height) / projection[5]
    rays = np.empty((height, width, 3), dtype=np.float32)
    rays[..., 0], rays[..., 1], rays[..., 2] = x[None, :], y[:, None], -1.0
    return rays


def _diagonal_turn(angle: float) -> Array:
    """Return the rotation (3, 3) by ``angle`` [rad] about (1, 1, 1) / sqrt(3), by Rodrigues' formula."""
    cross = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    turn: Array = np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * (cross @ cross)
    return turn
