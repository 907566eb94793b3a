"""What surfaces look like: colours moved in hue, and textures that are functions of a place.

A texture is a function of the point itself, so it needs no image, no unwrapping and no engine, and sticks to its body.
"""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.parameters import Parameter, ParameterSpace
from sim2real_envs.scene import Colour

Image = NDArray[np.float32]

TABLE_APPEARANCE = ParameterSpace(
    [
        Parameter(
            "appearance.table_hue", 0.0, -0.3, 0.3, (-0.49, 0.49), "-",
            doc="Turns by which the hue of the table is moved.",
        ),
        Parameter("appearance.table_texture", 0.0, 0.0, 1.0, (0.0, 1.0), "-", doc="Contrast of the table's grain."),
    ]
)  # fmt: skip
ROOM_APPEARANCE = ParameterSpace(
    [
        Parameter(
            "appearance.background", 0.0, 0.0, 1.0, (0.0, 1.0), "-",
            doc="Colour of the room: from light grey through saturated colours to dark.",
        ),
        Parameter(
            "appearance.background_texture", 0.0, 0.0, 1.0, (0.0, 1.0), "-", doc="Contrast of the clutter in the room."
        ),
    ]
)  # fmt: skip
OBJECT_APPEARANCE = ParameterSpace(
    [
        Parameter(
            "appearance.object_hue", 0.0, -0.3, 0.3, (-0.49, 0.49), "-",
            doc="Turns by which the hue of the objects is moved.",
        ),
        Parameter(
            "appearance.object_texture", 0.0, 0.0, 1.0, (0.0, 1.0), "-", doc="Contrast of stripes on the objects."
        ),
    ]
)  # fmt: skip

_GRAIN_DEPTH, _STRIPE_DEPTH, _CLUTTER_DEPTH = 0.55, 0.7, 0.8  # share of the light that a full texture takes away


def is_grey(colour: Colour) -> bool:
    """Return whether ``colour`` has no hue that could be moved."""
    return max(colour) - min(colour) < 0.01


def hue_moved(colour: Colour, turns: float) -> Colour:
    """Return ``colour`` with its hue moved by ``turns``; a grey stays as it is."""
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    return colorsys.hsv_to_rgb((hue + turns) % 1.0, saturation, value)


def hue_between(nominal: Colour, colour: Colour) -> float:
    """Return the turns, -0.5 … 0.5, by which ``hue_moved`` makes ``colour`` out of ``nominal``."""
    turns = colorsys.rgb_to_hsv(*colour)[0] - colorsys.rgb_to_hsv(*nominal)[0]
    return (turns + 0.5) % 1.0 - 0.5


def room_colour(background: float) -> Colour:
    """Return the colour of the room for ``appearance.background`` in 0 … 1."""
    return colorsys.hsv_to_rgb((0.58 + 0.7 * background) % 1.0, 0.05 + 0.5 * background, 0.86 - 0.4 * background)


def grain(x: Image, y: Image, contrast: float) -> Image:
    """Return the brightness of the table's grain at (x, y) m: long wavy boards, 0.45 … 1 at full contrast."""
    wave = np.sin(y * np.float32(55.0) + np.float32(2.0) * np.sin(x * np.float32(9.0)))
    wave += np.sin(y * np.float32(131.0) + x * np.float32(14.0))
    wave += np.float32(2.0)
    brightness: Image = np.float32(1.0) - np.float32(0.25 * _GRAIN_DEPTH * contrast) * wave
    return brightness


def stripes(points: Image, contrast: float) -> Image:
    """Return the brightness of an object's stripes at ``points`` (n, 3) m in its own frame, 0.3 … 1 at full contrast.

    The stripes run across all three axes (wavelength 2 cm), so that every face shows them.
    """
    phase = points @ np.array([190.0, 190.0, 170.0], dtype=np.float32)
    return np.float32(1.0) - np.float32(0.5 * _STRIPE_DEPTH * contrast) * (np.float32(1.0) + np.sin(phase))


def clutter(directions: Image, contrast: float) -> Image:
    """Return the brightness of the room in ``directions`` (n, 3): patches, 0.2 … 1 at full contrast."""
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    wave = np.sin(11.0 * x + 1.0) * np.sin(13.0 * y + 2.0) + np.sin(9.0 * z + 5.0 * y) + 0.5 * np.sin(23.0 * (x - z))
    brightness: Image = (1.0 - 0.5 * _CLUTTER_DEPTH * contrast * (1.0 + np.tanh(4.0 * wave))).astype(np.float32)
    return brightness
