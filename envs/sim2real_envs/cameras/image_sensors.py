"""What an image sensor makes of a faultless picture: colours in one class, depth in the other.

Colours pass blur (the lens), exposure and white balance (the gains), noise (the pixels), and are rounded to 8 bits.

Depth noise adds up the published models of the two common kinds of depth camera, z in m:

* structured light, axial noise (Nguyen, Izadi, Lovell, "Modeling Kinect sensor noise for improved 3D reconstruction
  and tracking", 3DIMPVT 2012): sigma = 0.0012 + 0.0019 (z - 0.4)^2, which is ``camera.depth_noise_std`` at 1.2 mm and
  ``camera.depth_noise_quadratic`` at 0.0019 / m; below 0.4 m the second term is zero;
* triangulation, also of stereo pairs (Khoshelham, Elberink, "Accuracy and resolution of Kinect depth data for indoor
  mapping applications", Sensors 2012, eq. 9): sigma = z^2 / (f B) sigma_d with the disparity's noise sigma_d, which is
  ``camera.disparity_noise``. f B is that of a RealSense D435 at 1280 pixels (640 pixels x 50 mm), for which 0.05 to
  0.1 pixels are common after tuning. The Kinect's own 1.43e-3 z^2 is 0.046 pixels here.

The two are independent: their variances add.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.cameras.camera import Image
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace

COLOUR_PARAMETERS = ParameterSpace(
    [
        Parameter(
            "camera.noise_std", 0.0, 0.0, 0.05, (0.0, 0.5), "-",
            doc="+N(0, s) on each colour of each pixel, as a share of full scale.",
        ),
        Parameter("camera.blur", 0.0, 0.0, 1.2, (0.0, 5.0), "pixel", doc="Standard deviation of the lens's blur."),
        Parameter("camera.exposure", 0.0, -0.7, 0.7, (-4.0, 4.0), "EV", doc="Brightness *2^U, in stops."),
        Parameter(
            "camera.white_balance", 0.0, -0.2, 0.2, (-0.9, 0.9), "-",
            doc="Red *(1 + U) and blue *(1 - U): warmer above zero, colder below.",
        ),
    ]
)  # fmt: skip
DEPTH_PARAMETERS = ParameterSpace(
    [
        Parameter("camera.depth_noise_std", 0.0, 0.0, 0.01, (0.0, 0.1), "m", doc="+N(0, s) on each pixel's depth."),
        Parameter(
            "camera.depth_noise_quadratic", 0.0, 0.0, 0.0038, (0.0, 0.1), "1/m",
            doc="Growth of that s with distance: + q (z - 0.4 m)^2.",
        ),
        Parameter(
            "camera.disparity_noise", 0.0, 0.0, 0.2, (0.0, 5.0), "pixel",
            doc="Noise of a stereo pair's disparity: s = z^2 / (32 pixel m) times it, independent of the above.",
        ),
        Parameter(
            "camera.depth_holes", 0.0, 0.0, 0.1, (0.0, 0.9), "-",
            doc="Share of the pixels without a depth, in patches of 4 x 4: they read 0.",
        ),
    ]
)  # fmt: skip

FOCAL_BASELINE = 32.0  # [pixel m]
NEAREST_KINECT = 0.4  # [m]
_PATCH = 4  # [pixel]


class ColourSensor:
    """Blur, gains and noise of colours; owns ``COLOUR_PARAMETERS``."""

    parameters = COLOUR_PARAMETERS

    def __init__(self) -> None:
        self._noise = 0.0  # of full scale
        self._gains = np.ones(3)
        self._kernel = np.ones(1)  # (radius + 1,): the weight of a pixel, then of its neighbours on one side

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        self._noise = domain["camera.noise_std"]
        exposure, warmth = 2.0 ** domain["camera.exposure"], domain["camera.white_balance"]
        self._gains = exposure * np.array([1.0 + warmth, 1.0, 1.0 - warmth])
        self._kernel = half_gaussian(domain["camera.blur"])

    def applied(self) -> dict[str, float]:
        """Read every value back from gains and kernel."""
        red, green, _ = self._gains.tolist()
        return {
            "camera.noise_std": self._noise,
            "camera.blur": _width_of(self._kernel),
            "camera.exposure": math.log2(green),
            "camera.white_balance": red / green - 1.0,
        }

    def sense(self, picture: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return what the sensor gives for ``picture`` (h, w, 3) in 0 … 255, which is used up."""
        if len(self._kernel) > 1:
            picture = blurred(picture, self._kernel)
        if not np.array_equal(self._gains, (1.0, 1.0, 1.0)):
            picture *= self._gains.astype(np.float32)
        if self._noise > 0.0:
            noise = rng.standard_normal(picture.shape, dtype=np.float32)
            noise *= np.float32(255.0 * self._noise)
            picture += noise
        picture += np.float32(0.5)  # so that cutting off is rounding
        np.maximum(picture, np.float32(0.0), out=picture)
        np.minimum(picture, np.float32(255.0), out=picture)
        return picture.astype(np.uint8)


