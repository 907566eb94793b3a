"""A scene as MJCF text: the same arm, masses, shapes and laws as the other engine has, in MuJoCo's own terms.

Nothing collides by MuJoCo's own rules (``contype`` is 0): every pair that may touch is named, because only a named
pair has its own coefficients, and Bullet's are the product of the partners' where MuJoCo would take the larger one.
Meshes collide as their convex hulls. The hand is merged into the last link, as it is in the URDF.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pybullet_data

from sim2real_envs.arms.base import Arm, Box, Cylinder, Inertia, Mesh, Shape, Vector
from sim2real_envs.arms.meshes import merged_vertices
from sim2real_envs.arms.urdf import merged, placed
from sim2real_envs.gripper import FINGER_MASS
from sim2real_envs.kinematics import rotation_from_rpy
from sim2real_envs.scene import Body, Scene

TABLE, BASE, GRIP = "table", "base", "grip"
MOTOR, RACK = "motor", "rack"  # the gripper's tendons
WALLS = ("wall_x+", "wall_x-", "wall_y+", "wall_y-")
COM_PLACEHOLDER = (
    1e-3  # [m]: an object compiled with its centre of mass in its middle could not have it elsewhere later
)
_FEET, _FOOT = 6, 0.001  # number and radius [m] of the balls that a cylinder stands on
_PARKED = (0.0, 0.0, -5.0)

# In MuJoCo's convex cone what slides at speed v along a contact leaves it at mu v, and a pushed cube would hop. With
# this impratio the main solver sees next to no friction; the noslip pass finds it under the normal forces, as Bullet.
_FRICTION = 'cone="elliptic" impratio="0.001" iterations="50" tolerance="1e-10" noslip_iterations="10"'


@dataclass(frozen=True)
class Pair:
    """Two geoms that may touch; ``kind`` says whose they are: object, arm, table, wall, joined by a hyphen."""

    first: str
    second: str
    kind: str

    @property
    def name(self) -> str:
        """Name of the pair in the model."""
        return f"{self.first}:{self.second}"


def mjcf_text(scene: Scene, timestep: float = 0.002) -> str:
    """Return the scene as MJCF text, every number nominal; ``mesh_files`` are the files that it names.

    The gains are the arm's own; friction, viscous damping and everything that is randomized are set in the compiled
    model, from ``ParameterSpace`` values.

    Args:
        scene: What stands where.
        timestep: Physics step [s].

    Raises:
        OptionError: If fingers shall move that cannot.
    """
    arm = scene.arm
    if scene.fingers_move:
        arm.require_grasp("A hand that opens")
    pairs = "".join(f'<pair name="{p.name}" geom1="{p.first}" geom2="{p.second}"/>\n' for p in contact_pairs(scene))
    return (
        f'<mujoco model="{arm.name}">\n'
        '<compiler angle="radian" eulerseq="XYZ" autolimits="true"/>\n'
        f'<option timestep="{timestep!r}" integrator="implicitfast" jacobian="dense" {_FRICTION}>\n'
        f'<flag autoreset="disable" island="disable" multiccd="{_many_points(scene)}"/></option>\n'
        '<default><geom contype="0" conaffinity="0"/>'
        '<joint solreflimit="0.004 1" solimplimit="0.99 0.99 0.001" '
        'solreffriction="0.001 1" solimpfriction="0.9999 0.9999 0.001"/></default>\n'
        f"<asset>\n{''.join(_assets(arm))}</asset>\n"
        f"<worldbody>\n{_box(scene.table)}{_hole(scene)}{_arm(scene)}"
        f"{''.join(_free_body(body) for body in scene.objects)}</worldbody>\n"
        f"<contact>\n{pairs}</contact>\n{_tendons(scene)}<actuator>\n{_actuators(scene)}</actuator>\n"
        f"<sensor>\n{_sensors(scene)}</sensor>\n</mujoco>\n"
    )


def mesh_files(arm: Arm) -> dict[str, bytes]:
    """Return the mesh files that ``mjcf_text`` names: file name to content; the finest ones as coarse copies."""
    root, files = Path(pybullet_data.getDataPath()) / arm.mesh_folder, dict[str, bytes]()
    for mesh in _meshes(arm):
        content = (root / mesh.file).read_bytes()
        files[_file(mesh)] = merged_vertices(content, mesh.cell).encode() if mesh.cell > 0.0 else content
    return files


def contact_pairs(scene: Scene) -> tuple[Pair, ...]:
    """Return every pair that may touch; the arm does not touch itself, and its base stands still like the table."""
    arm = [name for name, _ in _named_shapes(scene)]
    moving = [name for name in arm if not name.startswith(f"{BASE}.")]
    objects = [body.name for body in scene.objects]
    walls = WALLS if scene.hole is not None else ()
    found = [Pair(name, TABLE, "object-table") for name in objects]
    found += [Pair(name, TABLE, "object-table") for body in scene.objects for name in foot_names(body)]
    found += [Pair(first, second, "object-object") for first, second in combinations(objects, 2)]
    found += [Pair(first, second, "object-arm") for first, second in product(objects, arm)]
    found += [Pair(first, second, "object-wall") for first, second in product(objects, walls)]
    found += [Pair(name, TABLE, "arm-table") for name in moving]
    found += [Pair(first, second, "arm-wall") for first, second in product(moving, walls)]
    return tuple(found)


def _many_points(scene: Scene) -> str:
    """Return whether convex shapes touch in several points: needed to hold a cube, but not for cylinders.

    MuJoCo 4.0.0 then gives wrong normals at the rim of a cylinder (its issue 3748).
    """
    round_tool = any(isinstance(shape, Cylinder) for finger in scene.arm.fingers for shape in finger.shapes)
    round_body = any(body.shape == "cylinder" for body in scene.objects)
    return "disable" if round_tool or round_body else "enable"


def foot_names(body: Body) -> list[str]:
    """Return the names of the small balls along the lower rim of a cylinder, on which it stands.

    A cylinder touches a table in one point that wanders with the least tilt, where Bullet remembers four of them.
    """
    return [f"{body.name}.foot{index}" for index in range(_FEET)] if body.shape == "cylinder" else []


def touch_names(scene: Scene) -> list[list[str]]:
    """Return the names of the touch sensors: of each finger, one per object."""
    return [[f"touch:{finger.name}:{body.name}" for body in scene.objects] for finger in scene.arm.fingers]


def inertia_per_mass(body: Body, size: float) -> tuple[float, float, float]:
    """Return the moments of inertia of a box or an upright cylinder of 1 kg [m2], its edges scaled by ``size``."""
    x, y, z = (2.0 * extent * size for extent in body.half_extents)
    if body.shape == "cylinder":
        across = (0.75 * x * x + z * z) / 12.0
        return across, across, 0.125 * x * x
    return (y * y + z * z) / 12.0, (x * x + z * z) / 12.0, (x * x + y * y) / 12.0


# -- The arm -----------------------------------------------------------------------------------------------------


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


def _arm(scene: Scene) -> str:
    arm, inertias = scene.arm, link_inertias(scene)
    text = f'<body name="{BASE}">\n{_shapes(scene, BASE)}'
    for index, joint in enumerate(arm.joints):
        text += (
            f'<body name="link{index + 1}" {_frame(joint.xyz, joint.rpy)} gravcomp="1">{_inertial(inertias[index])}\n'
            f'<joint name="{joint.name}" axis="0 0 1" range="{joint.lower!r} {joint.upper!r}" '
            f'actuatorfrcrange="{-joint.effort!r} {joint.effort!r}" actuatorgravcomp="true"/>\n'
            f"{_shapes(scene, f'link{index + 1}')}"
        )
    rotation = rotation_from_rpy(arm.hand_rpy)
    for finger, inertia in zip(arm.fingers, inertias[arm.size :], strict=True):
        x, y, z = (np.array(arm.hand_xyz) + rotation @ np.array(finger.xyz)).tolist()
        text += f'<body name="{finger.name}" {_frame((x, y, z), arm.hand_rpy)} gravcomp="1">{_inertial(inertia)}\n'
        if scene.fingers_move:
            text += (
                f'<joint name="{finger.name}_joint" type="slide" axis="{_row(finger.axis)}" '
                f'range="0 {finger.stroke!r}"/>\n'
            )
        text += f"{_shapes(scene, finger.name)}</body>\n"
    return text + "</body>\n" * (arm.size + 1)


def _tendons(scene: Scene) -> str:
    """Return the gripper's motor, along the sum of the openings, and its rack, along their difference."""
    if not scene.fingers_move:
        return ""
    first, second = (f"{finger.name}_joint" for finger in scene.arm.fingers)
    return (
        f'<tendon>\n<fixed name="{MOTOR}"><joint joint="{first}" coef="1"/><joint joint="{second}" coef="1"/></fixed>\n'
        f'<fixed name="{RACK}" springlength="0" stiffness="1" damping="1">'
        f'<joint joint="{first}" coef="1"/><joint joint="{second}" coef="-1"/></fixed>\n</tendon>\n'
    )


