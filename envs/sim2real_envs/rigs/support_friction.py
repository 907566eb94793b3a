"""Dry friction under a body that stands on points: which load moves it which way, and which motion needs which load.

The body stands on n feet; foot i carries the share s_i of its weight, and the table answers its velocity v_i with
Coulomb friction of size mu N s_i against it. In units of mu times the weight, a twist V = (vx, vy, w) costs the power
D(V) = sum s_i |v_i|, v_i = (vx - w y_i, vy + w x_i). D is convex, and the load that keeps V going is its gradient: all
of friction follows from it (Goyal, Ruina, Papadopoulos: "Planar sliding with dry friction", Wear 143, 1991).

Loads (fx, fy, m) act at the origin of the feet's frame, m about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array

Vector = tuple[float, float]
Twist = tuple[float, float, float]

_ROUNDS = 80  # of the fixed-point iteration; it gains a constant factor a round, and most loads need twenty
_CLOSE = 1e-7  # relative change of a twist at which it ends
_STILL = 1e-9  # of the fastest foot: a foot that is slower stands still


class SupportFriction:
    """Coulomb friction under n feet, in units of the friction coefficient times the weight.

    Args:
        feet: Where the feet are (n, 2) [m].
        shares: The share of the weight on each (n,).

    Raises:
        StateError: Unless there are two feet at least, and the shares are at least 0 and add up to 1.
    """

    def __init__(self, feet: ArrayLike, shares: ArrayLike) -> None:
        points, carried = np.asarray(feet, dtype=np.float64), np.asarray(shares, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or carried.shape != (len(points),):
            raise StateError(
                f"Feet must have shape (n, 2) with n >= 2 and shares (n,), but got {points.shape} and {carried.shape}."
            )
        if not ((carried >= 0.0).all() and abs(carried.sum() - 1.0) < 1e-9):
            raise StateError(f"Shares of the weight must be >= 0 and add up to 1, but got {carried.tolist()}.")
        self._feet: list[tuple[float, float, float]] = [
            (float(x), float(y), float(share)) for (x, y), share in zip(points, carried, strict=True) if share > 0.0
        ]

    def power(self, twist: Sequence[float]) -> float:
        """Return D(V), the power that ``twist`` (3,) loses [m/s]."""
        vx, vy, turn = twist
        return sum(share * math.hypot(vx - turn * y, vy + turn * x) for x, y, share in self._feet)

    def load(self, twist: Sequence[float]) -> Twist:
        """Return the load (fx, fy [-], m [m]) that keeps ``twist`` (3,) going; a foot that stands still adds none."""
        vx, vy, turn = twist
        fx = fy = moment = 0.0
        for x, y, share in self._feet:
            ux, uy = vx - turn * y, vy + turn * x
            speed = math.hypot(ux, uy)
            if speed > 0.0:
                ux, uy = share * ux / speed, share * uy / speed
                fx, fy, moment = fx + ux, fy + uy, moment + x * uy - y * ux
        return fx, fy, moment

    def twist(self, load: Sequence[float]) -> Twist:
        """Return the twist V that a load in the direction of ``load`` (3,) causes, scaled to ``load . V = 1``.

        Of all twists with that power it is the one that friction resists least, min D(V), and D(V) times ``load`` is
        the load that keeps it going. Found by iteratively reweighted least squares, as Weiszfeld found the Fermat
        point.

        Raises:
            StateError: If the load is zero or not finite.
        """
        fx, fy, moment = (float(number) for number in load)
        if not (math.isfinite(fx + fy + moment) and (fx or fy or moment)):
            raise StateError(f"A load must be finite and not zero, but got {list(load)}.")
        weights = [share for _, _, share in self._feet]
        twist = (0.0, 0.0, 0.0)
        for _ in range(_ROUNDS):
            sw = swx = swy = swr = 0.0
            for (x, y, _), weight in zip(self._feet, weights, strict=True):
                sw, swx, swy, swr = sw + weight, swx + weight * x, swy + weight * y, swr + weight * (x * x + y * y)
            # Minimise sum w_i |v_i|^2 subject to load . V = 1: V is in proportion to S^-1 load, with S in closed form.
            centre_x, centre_y = swx / sw, swy / sw
            turn = (moment - centre_x * fy + centre_y * fx) / (swr - sw * (centre_x**2 + centre_y**2))
            vx, vy = fx / sw + turn * centre_y, fy / sw - turn * centre_x
            scale = fx * vx + fy * vy + moment * turn
            last, twist = twist, (vx / scale, vy / scale, turn / scale)
            change = max(abs(new - old) for new, old in zip(twist, last, strict=True))
            if change <= _CLOSE * max(map(abs, twist)):
                break
            vx, vy, turn = twist
            speeds = [math.hypot(vx - turn * y, vy + turn * x) for x, y, _ in self._feet]
            least = _STILL * max(speeds)
            weights = [share / max(v, least) for (_, _, share), v in zip(self._feet, speeds, strict=True)]
        return twist

    def turn_about(self, point: Vector, velocity: Vector) -> float:
        """Return the turn rate of a body whose ``point`` is moved with ``velocity`` and that is free to turn [rad/s].

        It turns so that friction takes the least power, which is where no moment acts about ``point``: the root of a
        derivative that never falls, within the rates at which a single foot would be slowest.
        """
        arms = [(share, x - point[0], y - point[1]) for x, y, share in self._feet]
        slowest = [(velocity[0] * y - velocity[1] * x) / (x * x + y * y) for _, x, y in arms if x or y]
        if not slowest:
            return 0.0
        low, high = min(slowest), max(slowest)
        turn = sum(slowest) / len(slowest)
        for _ in range(_ROUNDS):
            slope = bend = 0.0
            for share, x, y in arms:
                ux, uy = velocity[0] - turn * y, velocity[1] + turn * x
                speed, across = math.hypot(ux, uy), ux * x + uy * y
                if speed > 0.0:
                    slope += share * (x * uy - y * ux) / speed
                    bend += share * across * across / speed**3
            low, high = (turn, high) if slope < 0.0 else (low, turn)
            if high - low <= _CLOSE * max(abs(low), abs(high)) or slope == 0.0:
                break
            newton = turn - slope / bend if bend > 0.0 else math.inf
            if abs(newton - turn) <= 1e-13 * abs(turn):
                break
            turn = newton if low < newton < high else 0.5 * (low + high)
        return turn


def three_point_shares(feet: ArrayLike, centre: ArrayLike) -> Array:
    """Return the shares of the weight (3,) on three feet (3, 2) of a body with its mass above ``centre`` (2,) [m].

    They balance the weight: sum s_i = 1 and sum s_i foot_i = centre. A body whose centre lies beyond a side would tip
    over it; here the foot opposite then carries nothing, and the others share the weight in proportion.

    Raises:
        StateError: Unless there are three feet, not on one line.
    """
    points = np.asarray(feet, dtype=np.float64)
    if points.shape != (3, 2):
        raise StateError(
            f"Feet must have shape (3, 2) for the weight to say what each carries, but got {points.shape}."
        )
    system = np.vstack([np.ones(3), points.T])
    if abs(np.linalg.det(system)) < 1e-9:  # twice the area of the triangle [m2]
        raise StateError(f"Three feet must not stand on one line, but got {points.tolist()} m.")
    shares = np.linalg.solve(system, np.concatenate([[1.0], np.asarray(centre, dtype=np.float64)]))
    carried = np.clip(shares, 0.0, None)
    balanced: Array = carried / carried.sum()
    return balanced
