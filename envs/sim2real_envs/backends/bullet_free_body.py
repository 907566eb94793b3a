"""One free box above a table in PyBullet: the engine of passive rigs.

PyBullet integrates with semi-implicit Euler steps, so its velocity belongs to a moment half a step before its
position. ``place`` accounts for that, and free flight follows the exact parabola at every timestep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim2real_envs.backends.bullet_body import INERTIA, read_body, set_body
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.errors import ClosedError, EnvError
from sim2real_envs.parameters import Array, Domain

_FAR_AWAY = (0.0, 0.0, 50.0)
_UPRIGHT = (0.0, 0.0, 0.0, 1.0)
_TABLE_HALF_EXTENTS = (3.0, 3.0, 0.5)  # m; a box, because box against box gives a whole contact patch, a plane does not
_SOLVER_ITERATIONS = 30
_DIVERGED_M = 10.0  # no toss goes so far; the engine itself caps speeds at 100 m/s


class BulletFreeBody:
    """A box in free flight or in contact with a table whose top is at z = 0.

    The table's friction and restitution are 1, so that the box's own are those of the contact.

    Args:
        half_extents: Of the box [m].
        inertia_per_mass: Principal moments of inertia of a box of 1 kg [m2]; they scale with its mass.
        period: Time between two samples of a path [s]; the timestep is a whole fraction of it.
    """

    def __init__(self, half_extents: Sequence[float], inertia_per_mass: Sequence[float], period: float) -> None:
        self._client = pybullet.connect(pybullet.DIRECT)
        if self._client < 0:
            raise EnvError("PyBullet could not open another physics client (the limit is 1024 per process).")
        self._closed = False
        self._inertia_per_mass, self._period = tuple(inertia_per_mass), period
        self._table = self._make_box(_TABLE_HALF_EXTENTS, mass=0.0, height=-_TABLE_HALF_EXTENTS[2])
        self._body = self._make_box(half_extents, mass=1.0, height=_FAR_AWAY[2])
        pybullet.changeDynamics(self._table, -1, lateralFriction=1.0, restitution=1.0, physicsClientId=self._client)

    def _make_box(self, half_extents: Sequence[float], mass: float, height: float) -> int:
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_BOX, halfExtents=list(half_extents), physicsClientId=self._client
        )
        body: int = pybullet.createMultiBody(mass, shape, -1, (0.0, 0.0, height), physicsClientId=self._client)
        return body

    def apply(self, domain: Domain) -> None:
        """Set gravity, timestep, contact and the box's own numbers; ``domain`` is complete and checked."""
        self._require_open()
        substeps = max(1, round(self._period / domain["physics.timestep"]))
        pybullet.setGravity(0.0, 0.0, domain["physics.gravity"], physicsClientId=self._client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=self._period / substeps,
            numSolverIterations=_SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
            physicsClientId=self._client,
        )
        mass = domain["object.mass"]
        inertia = [axis * mass for axis in self._inertia_per_mass]
        set_body(self._client, self._body, domain, localInertiaDiagonal=inertia)

    def applied(self) -> dict[str, float]:
        """Read every value back from the engine."""
        self._require_open()
        engine = pybullet.getPhysicsEngineParameters(physicsClientId=self._client)
        return {
            "physics.gravity": float(engine["gravityAccelerationZ"]),
            "physics.timestep": float(engine["fixedTimeStep"]),
            **read_body(self._client, self._body),
        }

    def inertia(self) -> tuple[float, float, float]:
        """Return the principal moments of inertia in force [kg m2]."""
        moments: tuple[float, float, float] = pybullet.getDynamicsInfo(self._body, -1, physicsClientId=self._client)[
            INERTIA
        ]
        return moments

    def place(self, pose: Sequence[float], twist: Sequence[float]) -> None:
        """Start at ``pose`` (7,) m and xyzw with ``twist`` (6,) m/s and rad/s, both world frame, at the same moment.

        The contact cache survives a reset; detecting collisions once while the
        box is far away empties it, so that a path depends on nothing before it.
        """
        self._require_open()
        client, body = self._client, self._body
        engine = pybullet.getPhysicsEngineParameters(physicsClientId=client)
        half_step = 0.5 * engine["gravityAccelerationZ"] * engine["fixedTimeStep"]
        linear = (twist[0], twist[1], twist[2] - half_step)
        pybullet.resetBasePositionAndOrientation(body, _FAR_AWAY, _UPRIGHT, physicsClientId=client)
        pybullet.performCollisionDetection(physicsClientId=client)
        pybullet.resetBasePositionAndOrientation(body, pose[:3], pose[3:], physicsClientId=client)
        pybullet.resetBaseVelocity(body, linear, twist[3:], physicsClientId=client)

    def run(self, periods: Sequence[int]) -> tuple[Array, bool]:
        """Advance by ``periods`` (t - 1,) whole periods between samples; return poses (t, 7) and whether it diverged.

        The first row is the pose before the first step. The rows behind a divergence are NaN.
        """
        self._require_open()
        client, body = self._client, self._body
        step, pose_of = pybullet.stepSimulation, pybullet.getBasePositionAndOrientation
        timestep = pybullet.getPhysicsEngineParameters(physicsClientId=client)["fixedTimeStep"]
        substeps = round(self._period / timestep)
        poses = np.full((len(periods) + 1, 7), np.nan)
        position, orientation = pose_of(body, client)
        poses[0] = (*position, *orientation)
        for row, count in enumerate(periods, start=1):
            for _ in range(substeps * count):
                step(client)
            position, orientation = pose_of(body, client)
            if not all(map(_sane, position)):  # false for NaN too
                return poses, True
            poses[row] = (*position, *orientation)
        return poses, not bool(np.isfinite(poses).all())

    def close(self) -> None:
        """Disconnect; may be called twice."""
        if not self._closed:
            self._closed = True
            pybullet.disconnect(physicsClientId=self._client)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("This rig is closed; make a new one.")


def _sane(coordinate: float) -> bool:
    return math.fabs(coordinate) < _DIVERGED_M
