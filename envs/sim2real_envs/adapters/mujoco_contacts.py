"""Whether a geom's friction can be felt at all.

MuJoCo takes, for two geoms that touch, the friction of the one of higher priority, or else the larger one of both,
component by component; the contact has as many components as the larger ``condim`` of the two asks for (MuJoCo
documentation, "Computation", section "Contact"). A friction below that of everything it touches is the field's
commonest silent no-op.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim2real_envs.errors import ParameterError

if TYPE_CHECKING:
    from sim2real_envs.adapters.mujoco import Mapped

_DIMENSIONS = (3, 4, 6)  # condim from which sliding, spinning and rolling friction act


def check_friction(model: Any, every: Sequence[Mapped]) -> None:
    """Refuse the friction of single geoms that can change nothing; warn where a part of the range does not.

    Raises:
        ParameterError: If a geom touches nothing, or everything that it touches has a friction that outweighs its own.
    """
    for mapped in every:
        if mapped.slots.name == "geom_friction" and len(set(mapped.slots.rows.tolist())) == 1:
            _check(model, mapped, every)


def _check(model: Any, mapped: Mapped, every: Sequence[Mapped]) -> None:
    geom, component = divmod(int(mapped.slots.flat[0]), 3)
    name, text = mapped.parameter.name, mapped.slots.text
    partners = [other for other in range(model.ngeom) if _touch(model, geom, other)]
    if not partners:
        raise ParameterError(f"{name!r}: {text!r} changes nothing, for that geom collides with no other.")
    asked = _DIMENSIONS[component]
    felt = [other for other in partners if _condim(model, geom, other) >= asked]
    if not felt:
        raise ParameterError(
            f"{name!r}: {text!r} changes nothing, for its contacts have condim {_condim(model, geom, partners[0])}; "
            f"friction component {component} acts from condim {asked} on."
        )
    weakest = min(_outweighs(model, geom, other, component, every) for other in felt)
    low, high = (float(mapped.values(end)[0]) for end in (mapped.parameter.low, mapped.parameter.high))
    if high <= weakest:
        raise ParameterError(
            f"{name!r}: {text!r} changes nothing up to {high:g}: MuJoCo takes the larger friction of two geoms, and "
            f"all that this one touches have at least {weakest:g}. Map theirs, or 'geom_friction[:,{component}]', a "
            "scale of all."
        )
    if low < weakest:
        warnings.warn(
            f"{name!r}: {text!r} changes nothing from {low:g} to {weakest:g}: MuJoCo takes the larger friction of two "
            f"geoms, and all that this one touches have at least {weakest:g}.",
            UserWarning,
            stacklevel=2,
        )


def _touch(model: Any, geom: int, other: int) -> bool:
    """Return whether two geoms may collide by MuJoCo's rules, explicit pairs and exclusions aside."""
    bodies = [int(model.geom_bodyid[each]) for each in (geom, other)]
    welds = [int(model.body_weldid[body]) for body in bodies]
    if welds[0] == welds[1]:
        return False
    parents = [int(model.body_weldid[model.body_parentid[weld]]) for weld in welds]
    if 0 not in welds and (parents[0] == welds[1] or parents[1] == welds[0]):
        return False
    types, affinities = model.geom_contype, model.geom_conaffinity
    return bool(types[geom] & affinities[other]) or bool(types[other] & affinities[geom])


def _condim(model: Any, geom: int, other: int) -> int:
    return int(max((model.geom_priority[each], model.geom_condim[each]) for each in (geom, other))[1])


def _outweighs(model: Any, geom: int, other: int, component: int, every: Sequence[Mapped]) -> float:
    """Return the friction up to which ``other`` decides."""
    if model.geom_priority[geom] != model.geom_priority[other]:
        return math.inf if model.geom_priority[other] > model.geom_priority[geom] else -math.inf
    place = 3 * other + component
    for mapped in every:
        if mapped.slots.name == "geom_friction" and place in mapped.slots.flat:
            index = mapped.slots.flat.tolist().index(place)
            return float(mapped.values(mapped.parameter.low)[index])
    return float(model.geom_friction[other, component])
