"""Which numbers of a compiled MuJoCo model may be changed, and what they are.

Only what still acts when it is changed after compilation. Sizes, positions of geoms and centres of mass are not
here: the compiler bakes them into bounding volumes, frames and sparsity patterns, and a change would be felt by some
of the engine's code and not by the rest. The timestep is not here because it is the control period of a Gymnasium
environment, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sim2real_envs.adapters.base import FREE, Range

_POSITIVE: Range = (0.0, FREE[1])
_SHARE: Range = (0.0, 1.0)


@dataclass(frozen=True)
class Field:
    """One array of ``mjModel`` or ``mjOption``.

    Args:
        kind: What its rows belong to: ``"body"``, ``"geom"``, ``"joint"``, ``"dof"``, ``"actuator"``, ``"tendon"``, or
            ``"opt"`` for options, which have no rows.
        unit: SI unit of its numbers.
        limits: What physics allows.
        weighs: Whether MuJoCo derives constants from it, which are then derived anew.
    """

    kind: str
    unit: str
    limits: Range = _POSITIVE
    weighs: bool = False


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "body_mass": Field("body", "kg", (1e-9, FREE[1]), weighs=True),
        "body_inertia": Field("body", "kg m2", (1e-15, FREE[1]), weighs=True),
        "geom_friction": Field("geom", "-"),  # rolling and spinning friction in m
        "geom_solref": Field("geom", "s", FREE),  # time constant and damping ratio, or minus stiffness and damping
        "geom_solimp": Field("geom", "-", _POSITIVE),
        "jnt_stiffness": Field("joint", "Nm/rad"),
        "dof_damping": Field("dof", "Nm s/rad"),
        "dof_armature": Field("dof", "kg m2", weighs=True),
        "dof_frictionloss": Field("dof", "Nm"),
        "actuator_gear": Field("actuator", "-", FREE, weighs=True),
        "actuator_gainprm": Field("actuator", "-", FREE),
        "actuator_biasprm": Field("actuator", "-", FREE),
        "tendon_stiffness": Field("tendon", "N/m"),
        "tendon_damping": Field("tendon", "N s/m"),
        "tendon_frictionloss": Field("tendon", "N"),
        "opt.gravity": Field("opt", "m/s2", FREE),
        "opt.wind": Field("opt", "m/s", FREE),
        "opt.density": Field("opt", "kg/m3"),
        "opt.viscosity": Field("opt", "Pa s"),
    }
)


def names_of(model: Any, kind: str) -> list[str]:
    """Return the names of all things of a kind, in the order of their numbers; ``""`` where one has none."""
    if kind == "dof":
        kind = "joint"
    count = {"body": "nbody", "geom": "ngeom", "joint": "njnt", "tendon": "ntendon"}
    number = len(model.actuator_gear) if kind == "actuator" else getattr(model, count[kind])
    accessor = getattr(model, kind)
    return [str(accessor(index).name) for index in range(number)]


def dofs_of(model: Any, joint: int) -> range:
    """Return the degrees of freedom of a joint."""
    first = int(model.jnt_dofadr[joint])
    behind = [int(address) for address in model.jnt_dofadr if address > first]
    return range(first, min(behind, default=int(model.nv)))