class DepthSensor:
    """Noise and holes of depth; owns ``DEPTH_PARAMETERS``."""

    parameters = DEPTH_PARAMETERS

    def __init__(self) -> None:
        self._std = self._quadratic = self._disparity = self._holes = 0.0

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        self._std, self._quadratic = domain["camera.depth_noise_std"], domain["camera.depth_noise_quadratic"]
        self._disparity, self._holes = domain["camera.disparity_noise"], domain["camera.depth_holes"]

    def applied(self) -> dict[str, float]:
        """Return the numbers that every picture uses."""
        return {
            "camera.depth_noise_std": self._std,
            "camera.depth_noise_quadratic": self._quadratic,
            "camera.disparity_noise": self._disparity,
            "camera.depth_holes": self._holes,
        }

    def spread(self, depth: Image) -> Image:
        """Return one standard deviation [m] of what is measured at ``depth`` [m], same shape."""
        beyond = np.maximum(depth - np.float32(NEAREST_KINECT), np.float32(0.0))
        light: Image = np.float32(self._std) + np.float32(self._quadratic) * beyond * beyond
        if self._disparity == 0.0:
            return light
        stereo = np.float32(self._disparity / FOCAL_BASELINE) * depth * depth
        both: Image = np.sqrt(light * light + stereo * stereo)
        return both

    def sense(self, depth: Image, far: float, noise: np.random.Generator, holes: np.random.Generator) -> Image:
        """Return what the sensor gives for ``depth`` (h, w) m: 0 in holes, ``far`` where it sees nothing nearer."""
        measured = depth
        if max(self._std, self._quadratic, self._disparity) > 0.0:
            measured = noise.standard_normal(depth.shape, dtype=np.float32)
            measured *= self.spread(depth)
            measured += depth
            measured[depth >= np.float32(far)] = far
            np.maximum(measured, np.float32(0.0), out=measured)
            np.minimum(measured, np.float32(far), out=measured)
        if self._holes > 0.0:
            height, width = depth.shape
            patches = holes.random((-(-height // _PATCH), -(-width // _PATCH)), dtype=np.float32) < self._holes
            lost = patches.repeat(_PATCH, axis=0)[:height].repeat(_PATCH, axis=1)[:, :width]
            measured = np.where(lost, np.float32(0.0), measured)
        return measured


def blurred(picture: Image, half_kernel: Array) -> Image:
    """Return ``picture`` (h, w, 3) blurred down, then across; what is beyond the edge is as the edge."""
    for axis in (0, 1):
        radius = min(len(half_kernel) - 1, picture.shape[axis] - 1)
        pads = [(radius, radius) if dimension == axis else (0, 0) for dimension in range(3)]
        padded = np.pad(picture, pads, mode="edge")
        length = picture.shape[axis]

        def shifted(by: int, source: Image = padded, of: int = axis, size: int = length, first: int = radius) -> Image:
            return source[first + by : first + by + size] if of == 0 else source[:, first + by : first + by + size]

        total = shifted(0) * np.float32(half_kernel[0])
        for distance in range(1, radius + 1):
            pair = shifted(distance) + shifted(-distance)
            pair *= np.float32(half_kernel[distance])
            total += pair
        picture = total
    return picture


def half_gaussian(std: float) -> Array:
    """Return the weights at distances 0 … 3 std [pixel] of a Gaussian; both sides add up to one."""
    if std == 0.0:
        return np.ones(1)
    distance = np.arange(max(1, math.ceil(3.0 * std)) + 1)
    weights = np.exp(-0.5 * (distance / std) ** 2)
    normalized: Array = weights / (2.0 * weights.sum() - weights[0])
    return normalized


def _width_of(half_kernel: Array) -> float:
    """Return the standard deviation [pixel] of a Gaussian's weights; one too narrow for pixels is 0."""
    if len(half_kernel) == 1 or half_kernel[1] == 0.0:
        return 0.0
    return math.sqrt(-0.5 / math.log(float(half_kernel[1] / half_kernel[0])))
