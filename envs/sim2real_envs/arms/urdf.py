"""An arm's description as URDF text, so that every engine builds the same arm.

The hand is merged into the last link (one body less for the engine), what is seen are the shapes that are touched or
coarse copies of them (stock visual meshes make a camera ten times slower), and the stated inertias are written out in
full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from sim2real_envs.arms.base import Arm, Box, Cylinder, Finger, Inertia, Mesh, Shape, Vector
from sim2real_envs.arms.meshes import drawn_copy, merged_vertices
from sim2real_envs.kinematics import rotation_from_rpy
from sim2real_envs.parameters import Array


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


def write_urdf(arm: Arm, mesh_root: str, folder: str | Path, *, fingers_move: bool) -> Path:
    """Write the description of ``arm`` into ``folder``, with the meshes that are too fine as they are; return its path.

    Args:
        arm: The arm.
        mesh_root: Folder of the engine's own data.
        folder: An empty folder; it may go once the engine has loaded the file.
        fingers_move: Whether the hand can open.

    Raises:
        OptionError: If fingers shall move that cannot.
    """
    place, files, drawn = Path(folder), dict[str, str](), dict[str, str]()
    for mesh in _meshes(arm):
        source = Path(mesh_root) / arm.mesh_folder / mesh.file
        if mesh.cell > 0.0 and mesh.file not in files:
            files[mesh.file] = str(place / f"{source.stem}.obj")
            Path(files[mesh.file]).write_text(merged_vertices(source.read_bytes(), mesh.cell))
        if mesh.drawn_cell > 0.0 and mesh.file not in drawn:
            drawn[mesh.file] = str(place / f"{source.stem}_drawn.obj")
            Path(drawn[mesh.file]).write_text(drawn_copy(source, mesh.drawn_cell))
    path = place / f"{arm.name}.urdf"
    path.write_text(urdf_text(arm, mesh_root, fingers_move=fingers_move, files=files, drawn=drawn))
    return path


def urdf_text(
    arm: Arm,
    mesh_root: str,
    *,
    fingers_move: bool,
    files: Mapping[str, str] | None = None,
    drawn: Mapping[str, str] | None = None,
) -> str:
    """Return URDF text of ``arm`` with absolute mesh paths below ``mesh_root``.

    ``files`` replaces some of the meshes, ``drawn`` some of those that are seen.

    Raises:
        OptionError: If fingers shall move that cannot.
    """
    if fingers_move:
        arm.require_grasp("A hand that opens")
    touched = files or {}
    writer = _Shapes(f"{mesh_root}/{arm.mesh_folder}", touched, {**touched, **(drawn or {})}, arm.colour)
    parts = [_link("base", Inertia(1.0, (0, 0, 0), (0.01, 0.01, 0.01, 0, 0, 0)), writer.text(arm.base_shapes))]
    parent = "base"
    for index, joint in enumerate(arm.joints):
        inertia, shapes = joint.inertia, writer.text(joint.shapes)
        if index == arm.size - 1:
            inertia = merged(inertia, arm.hand_inertia, arm.hand_xyz, arm.hand_rpy)
            shapes += writer.text(arm.hand_shapes, arm.hand_xyz, arm.hand_rpy)
        child = f"link{index + 1}"
        parts.append(_link(child, inertia, shapes))
        limit = (
            f'<axis xyz="0 0 1"/><limit effort="{joint.effort}" lower="{joint.lower}" '
            f'upper="{joint.upper}" velocity="{joint.velocity}"/>'
        )
        parts.append(_joint(joint.name, "revolute", parent, child, joint.xyz, joint.rpy, limit))
        parent = child
    for finger in arm.fingers:
        parts.append(_finger(arm, finger, parent, writer, fingers_move))
    return f'<?xml version="1.0"?>\n<robot name="{arm.name}">\n{"".join(parts)}</robot>\n'


class _Shapes:
    """Writes shapes as URDF text: each is seen and touched, meshes perhaps by other files."""

    def __init__(self, folder: str, touched: Mapping[str, str], seen: Mapping[str, str], colour: Vector) -> None:
        self._folder, self._touched, self._seen = folder, touched, seen
        rgba = " ".join(map(str, (*colour, 1)))
        self._material = f'<material name="arm"><color rgba="{rgba}"/></material>'

    def text(self, shapes: tuple[Shape, ...], xyz: Vector = (0, 0, 0), rpy: Vector = (0, 0, 0)) -> str:
        """Return the text of ``shapes`` of a part whose frame lies at ``xyz``, ``rpy`` of its link."""
        text = ""
        for shape in shapes:
            origin = _origin(*placed(shape, xyz, rpy))
            seen, touched = self._geometry(shape, self._seen), self._geometry(shape, self._touched)
            text += f"<visual>{origin}<geometry>{seen}</geometry>{self._material}</visual>"
            text += f"<collision>{origin}<geometry>{touched}</geometry></collision>"
        return text

    def _geometry(self, shape: Shape, files: Mapping[str, str]) -> str:
        if isinstance(shape, Mesh):
            return f'<mesh filename="{files.get(shape.file, f"{self._folder}/{shape.file}")}"/>'
        if isinstance(shape, Box):
            return f'<box size="{shape.size[0]} {shape.size[1]} {shape.size[2]}"/>'
        if isinstance(shape, Cylinder):
            return f'<cylinder radius="{shape.radius}" length="{shape.length}"/>'
        return f'<sphere radius="{shape.radius}"/>'


def placed(shape: Shape, xyz: Vector, rpy: Vector) -> tuple[Vector, Vector]:
    """Return position and orientation in the link of a shape of a part at ``xyz``, ``rpy``."""
    if rpy == (0, 0, 0):
        x, y, z = (a + b for a, b in zip(xyz, shape.xyz, strict=True))
        return (x, y, z), shape.rpy
    outer = rotation_from_rpy(rpy)
    x, y, z = (np.array(xyz) + outer @ np.array(shape.xyz)).tolist()
    return (x, y, z), rpy if shape.rpy == (0, 0, 0) else rpy_from_rotation(outer @ rotation_from_rpy(shape.rpy))


def rpy_from_rotation(rotation: Array) -> Vector:
    """Return fixed-axis roll, pitch, yaw [rad] of a rotation (3, 3); the inverse of ``rotation_from_rpy``."""
    pitch = float(np.arctan2(-rotation[2, 0], np.hypot(rotation[0, 0], rotation[1, 0])))
    if abs(rotation[2, 0]) > 1.0 - 1e-12:  # roll and yaw turn about the same axis
        return 0.0, pitch, float(np.arctan2(-rotation[0, 1], rotation[1, 1]))
    return (
        float(np.arctan2(rotation[2, 1], rotation[2, 2])),
        pitch,
        float(np.arctan2(rotation[1, 0], rotation[0, 0])),
    )


def _meshes(arm: Arm) -> Iterator[Mesh]:
    groups = [arm.base_shapes, *(joint.shapes for joint in arm.joints), arm.hand_shapes]
    groups += [finger.shapes for finger in arm.fingers]
    return (shape for shapes in groups for shape in shapes if isinstance(shape, Mesh))


def _finger(arm: Arm, finger: Finger, parent: str, writer: _Shapes, moves: bool) -> str:
    rotation = rotation_from_rpy(arm.hand_rpy)
    x, y, z = (np.array(arm.hand_xyz) + rotation @ np.array(finger.xyz)).tolist()
    axis = " ".join(map(str, finger.axis))
    limit = f'<axis xyz="{axis}"/><limit effort="70" lower="0" upper="{finger.stroke}" velocity="0.2"/>'
    link = _link(finger.name, finger.inertia, writer.text(finger.shapes))
    kind = "prismatic" if moves else "fixed"
    rest = limit if moves else ""
    return link + _joint(f"{finger.name}_joint", kind, parent, finger.name, (x, y, z), arm.hand_rpy, rest)


def _origin(xyz: Vector, rpy: Vector) -> str:
    return f'<origin xyz="{xyz[0]} {xyz[1]} {xyz[2]}" rpy="{rpy[0]} {rpy[1]} {rpy[2]}"/>'


def _link(name: str, inertia: Inertia, shapes: str) -> str:
    xx, yy, zz, xy, xz, yz = inertia.tensor
    mass = (
        f'<inertial>{_origin(inertia.com, (0, 0, 0))}<mass value="{inertia.mass}"/>'
        f'<inertia ixx="{xx}" iyy="{yy}" izz="{zz}" ixy="{xy}" ixz="{xz}" iyz="{yz}"/></inertial>'
    )
    return f'<link name="{name}">{mass}{shapes}</link>\n'


def _joint(name: str, kind: str, parent: str, child: str, xyz: Vector, rpy: Vector, rest: str) -> str:
    return (
        f'<joint name="{name}" type="{kind}">{_origin(xyz, rpy)}<parent link="{parent}"/><child link="{child}"/>'
        f"{rest}</joint>\n"
    )
