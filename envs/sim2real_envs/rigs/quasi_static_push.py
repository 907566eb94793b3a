"""A body on a table pushed by a point, so slowly that friction balances the push at every moment.

The pusher is a point that follows a given path; the body is a convex polygon that it must not enter. Where the body is
touched, the pusher either sticks or slides along its side with the friction of the contact, whichever the limits of
both frictions allow (Lynch, Mason: "Stable pushing: mechanics, controllability, and planning", IJRR 15(6), 1996). Only
ratios of forces decide the motion, so that neither the weight nor the friction of the table changes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim2real_envs.rigs.support_friction import SupportFriction, Vector

_TOUCH = 1e-12  # m


@dataclass(frozen=True)
class Side:
    """One side of a convex polygon: a point on it, its direction, and its outward normal, unit vectors."""

    start: Vector
    along: Vector
    outward: Vector
    length: float


def sides(corners: Sequence[Vector]) -> tuple[Side, ...]:
    """Return the sides of a convex polygon, its corners anticlockwise."""
    result = []
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = math.hypot(bx - ax, by - ay)
        along = ((bx - ax) / length, (by - ay) / length)
        result.append(Side((ax, ay), along, (along[1], -along[0]), length))
    return tuple(result)


@dataclass(frozen=True)
class Moved:
    """What a step of the pusher did: where the body is (x, y, angle), and the force on it in the world [mu weight]."""

    pose: tuple[float, float, float]
    force: Vector


class QuasiStaticPush:
    """A polygon on feet, pushed by a point.

    Args:
        support: Friction under the body.
        outline: Sides of the body in its frame.
        friction: Coulomb coefficient between pusher and body.
        offset: How far outside the given path of the pusher its surface is, along the normal of the side [m].
    """

    def __init__(self, support: SupportFriction, outline: Sequence[Side], friction: float, offset: float) -> None:
        self._support, self._outline, self._friction, self._offset = support, tuple(outline), friction, offset

    def step(self, pose: tuple[float, float, float], before: Vector, after: Vector) -> Moved:
        """Return where the pusher's way from ``before`` to ``after`` [m, world] takes the body from ``pose``."""
        x, y, angle = pose
        start, end = _inside(pose, before), _inside(pose, after)
        side = self._nearest(end)
        depth = self._depth(side, end)
        if depth <= _TOUCH:
            return Moved(pose, (0.0, 0.0))
        earlier = self._depth(side, start)
        share = 1.0 if earlier >= 0.0 else depth / (depth - earlier)  # of the way, in contact
        way = (share * (end[0] - start[0]), share * (end[1] - start[1]))
        sunk = max(earlier, 0.0)  # what the last step left, made good in this one
        way = (way[0] - sunk * side.outward[0], way[1] - sunk * side.outward[1])
        point = (start[0] + (1.0 - share) * (end[0] - start[0]), start[1] + (1.0 - share) * (end[1] - start[1]))
        vx, vy, turn, force = self._moved_by(side, point, way)
        cos, sin = math.cos(angle + 0.5 * turn), math.sin(angle + 0.5 * turn)
        pose = (x + cos * vx - sin * vy, y + sin * vx + cos * vy, angle + turn)
        return Moved(pose, (cos * force[0] - sin * force[1], sin * force[0] + cos * force[1]))

    def _nearest(self, point: Vector) -> Side:
        return min(self._outline, key=lambda side: self._depth(side, point))

    def _depth(self, side: Side, point: Vector) -> float:
        """Return how far the surface of a pusher at ``point`` is inside of ``side`` [m]."""
        (nx, ny), (sx, sy) = side.outward, side.start
        return self._offset - (point[0] - sx) * nx - (point[1] - sy) * ny

    def _moved_by(self, side: Side, point: Vector, way: Vector) -> tuple[float, float, float, Vector]:
        """Return the small displacement (x, y, turn) and the force on the body, all in its frame."""
        (nx, ny), (tx, ty) = side.outward, side.along
        turn = self._support.turn_about(point, way)
        vx, vy = way[0] + turn * point[1], way[1] - turn * point[0]
        fx, fy, _ = self._support.load((vx, vy, turn))
        press, rub = -(fx * nx + fy * ny), fx * tx + fy * ty
        if abs(rub) <= self._friction * press:
            return vx, vy, turn, (fx, fy)
        slip = math.copysign(self._friction, rub)  # the pusher slides, and drags the body along with all its friction
        fx, fy = slip * tx - nx, slip * ty - ny
        vx, vy, turn = self._support.twist((fx, fy, point[0] * fy - point[1] * fx))
        inward = -((vx - turn * point[1]) * nx + (vy + turn * point[0]) * ny)
        wanted = -(way[0] * nx + way[1] * ny)
        if inward <= 0.0 or wanted <= 0.0:
            return 0.0, 0.0, 0.0, (0.0, 0.0)
        scale, size = wanted / inward, self._support.power((vx, vy, turn))  # the load does the power of friction
        return scale * vx, scale * vy, scale * turn, (size * fx, size * fy)


def _inside(pose: tuple[float, float, float], point: Vector) -> Vector:
    """Return a point of the world in the frame of a body."""
    x, y, angle = pose
    cos, sin = math.cos(angle), math.sin(angle)
    dx, dy = point[0] - x, point[1] - y
    return cos * dx + sin * dy, -sin * dx + cos * dy
