"""From ``"geom_friction[cube,0]"`` to the numbers of a compiled model that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.adapters.mujoco_fields import FIELDS, Field, dofs_of, names_of
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import Array

_FORM = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(?:\[(.*)\])?\s*", re.DOTALL)
_EVERY = ":"


@dataclass(frozen=True)
class Slots:
    """Numbers of one field.

    Args:
        text: The mapping as it was written.
        name: Of the field.
        field: What it is.
        flat: Places in the flattened array (s,).
        rows: The number of the body, geom, joint ... of each place (s,).
    """

    text: str
    name: str
    field: Field
    flat: NDArray[np.int64]
    rows: NDArray[np.int64]

    def read(self, model: Any) -> Array:
        """Return the numbers (s,) that act now."""
        values: Array = np.atleast_1d(_holder(model, self.name)).ravel()[self.flat].astype(np.float64)
        return values

    def write(self, model: Any, values: Array) -> None:
        """Set the numbers (s,)."""
        array = _holder(model, self.name)
        if isinstance(array, np.ndarray):
            array.flat[self.flat] = values
        else:  # a single option such as opt.viscosity
            setattr(model.opt, self.name.removeprefix("opt."), float(values[0]))


def find_slots(model: Any, parameter: str, text: str) -> Slots:
    """Return the numbers that ``text`` names in ``model``.

    Args:
        model: An ``mjModel``.
        parameter: The name that the text was given for, for messages.
        text: ``"field[element,component]"``; element is a name, a number or ``:``, component a number or ``:``.

    Raises:
        OptionError: If the text is not of this form, or a number is too large.
        UnknownNameError: If there is no such field, or no such body, geom, joint ...
    """
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise OptionError(
            f"{parameter!r} must be mapped to 'field[name_or_number,component]', such as 'geom_friction[cube,0]', "
            f"'body_mass[torso]', 'dof_damping[:]' or 'opt.gravity[2]', but got {text!r}."
        )
    name, inside = match.group(1), match.group(2)
    if name == "opt.timestep":
        raise OptionError(
            f"{parameter!r}: {text!r} would change the control period of the environment, too, and cannot be mapped."
        )
    if name not in FIELDS:
        place = f"a field of a MuJoCo model that can be randomized (in {parameter!r}: {text!r})"
        raise UnknownNameError(name, place, FIELDS)
    field = FIELDS[name]
    array = np.atleast_1d(_holder(model, name))
    places = np.arange(array.size, dtype=np.int64).reshape(array.shape)
    where = f"{parameter!r}: {text!r}"
    if inside is None or not inside.strip():
        inside = _EVERY
    if field.kind == "opt":
        chosen = _component(places, inside.strip(), where)
    else:
        chosen = _element(model, field.kind, places, inside, where)
    if chosen.size == 0:
        raise OptionError(f"{where} names nothing: the model has no {field.kind}.")
    flat = chosen.ravel()
    return Slots(text, name, field, flat, flat // array.shape[1] if array.ndim == 2 else flat)


def _holder(model: Any, name: str) -> Any:
    """Return the array, or the single number, of a field."""
    return getattr(model.opt, name.removeprefix("opt.")) if name.startswith("opt.") else getattr(model, name)


def _element(model: Any, kind: str, places: NDArray[np.int64], inside: str, where: str) -> NDArray[np.int64]:
    """Return the places that ``"element"`` or ``"element,component"`` names."""
    names, whole = names_of(model, kind), inside.strip()
    element, component = whole, _EVERY
    if whole not in names and "," in whole:
        element, _, component = (part.strip() for part in whole.rpartition(","))
    if kind == "dof":
        if element == _EVERY and component != _EVERY:
            raise OptionError(f"{where}: name a joint to choose the component {component!r} of.")
        return _component(places[_degrees(model, names, element, where)], component, where)
    rows = places[_row(names, kind, element, where)]
    if rows.ndim == 1 and places.ndim == 1:  # one number each
        if component not in (_EVERY, "0"):
            raise OptionError(f"{where}: there is one number for each {kind}, so no component {component!r}.")
        return rows
    return _component(rows, component, where)


def _row(names: list[str], kind: str, element: str, where: str) -> slice:
    if element == _EVERY:
        return slice(None)
    if element in names:
        number = names.index(element)
    else:
        number = _number(element, len(names), kind, where) if _is_number(element) else -1
    if number < 0:
        known = [name or str(index) for index, name in enumerate(names)]
        raise UnknownNameError(element, f"the name of any {kind} here (in {where})", known)
    return slice(number, number + 1)


def _degrees(model: Any, joints: list[str], element: str, where: str) -> slice:
    """Return the degrees of freedom of a joint, or the one of a number."""
    if element == _EVERY:
        return slice(None)
    if element not in joints and _is_number(element):
        number = _number(element, int(model.nv), "degree of freedom", where)
        return slice(number, number + 1)
    if element not in joints:
        known = [name or str(dofs_of(model, index).start) for index, name in enumerate(joints)]
        raise UnknownNameError(element, f"the name of any joint here (in {where})", known)
    dofs = dofs_of(model, joints.index(element))
    return slice(dofs.start, dofs.stop)


def _component(rows: NDArray[np.int64], component: str, where: str) -> NDArray[np.int64]:
    if component == _EVERY:
        return rows
    if not _is_number(component):
        raise OptionError(
            f"{where}: component must be a number from 0 to {rows.shape[-1] - 1} or ':', but got {component!r}."
        )
    return rows[..., _number(component, rows.shape[-1], "component", where)]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def _number(text: str, count: int, what: str, where: str) -> int:
    number = int(text)
    if not 0 <= number < count:
        raise OptionError(f"{where}: {what} must be a number from 0 to {count - 1}, but got {number}.")
    return number
