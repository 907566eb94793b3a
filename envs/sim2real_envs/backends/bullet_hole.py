"""A block with a square hole in PyBullet: four walls that stand as far apart as the clearance asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real_envs.backends.engine import pybullet
from sim2real_envs.backends.world_parameters import hole_parameters
from sim2real_envs.parameters import Domain
from sim2real_envs.scene import Hole

_FRICTION, _RESTITUTION = 1.0, 1.0  # a contact's is the product with the object's own


class BulletHole:
    """Owns ``hole.clearance``; its walls are moved, never made anew.

    Args:
        client: PyBullet's client id.
        hole: The block.
        half_width: Half the widths of the object that goes in [m]; scaled with ``object.size``.
    """

    def __init__(self, client: int, hole: Hole, half_width: Sequence[float]) -> None:
        self._client, self._hole, self._half_width = client, hole, half_width
        widest = max(half_width) * 1.5 + 0.01
        wall, half_depth = 0.5 * hole.wall, 0.5 * hole.depth
        along = (wall, widest, half_depth), (widest, wall, half_depth)
        self._walls = [self._make_wall(along[axis]) for axis in (0, 0, 1, 1)]
        self._pose: Sequence[float] = (0.0, 0.0, -5.0, 0.0, 0.0, 0.0, 1.0)
        self._inner = [half + hole.clearance for half in half_width]
        self.parameters = hole_parameters(hole)
        self.place(self._pose)

    def _make_wall(self, half_extents: Sequence[float]) -> int:
        client = self._client
        shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half_extents, physicsClientId=client)
        visual = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=half_extents, rgbaColor=(*self._hole.colour, 1.0), physicsClientId=client
        )
        wall: int = pybullet.createMultiBody(0.0, shape, visual, (0.0, 0.0, -5.0), physicsClientId=client)
        pybullet.changeDynamics(wall, -1, lateralFriction=_FRICTION, restitution=_RESTITUTION, physicsClientId=client)
        return wall

    def apply(self, domain: Domain) -> None:
        """Open the hole by the clearance around the object as large as ``object.size`` makes it."""
        size = round(domain["object.size"], 2)
        self._size = size
        self._inner = [half * size + domain["hole.clearance"] for half in self._half_width]
        self.place(self._pose)

    def applied(self) -> dict[str, float]:
        """Read the clearance back from where the walls stand, to 1e-12 m: wherever they do, it is the same."""
        (ax, ay, az), (bx, by, bz) = (
            pybullet.getBasePositionAndOrientation(wall, physicsClientId=self._client)[0] for wall in self._walls[:2]
        )
        apart = float(((ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2) ** 0.5)
        return {"hole.clearance": round(0.5 * (apart - self._hole.wall) - self._half_width[0] * self._size, 12)}

    def park(self) -> None:
        """Put the walls where nothing touches them: a contact remembered there is forgotten."""
        for index, wall in enumerate(self._walls):
            pybullet.resetBasePositionAndOrientation(
                wall, (0.0, 0.0, -5.0 - index), (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client
            )

    def place(self, pose: Sequence[float]) -> None:
        """Put the middle of the mouth at ``pose`` (7,): m and xyzw."""
        self._pose = pose
        (x, y), half_wall, half_depth = self._inner, 0.5 * self._hole.wall, 0.5 * self._hole.depth
        offsets = ((x + half_wall, 0.0), (-x - half_wall, 0.0), (0.0, y + half_wall), (0.0, -y - half_wall))
        turn = np.array(pybullet.getMatrixFromQuaternion(pose[3:])).reshape(3, 3)
        for wall, (along_x, along_y) in zip(self._walls, offsets, strict=True):
            centre = np.array(pose[:3]) + turn @ (along_x, along_y, -half_depth)
            pybullet.resetBasePositionAndOrientation(wall, centre.tolist(), pose[3:], physicsClientId=self._client)
