"""Units of measurement that logs and mappings of robots may be written in, and what each is in SI.

A conversion happens only where a file names the unit: nothing is guessed from values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim2real_envs.parameters import Array

QUATERNION = ("qx", "qy", "qz", "qw")
"""Units of the components of a quaternion: they say the order, which is xyzw once it is read."""


@dataclass(frozen=True)
class Unit:
    """A unit: ``si = scale * value + offset``, in the unit called ``si``."""

    si: str
    scale: float = 1.0
    offset: float = 0.0

    def to_si(self, values: Array) -> Array:
        """Return values of this unit in SI; those of an SI unit unchanged, to the bit."""
        return values if self == Unit(self.si) else self.scale * values + self.offset


_DEGREE = math.pi / 180.0
_TURN = 2.0 * math.pi
_OF_SI: Mapping[str, Mapping[str, float]] = {
    "-": {"1": 1.0, "%": 0.01},
    "m": {"um": 1e-6, "mm": 1e-3, "cm": 1e-2, "in": 0.0254},
    "rad": {"mrad": 1e-3, "deg": _DEGREE, "turn": _TURN},
    "s": {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "min": 60.0},
    "Hz": {"kHz": 1e3},
    "m/s": {"mm/s": 1e-3, "cm/s": 1e-2},
    "rad/s": {"mrad/s": 1e-3, "deg/s": _DEGREE, "turn/s": _TURN, "rpm": _TURN / 60.0},
    "m/s2": {"mm/s2": 1e-3, "g0": 9.80665},
    "rad/s2": {"deg/s2": _DEGREE},
    "N": {"mN": 1e-3, "kN": 1e3},
    "Nm": {"mNm": 1e-3, "Ncm": 1e-2, "Nmm": 1e-3},
    "kg": {"g": 1e-3},
    "V": {"mV": 1e-3},
    "A": {"mA": 1e-3},
    "W": {"mW": 1e-3},
    "Pa": {"kPa": 1e3, "bar": 1e5},
    "N/m": {"N/mm": 1e3},
    "N s/m": {},
    "Nm/rad": {"Nm/deg": 1.0 / _DEGREE},
    "Nm s/rad": {"Nm s/deg": 1.0 / _DEGREE},
    "kg m2": {"kg cm2": 1e-4, "g cm2": 1e-7},
}
UNITS: Mapping[str, Unit] = MappingProxyType(
    {si: Unit(si) for si in (*_OF_SI, *QUATERNION, "K")}
    | {name: Unit(si, scale) for si, names in _OF_SI.items() for name, scale in names.items()}
    | {"degC": Unit("K", 1.0, 273.15)}
)
"""Every unit by its name in a file; ``"-"`` is a pure number, ``"g0"`` standard gravity."""
