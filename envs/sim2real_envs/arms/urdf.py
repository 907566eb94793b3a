"""An arm's description as URDF text, so that every engine builds the same arm.

The hand is merged into the last link (one body less for the engine), collision meshes serve as visual meshes too
(stock visual meshes make a camera ten times slower), and the stated inertias are written out in full.
"""

from __future__ import annotations

import numpy as np

from sim2real_envs.arms.base import Arm, Finger, Inertia, Vector
from sim2real_envs.kinematics import rotation_from_rpy


def merged(first: Inertia, second: Inertia, xyz: Vector, rpy: Vector) -> Inertia:
    """Return the inertia of two rigidly joined links in the first one's frame; ``xyz``, ``rpy`` place the second."""
    rotation = rotation_from_rpy(rpy)
    com_a = np.array(first.com)
    com_b = np.array(xyz) + rotation @ np.array(second.com)
    mass = first.mass + second.mass
    com = (first.mass * com_a + second.mass * com_b) / mass
    tensor = np.zeros((3, 3))
    for part, centre, about_centre in (
        (first, com_a, first.matrix()),
        (second, com_b, rotation @ second.matrix() @ rotation.T),
    ):
        offset = centre - com
        tensor += about_centre + part.mass * (offset @ offset * np.eye(3) - np.outer(offset, offset))
    values = (tensor[0, 0], tensor[1, 1], tensor[2, 2], tensor[0, 1], tensor[0, 2], tensor[1, 2])
    return Inertia(mass, (float(com[0]), float(com[1]), float(com[2])), tuple(map(float, values)))  # type: ignore[arg-type]


def urdf_text(arm: Arm, mesh_root: str, *, fingers_move: bool) -> str:
    """Return URDF text of ``arm`` with absolute mesh paths below ``mesh_root``."""
    folder = f"{mesh_root}/{arm.mesh_folder}"
    base = _link("base", Inertia(1.0, (0, 0, 0), (0.01, 0.01, 0.01, 0, 0, 0)), [_mesh(folder, arm.base_mesh)])
    parts = [base]
    parent = "base"
    for index, joint in enumerate(arm.joints):
        inertia, meshes = joint.inertia, [_mesh(folder, joint.mesh)]
        if index == arm.size - 1:
            inertia = merged(inertia, arm.hand_inertia, arm.hand_xyz, arm.hand_rpy)
            meshes.append(_mesh(folder, arm.hand_mesh, arm.hand_xyz, arm.hand_rpy))
        child = f"link{index + 1}"
        parts.append(_link(child, inertia, meshes))
        limit = (
            f'<axis xyz="0 0 1"/><limit effort="{joint.effort}" lower="{joint.lower}" '
            f'upper="{joint.upper}" velocity="10"/>'
        )
        parts.append(_joint(joint.name, "revolute", parent, child, joint.xyz, joint.rpy, limit))
        parent = child
    for finger in arm.fingers:
        parts.append(_finger(arm, finger, parent, folder, fingers_move))
    return f'<?xml version="1.0"?>\n<robot name="{arm.name}">\n{"".join(parts)}</robot>\n'


def _finger(arm: Arm, finger: Finger, parent: str, folder: str, moves: bool) -> str:
    rotation = rotation_from_rpy(arm.hand_rpy)
    xyz = np.array(arm.hand_xyz) + rotation @ np.array(finger.xyz)
    axis = " ".join(map(str, finger.axis))
    limit = f'<axis xyz="{axis}"/><limit effort="70" lower="0" upper="{finger.stroke}" velocity="0.2"/>'
    link = _link(finger.name, finger.inertia, [_mesh(folder, finger.mesh, (0, 0, 0), finger.mesh_rpy)])
    kind = "prismatic" if moves else "fixed"
    place: Vector = (float(xyz[0]), float(xyz[1]), float(xyz[2]))
    return link + _joint(f"{finger.name}_joint", kind, parent, finger.name, place, arm.hand_rpy, limit if moves else "")


def _origin(xyz: Vector, rpy: Vector) -> str:
    return f'<origin xyz="{xyz[0]} {xyz[1]} {xyz[2]}" rpy="{rpy[0]} {rpy[1]} {rpy[2]}"/>'


def _mesh(folder: str, name: str, xyz: Vector = (0, 0, 0), rpy: Vector = (0, 0, 0)) -> str:
    return f'{_origin(xyz, rpy)}<geometry><mesh filename="{folder}/{name}"/></geometry>'


def _link(name: str, inertia: Inertia, meshes: list[str]) -> str:
    xx, yy, zz, xy, xz, yz = inertia.tensor
    mass = (
        f'<inertial>{_origin(inertia.com, (0, 0, 0))}<mass value="{inertia.mass}"/>'
        f'<inertia ixx="{xx}" iyy="{yy}" izz="{zz}" ixy="{xy}" ixz="{xz}" iyz="{yz}"/></inertial>'
    )
    shapes = "".join(
        f'<visual>{mesh}<material name="white"><color rgba="0.92 0.92 0.94 1"/></material></visual>'
        f"<collision>{mesh}</collision>"
        for mesh in meshes
    )
    return f'<link name="{name}">{mass}{shapes}</link>\n'


def _joint(name: str, kind: str, parent: str, child: str, xyz: Vector, rpy: Vector, rest: str) -> str:
    return (
        f'<joint name="{name}" type="{kind}">{_origin(xyz, rpy)}<parent link="{parent}"/><child link="{child}"/>'
        f"{rest}</joint>\n"
    )