def _actuators(scene: Scene) -> str:
    text = "".join(
        f'<general name="{joint.name}" joint="{joint.name}" biastype="affine" gainprm="{joint.stiffness!r}" '
        f'biasprm="0 {-joint.stiffness!r} {-joint.damping!r}"/>\n'
        for joint in scene.arm.joints
    )
    if scene.fingers_move:
        text += (
            f'<general name="{GRIP}" tendon="{MOTOR}" biastype="affine" gainprm="1" biasprm="0 -0.5 -0.5" '
            'forcerange="-1 1"/>\n'
        )
    return text


def _sensors(scene: Scene) -> str:
    text = "".join(
        f'<contact name="{name}" body1="{body.name}" body2="{finger.name}" reduce="netforce" data="force"/>\n'
        for finger, names in zip(scene.arm.fingers, touch_names(scene), strict=True)
        for body, name in zip(scene.objects, names, strict=True)
    )
    return text + f'<contact name="arm-table" geom1="{TABLE}" subtree2="{BASE}" data="found"/>\n'


# -- Shapes ------------------------------------------------------------------------------------------------------


def _named_shapes(scene: Scene) -> Iterator[tuple[str, Shape]]:
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
    rgba = _row((*scene.arm.colour, 1.0))
    return "".join(
        f'<geom name="{name}" {_geometry(shape)} {_frame(shape.xyz, shape.rpy)} rgba="{rgba}"/>\n'
        for name, shape in _named_shapes(scene)
        if name.rsplit(".", 1)[0] == body
    )


