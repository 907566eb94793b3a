"""An arm and its hand as MJCF text: the same links, shapes, joints and laws as its URDF and the joint law say.

The hand is merged into the last link, as it is in the URDF. Meshes collide as their convex hulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pybullet_data

from sim2real_envs.arms.base import Arm, Box, Cylinder, Inertia, Mesh, Shape, Vector
from sim2real_envs.arms.meshes import merged_vertices
from sim2real_envs.arms.urdf import merged, placed
from sim2real_envs.gripper import FINGER_MASS
from sim2real_envs.kinematics import rotation_from_rpy
from sim2real_envs.scene import Scene

BASE, GRIP, RACK = "base", "grip", "rack"
_MOTOR = "motor"  # the tendon along the sum of the openings


def mesh_files(arm: Arm) -> dict[str, bytes]:
    """Return the mesh files that ``mjcf_text`` names: file name to content; the finest ones as coarse copies."""
    root, files = Path(pybullet_data.getDataPath()) / arm.mesh_folder, dict[str, bytes]()
    for mesh in _meshes(arm):
        content = (root / mesh.file).read_bytes()
        files[_file(mesh)] = merged_vertices(content, mesh.cell).encode() if mesh.cell > 0.0 else content
    return files


def link_inertias(scene: Scene) -> list[Inertia]:
    """Return the inertias of the links, then of the fingers; without armature.

    Fingers that move have the inertia of their motor, and its weight is taken off the hand.
    """
    arm = scene.arm
    links, fingers = [joint.inertia for joint in arm.joints], [finger.inertia for finger in arm.fingers]
    last = merged(links[-1], arm.hand_inertia, arm.hand_xyz, arm.hand_rpy)
    if scene.fingers_move:
        last = replace(last, mass=last.mass - sum(FINGER_MASS - finger.mass for finger in fingers))
        fingers = [_scaled(finger, FINGER_MASS / finger.mass) for finger in fingers]
    return [*links[:-1], last, *fingers]


def _scaled(inertia: Inertia, factor: float) -> Inertia:
    xx, yy, zz, xy, xz, yz = (factor * value for value in inertia.tensor)
    return Inertia(factor * inertia.mass, inertia.com, (xx, yy, zz, xy, xz, yz))


def arm_text(scene: Scene) -> str:
    """Return the arm as a chain of bodies; its controller compensates gravity within the torque limits."""
    arm, inertias = scene.arm, link_inertias(scene)
    text = f'<body name="{BASE}">\n{_shapes(scene, BASE)}'
    for index, joint in enumerate(arm.joints):
        text += (
            f'<body name="link{index + 1}" {frame(joint.xyz, joint.rpy)} gravcomp="1">{inertial(inertias[index])}\n'
            f'<joint name="{joint.name}" axis="0 0 1" range="{joint.lower!r} {joint.upper!r}" '
            f'actuatorfrcrange="{-joint.effort!r} {joint.effort!r}" actuatorgravcomp="true"/>\n'
            f"{_shapes(scene, f'link{index + 1}')}"
        )
    rotation = rotation_from_rpy(arm.hand_rpy)
    for finger, inertia in zip(arm.fingers, inertias[arm.size :], strict=True):
        x, y, z = (np.array(arm.hand_xyz) + rotation @ np.array(finger.xyz)).tolist()
        text += f'<body name="{finger.name}" {frame((x, y, z), arm.hand_rpy)} gravcomp="1">{inertial(inertia)}\n'
        if scene.fingers_move:
            text += (
                f'<joint name="{finger.name}_joint" type="slide" axis="{row(finger.axis)}" '
                f'range="0 {finger.stroke!r}"/>\n'
            )
        text += f"{_shapes(scene, finger.name)}</body>\n"
    return text + "</body>\n" * (arm.size + 1)


def tendons_text(scene: Scene) -> str:
    """Return the gripper's motor, along the sum of the openings, and its rack, along their difference."""
    if not scene.fingers_move:
        return ""
    first, second = (f"{finger.name}_joint" for finger in scene.arm.fingers)
    return (
        f'<tendon>\n<fixed name="{_MOTOR}">'
        f'<joint joint="{first}" coef="1"/><joint joint="{second}" coef="1"/></fixed>\n'
        f'<fixed name="{RACK}" springlength="0" stiffness="1" damping="1">'
        f'<joint joint="{first}" coef="1"/><joint joint="{second}" coef="-1"/></fixed>\n</tendon>\n'
    )


