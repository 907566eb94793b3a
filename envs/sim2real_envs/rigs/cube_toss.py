"""An acrylic cube tossed onto a table: the rig of the recorded cube tosses.

Cube: edge 0.1048 m, mass 0.37 kg, moment of inertia 8.1e-4 kg m2 on every axis (Pfrommer, Halm, Posa: "ContactNets:
Learning Discontinuous Contact Dynamics with Smooth, Implicit Representations", CoRL 2020, arXiv:2009.11193).

A recording's lengths may be off by a factor: its tracking, not its physics. The rig takes starts and gives paths in
the *recording's* lengths and simulates in true ones, ``recorded = recording.length_scale * true``, so that a wrong
scale is a parameter of its own and gravity stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace
from sim2real_envs.rigs.base import Misfit, Path, Signal
from sim2real_envs.rigs.errors import position_error, rotation_error
from sim2real_envs.state import WorldState

EDGE = 0.1048
"""Edge of the cube [m]."""
MASS = 0.37
"""Mass of the recorded cube [kg]."""
INERTIA_PER_MASS = 8.1e-4 / MASS
"""Principal moment of inertia of such a cube of 1 kg [m2]."""
RATE = 148.0
"""Samples of the recordings in a second [Hz]."""

_CLEARANCE_M = 0.008  # the tracked cube dips up to 5 mm into the table: above this it has certainly not touched it yet
_FLIGHT_SAMPLES = 5  # at least: a parabola has three unknowns
_REST_SAMPLES = 5

PARAMETERS = ParameterSpace(
    [
        Parameter("physics.gravity", -9.81, -10.0, -9.0, (-30.0, 0.0), "m/s2", doc="Gravity along z."),
        Parameter(
            "physics.timestep", 0.002, 0.001, 0.004, (0.0002, 0.01), "s",
            doc="Physics step, snapped to a whole fraction of the sampling period of the recording.",
        ),
        Parameter(
            "physics.contact_stiffness", 5e4, 5e3, 5e5, (1e3, 1e7), "N/m", log=True,
            doc="Stiffness of the contact between cube and table.",
        ),
        Parameter(
            "physics.contact_damping", 500.0, 50.0, 5000.0, (1.0, 1e5), "N s/m", log=True,
            doc="Damping of the contact between cube and table; a softer one takes from the restitution.",
        ),
        Parameter(
            "object.mass", MASS, 0.2, 0.6, (0.01, 5.0), "kg", log=True,
            doc="Mass of the cube; its inertia scales with it, so that only the contact's softness can tell.",
        ),
        Parameter(
            "object.friction", 0.5, 0.05, 1.0, (0.01, 2.0), "-", doc="Coulomb coefficient between cube and table."
        ),
        Parameter(
            "object.spinning_friction", 0.0, 0.0, 0.01, (0.0, 0.1), "m",
            doc="Resistance of a contact to turning about its normal.",
        ),
        Parameter(
            "object.rolling_friction", 0.0, 0.0, 0.001, (0.0, 0.1), "m", doc="Resistance of a contact to rolling."
        ),
        Parameter(
            "object.restitution", 0.0, 0.0, 0.25, (0.0, 1.0), "-", doc="Restitution between cube and table."
        ),
        Parameter(
            "recording.length_scale", 1.0, 0.95, 1.05, (0.5, 2.0), "-",
            doc="Recorded length for each true one: a fault of the tracking, not of the world.",
        ),
    ]
)  # fmt: skip

OUTCOMES = (
    Outcome("travel_halfway", "m", 0.02, doc="Way along the throw, in the plane of the table, halfway through it."),
    Outcome("travel_late", "m", 0.03, doc="The same at three quarters of the recorded time."),
    Outcome("travel", "m", 0.03, doc="The same when all has come to rest."),
    Outcome("rest_height", "m", 0.001, doc="Height of the cube's centre at rest."),
    Outcome("fall_acceleration", "m/s2", 0.1, doc="Downward acceleration before the first contact."),
)

SIGNALS = (Signal("object.pose", ("x", "y", "z", "qx", "qy", "qz", "qw"), "m", drawn=3),)
CONTROLS: tuple[Signal, ...] = ()
MISFITS = (
    Misfit("position_error", "mm", 1e3, doc="Mean distance of the cube's centre from the recorded one."),
    Misfit("rotation_error", "deg", 180.0 / math.pi, doc="Mean angle between the cube and the recorded one."),
)


class CubeTossRig:
    """The recorded cube above its table, in PyBullet.

    Args:
        rate: Samples of a path in a second [Hz]; the times of a path are multiples of ``1 / rate``.

    Raises:
        OptionError: Unless ``rate`` is positive and finite.
    """

    parameters: ClassVar[ParameterSpace] = PARAMETERS
    outcomes: ClassVar[tuple[Outcome, ...]] = OUTCOMES
    signals: ClassVar[tuple[Signal, ...]] = SIGNALS
    controls: ClassVar[tuple[Signal, ...]] = CONTROLS
    misfits: ClassVar[tuple[Misfit, ...]] = MISFITS

    def __init__(self, rate: float = RATE) -> None:
        if not (math.isfinite(rate) and rate > 0.0):
            raise OptionError(f"`rate > 0` must hold, but got rate={rate!r} Hz.")
        from sim2real_envs.backends.bullet_free_body import BulletFreeBody  # an engine loads when a rig is made

        self._period = 1.0 / rate
        self._length_scale = 1.0
        self._engine = BulletFreeBody([EDGE / 2.0] * 3, [INERTIA_PER_MASS] * 3, self._period)
        self.apply(self.parameters.nominal())

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        self._engine.apply(domain)
        self._length_scale = domain["recording.length_scale"]

    def applied(self) -> dict[str, float]:
        """Read every value back: from the engine, and the length scale from where paths are converted."""
        values = {**self._engine.applied(), "recording.length_scale": self._length_scale}
        return {name: values[name] for name in self.parameters}

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return the path of a toss: ``"object.pose"`` (t, 7) in the recording's lengths.

        Args:
            domain: Values of some parameters; the others are nominal.
            start: ``"object.pose"`` and ``"object.twist"``, in the recording's lengths.
            actions: (t - 1, 0): nobody acts on a tossed cube.
            times: From 0, increasing, multiples of the sampling period [s].

        Raises:
            StateError: If the start lacks pose or twist, there are actions, or the times are not as above.
        """
        self.apply(self.parameters.complete(domain))
        periods = self._periods(times)
        if actions.shape != (len(periods), 0):
            raise StateError(f"A tossed cube takes actions of shape ({len(periods)}, 0), but got {actions.shape}.")
        pose, twist = (self._part(start, name).copy() for name in ("object.pose", "object.twist"))
        pose[:3] /= self._length_scale
        twist[:3] /= self._length_scale
        self._engine.place(pose.tolist(), twist.tolist())
        poses, diverged = self._engine.run(periods)
        poses[:, :3] *= self._length_scale
        return Path(np.array(times, dtype=np.float64), {"object.pose": poses}, diverged)

    @staticmethod
    def _part(start: WorldState, name: str) -> Array:
        if name not in start.values:
            raise StateError(f"A toss starts from {name!r}, but the start has only: {', '.join(start.values)}.")
        return start.values[name]

    def _periods(self, times: Array) -> list[int]:
        steps = np.diff(times) / self._period
        periods = np.rint(steps)
        if times.ndim != 1 or len(times) < 2 or times[0] != 0.0 or not (periods >= 1).all():
            raise StateError("`times` must have shape (t,) with t >= 2, begin at 0 and increase by at least a period.")
        if np.abs(steps - periods).max() > 1e-3:
            raise StateError(f"`times` must be multiples of the sampling period of {self._period:.6g} s.")
        counts: list[int] = periods.astype(int).tolist()
        return counts

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path, recorded or simulated; NaN for all if the path has NaN."""
        poses = values["object.pose"]
        if not np.isfinite(poses).all():
            return {outcome.name: math.nan for outcome in OUTCOMES}
        way = poses[:, :3] - poses[0, :3]  # (t, 3)
        along = _throw_direction(way)
        halfway, late = (way[np.searchsorted(times, share * times[-1])] for share in (0.5, 0.75))
        flight = slice(0, flight_samples(poses))
        return {
            "travel_halfway": float(halfway[:2] @ along),
            "travel_late": float(late[:2] @ along),
            "travel": float(way[-1, :2] @ along),
            "rest_height": float(poses[-_REST_SAMPLES:, 2].mean()),
            "fall_acceleration": float(-2.0 * np.polyfit(times[flight], poses[flight, 2], 2)[0]),
        }

    def misfit(self, times: Array, recorded: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
        """Return the mean position error [m] and rotation error [rad] of a predicted path."""
        poses = {"predicted": predicted["object.pose"], "recorded": recorded["object.pose"]}
        return {
            "position_error": float(position_error(**{side: pose[:, :3] for side, pose in poses.items()})),
            "rotation_error": float(rotation_error(**{side: pose[:, 3:] for side, pose in poses.items()})),
        }

    def close(self) -> None:
        """Release the engine; may be called twice."""
        self._engine.close()


def lowest_corner(poses: Array) -> Array:
    """Return the height [m] of the cube's lowest corner, (t,), for poses (t, 7).

    The corners stand at half an edge along each axis, with either sign: the
    lowest is below the centre by half an edge times the sum of |R_zj|.
    """
    x, y, z, w = poses[:, 3:].T
    upward = np.abs([2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)])  # |R_zj|, (3, t)
    height: Array = poses[:, 2] - 0.5 * EDGE * upward.sum(axis=0)
    return height


def flight_samples(poses: Array) -> int:
    """Return how many samples at the beginning lie before the first contact, at least five."""
    low = lowest_corner(poses) < _CLEARANCE_M
    touched = int(np.argmax(low)) if low.any() else len(poses)
    return min(max(touched, _FLIGHT_SAMPLES), len(poses))


def _throw_direction(way: Array) -> Array:
    """Return the unit vector (2,) along the throw in the plane of the table, from the first samples of a way (t, 3)."""
    first = way[min(_FLIGHT_SAMPLES, len(way)) - 1, :2]
    length = float(np.hypot(*first))
    return first / length if length > 0.0 else np.array([1.0, 0.0])
