"""The light of a picture: one far lamp and a glow from everywhere.

Shading is TinyRenderer's, so that what the engine draws and what is drawn here match:
colour x (ambient + lamp x (diffuse max(0, n.l) + specular max(0, r_z)^2)), with the lamp's direction l, the surface's
normal n and the mirrored direction r = 2 (n.l) n - l; ambient, diffuse and specular are scaled by the intensity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace

LIGHT_PARAMETERS = ParameterSpace(
    [
        Parameter("light.intensity", 1.0, 0.5, 2.0, (0.05, 10.0), "-", log=True, doc="*U on all light of the scene."),
        Parameter(
            "light.direction_azimuth", -0.9, -2.4, 0.6, (-math.pi, math.pi), "rad",
            doc="Where the lamp stands: angle about the vertical, from the robot's forward direction.",
        ),
        Parameter(
            "light.direction_elevation", 1.05, 0.6, 1.4, (0.2, 1.5), "rad", doc="The lamp's angle above the table."
        ),
        Parameter("light.ambient", 0.5, 0.3, 0.7, (0.0, 2.0), "-", doc="Light from everywhere."),
        Parameter("light.diffuse", 0.5, 0.3, 0.7, (0.0, 2.0), "-", doc="The lamp's light on a surface that faces it."),
        Parameter("light.specular", 0.05, 0.0, 0.2, (0.0, 2.0), "-", doc="The lamp's light that a surface mirrors."),
        Parameter("light.red", 1.0, 0.7, 1.3, (0.0, 3.0), "-", doc="The lamp's red."),
        Parameter("light.green", 1.0, 0.7, 1.3, (0.0, 3.0), "-", doc="The lamp's green."),
        Parameter("light.blue", 1.0, 0.7, 1.3, (0.0, 3.0), "-", doc="The lamp's blue."),
        Parameter(
            "light.shadow", 0.6, 0.0, 1.0, (0.0, 1.0), "-",
            doc="Share of the lamp's light that is missing where arm and objects shade the table.",
        ),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Light:
    """Light in force.

    Args:
        direction: Unit vector towards the lamp (3,), world frame.
        colour: The lamp's red, green, blue.
        intensity: Scales everything.
        ambient: Light from everywhere.
        diffuse: The lamp's light on a surface that faces it.
        specular: What a surface mirrors of it.
        shadow: Share of the lamp's light that is missing in a shadow.
    """

    direction: tuple[float, float, float]
    colour: tuple[float, float, float]
    intensity: float
    ambient: float
    diffuse: float
    specular: float
    shadow: float

    @classmethod
    def of(cls, domain: Domain) -> Light:
        """Return the light of a domain."""
        azimuth, elevation = domain["light.direction_azimuth"], domain["light.direction_elevation"]
        flat = math.cos(elevation)
        return cls(
            (flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)),
            (domain["light.red"], domain["light.green"], domain["light.blue"]),
            domain["light.intensity"],
            domain["light.ambient"],
            domain["light.diffuse"],
            domain["light.specular"],
            domain["light.shadow"],
        )

    def domain(self) -> dict[str, float]:
        """Return the parameters that this light belongs to."""
        x, y, z = self.direction
        red, green, blue = self.colour
        return {
            "light.intensity": self.intensity,
            "light.direction_azimuth": math.atan2(y, x),
            "light.direction_elevation": math.atan2(z, math.hypot(x, y)),
            "light.ambient": self.ambient,
            "light.diffuse": self.diffuse,
            "light.specular": self.specular,
            "light.red": red,
            "light.green": green,
            "light.blue": blue,
            "light.shadow": self.shadow,
        }

    def glow(self) -> float:
        """Return what reaches every surface."""
        return self.intensity * self.ambient

    def beam(self, normal: ArrayLike) -> Array:
        """Return what the lamp adds on a surface with unit ``normal`` (3,), per colour (3,)."""
        facing = float(np.dot(normal, self.direction))
        mirrored = 2.0 * facing * np.asarray(normal, dtype=np.float64)[2] - self.direction[2]
        strength = self.diffuse * max(0.0, facing) + self.specular * max(0.0, float(mirrored)) ** 2
        beam: Array = self.intensity * strength * np.array(self.colour)
        return beam
