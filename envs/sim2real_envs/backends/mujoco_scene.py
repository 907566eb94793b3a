"""A scene as MJCF text: the same arm, masses, shapes and laws as the other engine has, in MuJoCo's own terms.

Nothing collides by MuJoCo's own rules (``contype`` is 0): every pair that may touch is named, because only a named
pair has its own coefficients, and Bullet's are the product of the partners' where MuJoCo would take the larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from sim2real_envs.arms.base import Cylinder, Inertia
from sim2real_envs.backends.mujoco_arm import (
    BASE,
    actuators_text,
    arm_text,
    assets_text,
    inertial,
    named_shapes,
    row,
    tendons_text,
)
from sim2real_envs.scene import Body, Scene

TABLE = "table"
WALLS = ("wall_x+", "wall_x-", "wall_y+", "wall_y-")
# [m] an object compiled with its centre of mass in its middle could not have it elsewhere later
COM_PLACEHOLDER = 1e-3
_FEET, _FOOT = 6, 0.001  # number and radius [m] of the balls that a cylinder stands on
_PARKED = (0.0, 0.0, -5.0)

_SOLVER = 'cone="elliptic" iterations="50" tolerance="1e-10" noslip_iterations="10"'


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
    """Return the scene as MJCF text, every number nominal; ``mujoco_arm.mesh_files`` are the files that it names.

    The gains are the arm's own. Friction, softness and everything else that is randomized is set in the compiled model.
    ``robot_files.write_scene_mjcf`` writes a file that has those numbers in it.

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
        f'<option timestep="{timestep!r}" integrator="implicitfast" jacobian="dense" {_SOLVER}>\n'
        f'<flag autoreset="disable" island="disable" multiccd="{_many_points(scene)}"/></option>\n'
        '<default><geom contype="0" conaffinity="0"/>'
        '<joint solreflimit="0.004 1" solimplimit="0.99 0.99 0.001" '
        'solreffriction="0.001 1" solimpfriction="0.9999 0.9999 0.001"/></default>\n'
        f"<asset>\n{''.join(assets_text(arm))}</asset>\n"
        f"<worldbody>\n{_box(scene.table)}{_hole(scene)}{arm_text(scene)}"
        f"{''.join(_free_body(body) for body in scene.objects)}</worldbody>\n"
        f"<contact>\n{pairs}</contact>\n{tendons_text(scene)}<actuator>\n{actuators_text(scene)}</actuator>\n"
        f"<sensor>\n{_sensors(scene)}</sensor>\n</mujoco>\n"
    )


def contact_pairs(scene: Scene) -> tuple[Pair, ...]:
    """Return every pair that may touch; the arm does not touch itself, and its base stands still like the table."""
    arm = [name for name, _ in named_shapes(scene)]
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


# -- Bodies ------------------------------------------------------------------------------------------------------


def _box(body: Body) -> str:
    return (
        f'<geom name="{body.name}" type="box" size="{row(body.half_extents)}" pos="{row(body.position)}" '
        f'rgba="{row((*body.colour, 1.0))}"/>\n'
    )


def _free_body(body: Body) -> str:
    size = f"{body.half_extents[0]!r} {body.half_extents[2]!r}"
    if body.shape == "box":
        size = row(body.half_extents)
    inertia = Inertia(1.0, (COM_PLACEHOLDER, 0.0, 0.0), (*inertia_per_mass(body, 1.0), 0.0, 0.0, 0.0))
    return (
        f'<body name="{body.name}" pos="{row(body.position)}"><freejoint name="{body.name}"/>{inertial(inertia)}\n'
        f'<geom name="{body.name}" type="{body.shape}" size="{size}" rgba="{row((*body.colour, 1.0))}"/>\n'
        f"{_feet(body)}</body>\n"
    )


def _feet(body: Body) -> str:
    radius, _, half_height = body.half_extents
    angles = np.arange(_FEET) * 2.0 * np.pi / _FEET
    rim = radius - _FOOT
    places = np.stack([rim * np.cos(angles), rim * np.sin(angles), np.full(_FEET, _FOOT - half_height)], axis=1)
    rgba = row((*body.colour, 1.0))
    return "".join(
        f'<geom name="{name}" type="sphere" size="{_FOOT!r}" pos="{row(place)}" rgba="{rgba}"/>\n'
        for name, place in zip(foot_names(body), places.tolist(), strict=False)
    )


def _hole(scene: Scene) -> str:
    """Return the block with the hole: four walls on a body that is placed by its pose."""
    if scene.hole is None:
        return ""
    hole, half = scene.hole, scene.objects[0].half_extents
    widest = max(half[:2]) * 1.5 + 0.01
    wall, half_depth = 0.5 * hole.wall, 0.5 * hole.depth
    text = f'<body name="hole" mocap="true" pos="{row(_PARKED)}">\n'
    for name, size in zip(WALLS, [(wall, widest)] * 2 + [(widest, wall)] * 2, strict=True):
        text += (
            f'<geom name="{name}" type="box" size="{row((*size, half_depth))}" pos="0.1 0.1 {-half_depth!r}" '
            f'rgba="{row((*hole.colour, 1.0))}"/>\n'
        )
    return text + "</body>\n"


def _sensors(scene: Scene) -> str:
    text = "".join(
        f'<contact name="{name}" body1="{body.name}" body2="{finger.name}" reduce="netforce" data="force"/>\n'
        for finger, names in zip(scene.arm.fingers, touch_names(scene), strict=True)
        for body, name in zip(scene.objects, names, strict=True)
    )
    return text + f'<contact name="arm-table" geom1="{TABLE}" subtree2="{BASE}" data="found"/>\n'
