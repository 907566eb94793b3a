"""What the fingers feel in PyBullet: contact forces, averaged over a control period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from sim2real_envs.backends.engine import pybullet

Force: TypeAlias = tuple[float, float, float]
SAMPLES = 4  # per control period
_NO_FORCE: Force = (0.0, 0.0, 0.0)


class FingerTouch:
    """The forces of objects on the fingers, (f, 3) N, world frame.

    The end of a period says little: a push is a few pulses within it, and between them nothing touches.

    Args:
        client: PyBullet's client id.
        arm: Body id of the arm.
        fingers: Link indices of the fingers, (f).
    """

    def __init__(self, client: int, arm: int, fingers: Sequence[int]) -> None:
        self._client, self._arm, self._fingers = client, arm, fingers
        self._untouched = [_NO_FORCE] * len(fingers)
        self._samples: list[list[Force]] = []

    def begin(self) -> None:
        """Forget the last period."""
        self._samples = []

    def now(self, objects: Sequence[int]) -> list[Force]:
        """Return the forces of ``objects``, body ids, at this moment."""
        forces: dict[int, Force] = {}
        for body in objects:
            for contact in pybullet.getContactPoints(bodyA=self._arm, bodyB=body, physicsClientId=self._client):
                forces[contact[3]] = _added(forces.get(contact[3], _NO_FORCE), contact)
        return [forces.get(finger, _NO_FORCE) for finger in self._fingers] if forces else self._untouched

    def sample(self, objects: Sequence[int]) -> None:
        """Keep the forces of this moment for the mean."""
        if objects:
            self._samples.append(self.now(objects))

    def mean(self) -> Sequence[Sequence[float]]:
        """Return the mean over the samples of the period."""
        samples = [sample for sample in self._samples if sample is not self._untouched]
        if not samples:
            return self._untouched
        share = 1.0 / len(self._samples)
        return [
            [share * sum(sample[finger][axis] for sample in samples) for axis in range(3)]
            for finger in range(len(self._fingers))
        ]


def _added(force: Force, contact: Any) -> Force:
    """Return ``force`` plus one contact's normal and two friction forces on body A (contactNormalOnB points to A)."""
    normal, magnitude = contact[7], contact[9]
    first, along_first, second, along_second = contact[11], contact[10], contact[13], contact[12]
    return (
        force[0] + normal[0] * magnitude + first[0] * along_first + second[0] * along_second,
        force[1] + normal[1] * magnitude + first[1] * along_first + second[1] * along_second,
        force[2] + normal[2] * magnitude + first[2] * along_first + second[2] * along_second,
    )
