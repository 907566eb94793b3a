"""A triangle on three feet, pushed over a board by a probe: the rig of the recorded planar pushes.

Triangle: right-angled, legs 0.15 m, 1.518 kg, its centre of mass 0.05 m from either leg, radius of gyration 0.05 m, on
three feet that differ between recordings (Zhou, Paolini, Bagnell, Mason: "A Convex Polynomial Force-Motion Model for
Planar Sliding: Identification and Application", ICRA 2016, arXiv:1602.06056).

The probe moves along a straight line at 2.5 mm/s, so that friction balances the push at every moment. A path has both
what the probe's way does to the triangle, and where the *measured* load should move it, if the recording has one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim2real_envs.errors import StateError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace
from sim2real_envs.rigs.base import Misfit, Path, Signal
from sim2real_envs.rigs.quasi_static_push import QuasiStaticPush, sides
from sim2real_envs.rigs.support_friction import SupportFriction, three_point_shares
from sim2real_envs.state import WorldState

MASS = 1.518
"""Mass of the recorded triangle [kg]."""
GYRATION = 0.05
"""Radius of gyration of the triangle [m]: a turn of 1 rad counts as this length in a direction of motion."""
LEG = 0.15
"""Legs of the triangle [m]."""
RATE = 4.0
"""Samples of a path in a second [Hz]."""
GRAVITY = 9.81
"""Of the pushed object's weight [m/s2]."""

_CORNERS = ((-LEG / 3, -LEG / 3), (2 * LEG / 3, -LEG / 3), (-LEG / 3, 2 * LEG / 3))
_TOUCHING = 0.5  # of the largest force: above it a sample counts as pushing
_SUBSTEPS = 1

PARAMETERS = ParameterSpace(
    [
        Parameter(
            "table.friction", 0.5, 0.05, 1.0, (0.01, 2.0), "-",
            doc="Coulomb coefficient between feet and board; scales the force, and leaves the motion as it is.",
        ),
        Parameter(
            "pusher.friction", 0.3, 0.05, 1.0, (0.0, 2.0), "-",
            doc="Coulomb coefficient between probe and object: when the probe slides along a side.",
        ),
        Parameter("object.mass", MASS, 1.2, 1.8, (0.1, 10.0), "kg", doc="Mass of the object; scales the force."),
        Parameter(
            "object.com_offset_x", 0.0, -0.01, 0.01, (-0.02, 0.02), "m",
            doc="Centre of mass along the object's x; shifts the weight between the feet.",
        ),
        Parameter(
            "object.com_offset_y", 0.0, -0.01, 0.01, (-0.02, 0.02), "m",
            doc="Centre of mass along the object's y; shifts the weight between the feet.",
        ),
        Parameter(
            "recording.tip_offset", 0.0, -0.002, 0.002, (-0.01, 0.01), "m",
            doc="How far outside its recorded place the probe touches: radius of its tip, or a fault of the tracking.",
        ),
        Parameter(
            "recording.force_scale", 1.0, 0.95, 1.05, (0.5, 2.0), "-",
            doc="Recorded force for each true one: gain of the sensor, which no force can tell from friction.",
        ),
    ]
)  # fmt: skip

OUTCOMES = (
    Outcome("travel_x", "m", 0.001, doc="Way of the object's centre along its own x at the start."),
    Outcome("travel_y", "m", 0.001, doc="Way of the object's centre along its own y at the start."),
    Outcome("turn", "rad", 0.02, doc="Angle by which the object turned."),
    Outcome("force_along", "N", 0.2, doc="Mean force on the object along the probe's line, while it pushes."),
    Outcome("force_across", "N", 0.2, doc="Mean force on the object to the left of the probe's line."),
    Outcome("direction_x", "-", 0.1, doc="Direction of motion under the measured load: along the object's x."),
    Outcome("direction_y", "-", 0.1, doc="The same along the object's y."),
    Outcome("direction_turn", "-", 0.1, doc="The same of the turn, 1 rad as 0.05 m."),
)