def actuators_text(scene: Scene) -> str:
    """Return a motor for every joint, and that of the gripper."""
    text = "".join(
        f'<general name="{joint.name}" joint="{joint.name}" biastype="affine" gainprm="{joint.stiffness!r}" '
        f'biasprm="0 {-joint.stiffness!r} {-joint.damping!r}"/>\n'
        for joint in scene.arm.joints
    )
    if scene.fingers_move:
        text += (
            f'<general name="{GRIP}" tendon="{_MOTOR}" biastype="affine" gainprm="1" biasprm="0 -0.5 -0.5" '
            'forcerange="-1 1"/>\n'
        )
    return text


def named_shapes(scene: Scene) -> Iterator[tuple[str, Shape]]:
    """Yield (name, shape) of every geom of the arm; a name is that of the body and a number."""
    arm = scene.arm
    hand = tuple(_placed(shape, arm.hand_xyz, arm.hand_rpy) for shape in arm.hand_shapes)
    groups = {BASE: arm.base_shapes} | {f"link{index + 1}": joint.shapes for index, joint in enumerate(arm.joints)}
    groups[f"link{arm.size}"] += hand
    groups |= {finger.name: finger.shapes for finger in arm.fingers}
    for body, shapes in groups.items():
        for index, shape in enumerate(shapes):
            yield f"{body}.{index}", shape


def _shapes(scene: Scene, body: str) -> str:
    rgba = row((*scene.arm.colour, 1.0))
    return "".join(
        f'<geom name="{name}" {_geometry(shape)} {frame(shape.xyz, shape.rpy)} rgba="{rgba}"/>\n'
        for name, shape in named_shapes(scene)
        if name.rsplit(".", 1)[0] == body
    )


def _placed(shape: Shape, xyz: Vector, rpy: Vector) -> Shape:
    place, turn = placed(shape, xyz, rpy)
    return replace(shape, xyz=place, rpy=turn)


def _geometry(shape: Shape) -> str:
    if isinstance(shape, Mesh):
        return f'type="mesh" mesh="{_file(shape)}"'
    if isinstance(shape, Box):
        return f'type="box" size="{row(0.5 * edge for edge in shape.size)}"'
    if isinstance(shape, Cylinder):
        return f'type="cylinder" size="{shape.radius!r} {0.5 * shape.length!r}"'
    return f'type="sphere" size="{shape.radius!r}"'


def assets_text(arm: Arm) -> Iterator[str]:
    """Yield the meshes that shapes name."""
    for file in dict.fromkeys(map(_file, _meshes(arm))):
        yield f'<mesh name="{file}" file="{file}" inertia="convex"/>\n'


def _file(mesh: Mesh) -> str:
    """Return the name of a mesh's file: a coarse copy is an OBJ."""
    return f"{Path(mesh.file).stem}.obj" if mesh.cell > 0.0 else mesh.file


def _meshes(arm: Arm) -> Iterator[Mesh]:
    groups = [arm.base_shapes, *(joint.shapes for joint in arm.joints), arm.hand_shapes]
    groups += [finger.shapes for finger in arm.fingers]
    return (shape for shapes in groups for shape in shapes if isinstance(shape, Mesh))


def inertial(inertia: Inertia) -> str:
    """Return mass, centre of mass and inertia of a body."""
    return f'<inertial pos="{row(inertia.com)}" mass="{inertia.mass!r}" fullinertia="{row(inertia.tensor)}"/>'


def frame(xyz: Vector, rpy: Vector) -> str:
    """Return position [m] and fixed-axis roll, pitch, yaw [rad] as attributes."""
    return f'pos="{row(xyz)}" euler="{row(rpy)}"'


def row(values: Iterable[float]) -> str:
    """Return numbers as an attribute has them, to the last digit."""
    return " ".join(repr(float(value)) for value in values)