def _placed(shape: Shape, xyz: Vector, rpy: Vector) -> Shape:
    place, turn = placed(shape, xyz, rpy)
    return replace(shape, xyz=place, rpy=turn)


def _geometry(shape: Shape) -> str:
    if isinstance(shape, Mesh):
        return f'type="mesh" mesh="{_file(shape)}"'
    if isinstance(shape, Box):
        return f'type="box" size="{_row(0.5 * edge for edge in shape.size)}"'
    if isinstance(shape, Cylinder):
        return f'type="cylinder" size="{shape.radius!r} {0.5 * shape.length!r}"'
    return f'type="sphere" size="{shape.radius!r}"'


def _assets(arm: Arm) -> Iterator[str]:
    for file in dict.fromkeys(map(_file, _meshes(arm))):
        yield f'<mesh name="{file}" file="{file}" inertia="convex"/>\n'


def _file(mesh: Mesh) -> str:
    """Return the name of a mesh's file: a coarse copy is an OBJ."""
    return f"{Path(mesh.file).stem}.obj" if mesh.cell > 0.0 else mesh.file


def _meshes(arm: Arm) -> Iterator[Mesh]:
    groups = [arm.base_shapes, *(joint.shapes for joint in arm.joints), arm.hand_shapes]
    groups += [finger.shapes for finger in arm.fingers]
    return (shape for shapes in groups for shape in shapes if isinstance(shape, Mesh))


# -- Everything else ---------------------------------------------------------------------------------------------


def _box(body: Body) -> str:
    return (
        f'<geom name="{body.name}" type="box" size="{_row(body.half_extents)}" pos="{_row(body.position)}" '
        f'rgba="{_row((*body.colour, 1.0))}"/>\n'
    )


def _free_body(body: Body) -> str:
    size = f"{body.half_extents[0]!r} {body.half_extents[2]!r}"
    if body.shape == "box":
        size = _row(body.half_extents)
    inertia = Inertia(1.0, (COM_PLACEHOLDER, 0.0, 0.0), (*inertia_per_mass(body, 1.0), 0.0, 0.0, 0.0))
    return (
        f'<body name="{body.name}" pos="{_row(body.position)}"><freejoint name="{body.name}"/>{_inertial(inertia)}\n'
        f'<geom name="{body.name}" type="{body.shape}" size="{size}" rgba="{_row((*body.colour, 1.0))}"/>\n{_feet(body)}</body>\n'
    )


def _feet(body: Body) -> str:
    radius, _, half_height = body.half_extents
    angles = np.arange(_FEET) * 2.0 * np.pi / _FEET
    rim = radius - _FOOT
    places = np.stack([rim * np.cos(angles), rim * np.sin(angles), np.full(_FEET, _FOOT - half_height)], axis=1)
    rgba = _row((*body.colour, 1.0))
    return "".join(
        f'<geom name="{name}" type="sphere" size="{_FOOT!r}" pos="{_row(place)}" rgba="{rgba}"/>\n'
        for name, place in zip(foot_names(body), places.tolist(), strict=False)
    )


def _hole(scene: Scene) -> str:
    """Return the block with the hole: four walls on a body that is placed by its pose."""
    if scene.hole is None:
        return ""
    hole, half = scene.hole, scene.objects[0].half_extents
    widest = max(half[:2]) * 1.5 + 0.01
    wall, half_depth = 0.5 * hole.wall, 0.5 * hole.depth
    text = f'<body name="hole" mocap="true" pos="{_row(_PARKED)}">\n'
    for name, size in zip(WALLS, [(wall, widest)] * 2 + [(widest, wall)] * 2, strict=True):
        text += (
            f'<geom name="{name}" type="box" size="{_row((*size, half_depth))}" pos="0.1 0.1 {-half_depth!r}" '
            f'rgba="{_row((*hole.colour, 1.0))}"/>\n'
        )
    return text + "</body>\n"


def _inertial(inertia: Inertia) -> str:
    return f'<inertial pos="{_row(inertia.com)}" mass="{inertia.mass!r}" fullinertia="{_row(inertia.tensor)}"/>'


def _frame(xyz: Vector, rpy: Vector) -> str:
    return f'pos="{_row(xyz)}" euler="{_row(rpy)}"'


def _row(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