SIGNALS = (
    Signal("object.pose", ("x", "y", "z", "qx", "qy", "qz", "qw"), "m", drawn=2),
    Signal("object.angle", ("angle",), "rad", drawn=1),
    Signal("pusher.force", ("force along", "force across"), "N", drawn=2),
    Signal("object.direction", ("direction x", "direction y", "direction turn"), "-", drawn=3),
)
CONTROLS: tuple[Signal, ...] = (
    Signal("pusher.command", ("x", "y"), "m", drawn=2),
    Signal("load.force", ("fx", "fy"), "N", drawn=2),
    Signal("load.torque", ("m",), "Nm", drawn=1),
)
MISFITS = (
    Misfit(
        "motion_angle", "deg", 180.0 / math.pi,
        doc="Angle between the recorded direction of motion (vx, vy, 0.05 m times turn rate) and that of the measured "
        "load, or of the predicted motion where no load was measured.",
    ),
    Misfit("position_error", "mm", 1e3, doc="Distance of the object's centre from the recorded one, after the push."),
    Misfit("rotation_error", "deg", 180.0 / math.pi, doc="Angle between object and recorded one, after the push."),
    Misfit("force_error", "N", 1.0, doc="Size of the error of the mean force, while pushing."),
)  # fmt: skip


class PlanarPushRig:
    """The recorded triangle on its board, with a probe that goes its way whatever the triangle does."""

    parameters: ClassVar[ParameterSpace] = PARAMETERS
    outcomes: ClassVar[tuple[Outcome, ...]] = OUTCOMES
    signals: ClassVar[tuple[Signal, ...]] = SIGNALS
    controls: ClassVar[tuple[Signal, ...]] = CONTROLS
    misfits: ClassVar[tuple[Misfit, ...]] = MISFITS

    def __init__(self) -> None:
        self._domain: dict[str, float] = dict(PARAMETERS.nominal())

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        self._domain = {name: float(domain[name]) for name in PARAMETERS}

    def applied(self) -> dict[str, float]:
        """Return every value as ``simulate`` uses it."""
        return dict(self._domain)

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return the path of a push.

        Args:
            domain: Values of some parameters; the others are nominal.
            start: ``"object.pose"``, ``"object.feet"`` (3, 2) in the object's frame, and ``"pusher.position"``.
            actions: Where the probe is at the end of each interval [m, world], and the mean load (fx, fy [N], m [Nm])
                that was measured in it, in the object's frame; NaN where none was, (t - 1, 5).
            times: From 0, increasing [s].

        Raises:
            StateError: If the start lacks something, or actions or times are not as above.
        """
        self.apply(PARAMETERS.complete(domain))
        if times.ndim != 1 or len(times) < 2 or not (np.diff(times) > 0.0).all():
            raise StateError("`times` must have shape (t,) with t >= 2 and increase.")
        if actions.shape != (len(times) - 1, 5):
            raise StateError(f"A push takes actions of shape ({len(times) - 1}, 5), but got {actions.shape}.")
        first, feet, tip = (_part(start, name) for name in ("object.pose", "object.feet", "pusher.position"))
        centre = [self._domain[f"object.com_offset_{axis}"] for axis in "xy"]
        support = SupportFriction(feet, three_point_shares(feet, centre))
        tips = np.vstack([tip, actions[:, :2]])
        planar, forces = self._pushed(support, first, tips)
        values = {
            "object.pose": poses(planar, height=float(first[2])),
            "object.angle": planar[:, 2:],
            "pusher.force": forces @ _along(tips),
        }
        direction = _load_direction(support, actions[:, 2:])
        if direction is None:
            direction = motion_direction(displacement(values))
        values["object.direction"] = np.tile(direction, (len(times), 1))
        return Path(np.array(times, dtype=np.float64), values)

    def _pushed(self, support: SupportFriction, first: Array, tips: Array) -> tuple[Array, Array]:
        """Return (x, y, angle) of the object (t, 3), and the force on it as recorded, in the world [N], (t, 2)."""
        push = QuasiStaticPush(
            support, sides(_CORNERS), self._domain["pusher.friction"], self._domain["recording.tip_offset"]
        )
        size = self._domain["table.friction"] * self._domain["object.mass"] * GRAVITY
        size *= self._domain["recording.force_scale"]
        pose = (float(first[0]), float(first[1]), 2.0 * math.atan2(float(first[5]), float(first[6])))
        path, forces = [pose], [(0.0, 0.0)]
        points = [(float(x), float(y)) for x, y in tips]
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            fx = fy = 0.0
            for step in range(_SUBSTEPS):
                before, after = step / _SUBSTEPS, (step + 1) / _SUBSTEPS
                moved = push.step(
                    pose,
                    (ax + before * (bx - ax), ay + before * (by - ay)),
                    (ax + after * (bx - ax), ay + after * (by - ay)),
                )
                pose, fx, fy = moved.pose, fx + moved.force[0] / _SUBSTEPS, fy + moved.force[1] / _SUBSTEPS
            path.append(pose)
            forces.append((size * fx, size * fy))
        return np.array(path), np.array(forces)

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path.

        What needs a measured force is NaN without one: the forces, and the direction, which is then no other
        information than the way.
        """
        mean, (x, y, turn) = mean_force(values["pusher.force"]), displacement(values)
        direction = values["object.direction"][0] + 0.0 * mean[0]  # of a load only where there is one
        return {
            "travel_x": x,
            "travel_y": y,
            "turn": turn,
            "force_along": float(mean[0]),
            "force_across": float(mean[1]),
            "direction_x": float(direction[0]),
            "direction_y": float(direction[1]),
            "direction_turn": float(direction[2]),
        }

    def misfit(self, times: Array, recorded: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
        """Return the misfits of a predicted push; those of what was not recorded are NaN."""
        ends = {side: values["object.pose"][-1, :2] for side, values in (("r", recorded), ("p", predicted))}
        angles = {side: values["object.angle"][-1, 0] for side, values in (("r", recorded), ("p", predicted))}
        force = mean_force(predicted["pusher.force"]) - mean_force(recorded["pusher.force"])
        return {
            "motion_angle": angle_between(predicted["object.direction"][0], recorded["object.direction"][0]),
            "position_error": float(np.hypot(*(ends["p"] - ends["r"]))),
            "rotation_error": float(abs(math.remainder(angles["p"] - angles["r"], math.tau))),
            "force_error": float(np.hypot(*force)),
        }

    def close(self) -> None:
        """There is nothing to release."""


def poses(planar: Array, height: float) -> Array:
    """Return poses (t, 7) for (x, y, angle) (t, 3) at a height [m]."""
    half = 0.5 * planar[:, 2]
    zero = np.zeros(len(planar))
    return np.stack([planar[:, 0], planar[:, 1], zero + height, zero, zero, np.sin(half), np.cos(half)], axis=1)


def displacement(values: Mapping[str, Array]) -> tuple[float, float, float]:
    """Return how far a path leads, in the frame of the object at its start: x, y [m] and turn [rad]."""
    pose, angle = values["object.pose"], values["object.angle"][:, 0]
    (x, y), cos, sin = pose[-1, :2] - pose[0, :2], math.cos(angle[0]), math.sin(angle[0])
    return float(cos * x + sin * y), float(cos * y - sin * x), float(angle[-1] - angle[0])


def motion_direction(twist: tuple[float, float, float]) -> Array:
    """Return the unit vector (3,) of a twist (vx, vy, turn rate), turns as lengths on the radius of gyration."""
    direction = np.array([twist[0], twist[1], GYRATION * twist[2]])
    size = float(np.linalg.norm(direction))
    return direction / size if size > 0.0 else np.full(3, np.nan)


def angle_between(one: Array, other: Array) -> float:
    """Return the angle between two unit vectors [rad]; exact for small ones, where an arc cosine is not."""
    return 2.0 * math.atan2(float(np.linalg.norm(one - other)), float(np.linalg.norm(one + other)))


def mean_force(forces: Array) -> Array:
    """Return the mean (2,) of forces (t, 2) while there is contact: above half of the largest; NaN without any."""
    size = np.hypot(forces[:, 0], forces[:, 1])
    pushing = size > _TOUCHING * np.max(size, initial=0.0, where=np.isfinite(size))
    mean: Array = forces[pushing].mean(axis=0) if pushing.any() else np.full(2, np.nan)
    return mean


def _load_direction(support: SupportFriction, loads: Array) -> Array | None:
    """Return the direction in which the mean of measured loads (t - 1, 3) moves the object; None without any."""
    measured = loads[np.isfinite(loads).all(axis=1)]
    return motion_direction(support.twist(measured.mean(axis=0).tolist())) if len(measured) else None


def _along(tips: Array) -> Array:
    """Return the matrix (2, 2) whose columns are the direction of the probe's way (t, 2), and its left."""
    x, y = tips[-1] - tips[0]
    return np.array([[x, -y], [y, x]]) / math.hypot(x, y)


def _part(start: WorldState, name: str) -> Array:
    if name not in start.values:
        raise StateError(f"A push starts from {name!r}, but the start has only: {', '.join(start.values)}.")
    return start.values[name]
