"""Parameters of any Gymnasium environment that runs on MuJoCo, by names of fields of its compiled model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim2real_envs.adapters.attributes import reach
from sim2real_envs.adapters.base import FREE, Env, Range, check_names, make_parameter
from sim2real_envs.adapters.mujoco_contacts import check_friction
from sim2real_envs.adapters.mujoco_mapping import Slots, find_slots
from sim2real_envs.errors import MissingDependencyError, OptionError, ParameterError, StateError
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace


@dataclass(frozen=True)
class MujocoParameters:
    """Names for numbers of a MuJoCo model: ``{"object.friction": "geom_friction[cube,0]"}``.

    A mapping is ``"field[element,component]"``. The field is one of ``sim2real_envs.adapters.mujoco_fields.FIELDS``,
    the element a name or a number, the component a number; ``:`` means all, and what is left out is all.

    ===========================  =======================================================================
    ``"body_mass[torso]"``       a mass [kg]; the body's inertia grows in proportion, as that of another
                                 density, unless ``body_inertia`` of it is mapped, too
    ``"geom_friction[cube,0]"``  sliding friction; MuJoCo takes the larger one of two geoms that touch
    ``"geom_friction[:,0]"``     a scale of the sliding friction of all geoms, nominal 1
    ``"dof_damping[knee]"``      damping of a joint [Nm s/rad]; of a free joint, a scale of all six
    ``"actuator_gear[0,0]"``     the gear of the first actuator
    ``"opt.gravity[2]"``         gravity along z [m/s2]
    ===========================  =======================================================================

    A mapping to one number sets that number, in its own unit. A mapping to several is a *scale* of them all, since a
    parameter is one number: each is nominal times the draw. What MuJoCo derives from masses, armatures and gears is
    derived anew (``mj_setConst``).

    Args:
        mapping: Names of parameters to fields.
        ranges: (low, high) of some names; the others get ``nominal *U(0.5, 1.5)``. Where a range does not contain the
            environment's own value, its nearest end is nominal.
        model: Where the ``mjModel`` is: attributes from ``env.unwrapped`` on, such as ``"sim.model"``.

    Raises:
        OptionError: When it is bound, if a mapping is not of this form, names a thing out of range, or two overlap.
        UnknownNameError: When it is bound, if a field, body, geom, joint ... does not exist.
        ParameterError: When it is bound, if a range is not allowed, or if the parameter can change nothing.
    """

    mapping: Mapping[str, str]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    model: str = "model"

    def __post_init__(self) -> None:
        check_names(self.mapping, self.ranges)

    def bind(self, env: Env) -> MujocoPart:
        """Return the parameters of ``env``."""
        return MujocoPart(self, env)


@dataclass(frozen=True)
class Mapped:
    """A parameter and the numbers that it sets: to its value, or to their nominal values (s,) times its value."""

    parameter: Parameter
    slots: Slots
    nominal: Array

    @property
    def is_scale(self) -> bool:
        """Whether it scales several numbers."""
        return len(self.nominal) > 1

    def values(self, draw: float) -> Array:
        """Return the numbers (s,) of one value of the parameter."""
        return self.nominal * draw if self.is_scale else np.array([draw])

    def read(self, model: Any) -> float:
        """Return the value of the parameter that acts now."""
        values = self.slots.read(model)
        if not self.is_scale:
            return float(values[0])
        largest = int(np.argmax(np.abs(self.nominal)))
        return float(values[largest] / self.nominal[largest])


class MujocoPart:
    """``MujocoParameters`` of one environment; keeps the ``Part`` contract.

    Args:
        adapter: The mapping.
        env: The environment, every number of its model nominal.
    """

    def __init__(self, adapter: MujocoParameters, env: Env) -> None:
        self._adapter, self._env = adapter, env
        self._model = self._reach()
        self._mapped = [
            _map(self._model, name, text, adapter.ranges.get(name)) for name, text in adapter.mapping.items()
        ]
        _check_overlap(self._mapped)
        check_friction(self._model, self._mapped)
        self._space = ParameterSpace(mapped.parameter for mapped in self._mapped)
        self._constants = _constants(self._model) if any(m.slots.field.weighs for m in self._mapped) else None
        self._masses, self._inertias = np.copy(self._model.body_mass), np.copy(self._model.body_inertia)
        self._heavy = _bodies(self._model, self._mapped, "body_mass") - _bodies(
            self._model, self._mapped, "body_inertia"
        )

    def _reach(self) -> Any:
        model = reach(self._env.unwrapped, self._adapter.model)
        if not (hasattr(model, "body_mass") and hasattr(model, "opt")):
            raise OptionError(
                f"{self._env} has no MuJoCo model at {self._adapter.model!r}, counted from env.unwrapped. Say where "
                "its mjModel is, such as model='sim.model'; for an environment without MuJoCo see AttributeParameters."
            )
        return model

    @property
    def parameters(self) -> ParameterSpace:
        """The names of the mapping, nominal values as the environment had them."""
        return self._space

    def apply(self, domain: Domain) -> None:
        """Set every number.

        Raises:
            StateError: If the environment has made another model since it was bound.
        """
        if self._reach() is not self._model:
            raise StateError(
                f"{self._env} made a new MuJoCo model, and what was set in the old one is lost. Environments that "
                "compile their model at every reset need their own adapter; see sim2real_envs.adapters.Adapter."
            )
        for mapped in self._mapped:
            mapped.slots.write(self._model, mapped.values(domain[mapped.parameter.name]))
        for body in sorted(self._heavy):
            self._model.body_inertia[body] = self._inertias[body] * (self._model.body_mass[body] / self._masses[body])
        if self._constants is not None:
            self._constants.renew()

    def applied(self) -> dict[str, float]:
        """Read every value from the model that the environment has now."""
        model = self._reach()
        return {mapped.parameter.name: mapped.read(model) for mapped in self._mapped}


def _map(model: Any, name: str, text: str, given: Range | None) -> Mapped:
    slots = find_slots(model, name, text)
    if slots.field.kind == "body" and not model.body_weldid[slots.rows].any():
        raise ParameterError(f"{name!r}: {text!r} changes nothing, for that body cannot move.")
    nominal = slots.read(model)  # (s,)
    if len(nominal) > 1 and not nominal.any():
        raise ParameterError(f"{name!r}: {text!r} are all 0 in this model, and a scale of 0 changes nothing. Map one.")
    if len(nominal) > 1:
        parameter = make_parameter(name, 1.0, given, limits=(0.0, FREE[1]), doc=f"Scale of {text}.")
    else:
        facts = slots.field
        parameter = make_parameter(
            name, float(nominal[0]), given, limits=facts.limits, unit=facts.unit, doc=f"MuJoCo's {text}."
        )
    return Mapped(parameter, slots, nominal)


def _check_overlap(every: list[Mapped]) -> None:
    owner: dict[tuple[str, int], Mapped] = {}
    for mapped in every:
        for place in mapped.slots.flat.tolist():
            other = owner.setdefault((mapped.slots.name, place), mapped)
            if other is not mapped:
                raise OptionError(
                    f"{other.parameter.name!r} ({other.slots.text}) and {mapped.parameter.name!r} "
                    f"({mapped.slots.text}) set the same number. A number can belong to one parameter only."
                )


def _bodies(model: Any, every: list[Mapped], name: str) -> set[int]:
    """Return the bodies whose number of this field is mapped, but those without a mass."""
    rows = {int(row) for mapped in every if mapped.slots.name == name for row in mapped.slots.rows}
    return {row for row in rows if model.body_mass[row] > 0.0}


def _constants(model: Any) -> Any:
    try:
        from sim2real_envs.backends.mujoco_constants import MujocoConstants
    except ImportError as error:
        raise MissingDependencyError(
            "Masses of a MuJoCo model need MuJoCo's Python package: pip install 'sim2real[mujoco]'."
        ) from error
    return MujocoConstants(model)
