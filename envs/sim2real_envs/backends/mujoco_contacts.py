"""The contacts of a MuJoCo world: friction by product, and a spring and damper with the same numbers as in Bullet.

A contact of stiffness K and damping D, integrated implicitly over a step h, gives with penetration r, approach speed v
and acceleration a0 without contact the force (Bullet's error reduction and constraint force mixing say the same)

    f = -(K r + (D + h K) (v + h a0)) / (1 + h (D + h K) A),     A: inverse inertia at the contact.

MuJoCo's is f = (-b v - k r - a0) / (A + R). They are equal for

    R = 1 / (h (D + h K)),   b = 1 / h,   k = K / (h (D + h K)),

and MuJoCo takes R as a share of A, the impedance d = A / (A + R), by which it divides the given b and k. Friction has
the same b: what sticks stops within a step.

In MuJoCo's convex cone what slides at speed v along a contact leaves it at mu v: a pushed cube would hop. It does not
where the main solver's friction is so soft that it stays within its cone, R_t >= v / (h mu f), which ``impratio`` = R /
R_t is chosen for; the noslip pass then finds the friction under these normal forces, in the order of Bullet. Spinning
and rolling are made as soft: R_t (mu / mu_s)^2 is theirs. All of them share one cone, so that what slides spins more
freely than in Bullet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim2real_envs.backends.mujoco_scene import Pair
from sim2real_envs.backends.world_parameters import GRAVITY
from sim2real_envs.parameters import Domain

_OTHERS_DAMPING = 0.1  # [N s/m] that Bullet gives the other body of a contact
_SOFTEST, _HARDEST = 1e-4, 0.9999  # impedances that MuJoCo clips to
_SLIDING, _TURNING = 1.0, 20.0  # [m/s], [rad/s] up to which nothing hops
_FIRM, _CORRECTED = 0.9, 0.2  # of contacts without an object: impedance, share of a penetration undone in a step


class MujocoContacts:
    """Owns the pairs that may touch: friction and softness of each.

    Args:
        model: The compiled model.
        pairs: Its pairs.
    """

    def __init__(self, model: Any, pairs: Sequence[Pair]) -> None:
        self._model = model
        kinds = np.empty(len(pairs), dtype=object)
        for pair in pairs:  # the compiler sorts them
            kinds[model.pair(pair.name).id] = pair.kind
        of_object = np.array([kind.startswith("object") for kind in kinds], dtype=bool)
        self._of_object, self._others = np.flatnonzero(of_object), np.flatnonzero(~of_object)
        self._with_table = np.array([kind == "object-table" for kind in kinds[of_object]], dtype=bool)
        self._two_objects = np.array([kind == "object-object" for kind in kinds[of_object]], dtype=bool)
        self._table_of_arm = np.flatnonzero(kinds == "arm-table")
        self._arm_pair = int(np.flatnonzero(kinds == "object-arm")[0]) if of_object.any() else -1
        self._table_pair = int(np.flatnonzero(kinds == "object-table")[0]) if of_object.any() else -1
        bodies = model.geom_bodyid[np.stack([model.pair_geom1, model.pair_geom2])]  # (2, p)
        self._bodies = bodies[:, self._of_object]
        model.pair_dim[:] = 3
        model.pair_friction[:] = (1.0, 1.0, 0.0, 0.0, 0.0)

    def apply(self, domain: Domain, timestep: float) -> None:
        """Set friction and softness; after masses, which the softness depends on."""
        model = self._model
        model.pair_solref[self._others] = (-_CORRECTED * _FIRM / timestep**2, -_FIRM / timestep)
        model.pair_solimp[self._others, :2] = _FIRM
        if not self._of_object.size:
            return
        spin, roll = domain["object.spinning_friction"], domain["object.rolling_friction"]
        self._table_friction = domain["table.friction"]
        model.pair_friction[self._table_of_arm, :2] = self._table_friction
        model.pair_dim[self._of_object] = 6 if roll > 0.0 else 4 if spin > 0.0 else 3
        self._spin, self._roll = spin, roll
        self.slide(domain["object.friction"])
        hardest = self._soften(domain["physics.contact_stiffness"], domain["physics.contact_damping"], timestep)
        friction, turning, share = domain["object.friction"], max(spin, roll), 0.25 * GRAVITY * domain["object.mass"]
        within = min(friction / _SLIDING, friction**2 / (_TURNING * turning) if turning > 0.0 else math.inf)
        model.opt.impratio = hardest * timestep * share * within

    def slide(self, friction: float) -> None:
        """Set the coefficient of the objects; a contact's is the product with its partner's."""
        partner = np.where(self._with_table, self._table_friction, np.where(self._two_objects, friction, 1.0))
        turning = np.where(self._two_objects, 2.0 * friction, partner)  # Bullet: each one's own times the other's slide
        rows = self._model.pair_friction
        rows[self._of_object, :2] = (friction * partner)[:, None]
        rows[self._of_object, 2] = self._spin * turning
        rows[self._of_object, 3:] = (self._roll * turning)[:, None]

    def _soften(self, stiffness: float, damping: float, timestep: float) -> float:
        """Set the softness along the normals; return the least R of all pairs."""
        model = self._model
        springs = np.where(self._two_objects, 0.5 * stiffness, stiffness)
        dampers = np.where(self._two_objects, 2.0 * damping, damping + _OTHERS_DAMPING)
        effective = timestep * (dampers + timestep * springs)  # h (D + h K)
        mobility = self._mobility()
        impedance = np.clip(mobility / (mobility + 1.0 / effective), _SOFTEST, _HARDEST)
        model.pair_solimp[self._of_object, :2] = impedance[:, None]
        model.pair_solref[self._of_object, 0] = -impedance * springs / effective
        model.pair_solref[self._of_object, 1] = -impedance / timestep
        return float(1.0 / effective.max())

    def _mobility(self) -> Any:
        """Return A as MuJoCo takes it: the sum of the bodies' inverse weights, (p,) 1/kg."""
        return self._model.body_invweight0[self._bodies, 0].sum(axis=0)

    def applied(self) -> dict[str, float]:
        """Read every value back from the pairs."""
        model, table = self._model, self._table_pair
        own = model.pair_friction[self._arm_pair]
        impedance, (stiff, _) = model.pair_solimp[table, 0], model.pair_solref[table]
        timestep = model.opt.timestep
        mobility = self._mobility()[np.flatnonzero(self._of_object == table)[0]]
        effective = impedance / (mobility * (1.0 - impedance))
        stiffness = -stiff / impedance * effective
        return {
            "physics.contact_stiffness": stiffness,
            "physics.contact_damping": effective / timestep - timestep * stiffness - _OTHERS_DAMPING,
            "object.friction": own[0],
            "object.spinning_friction": own[2],
            "object.rolling_friction": own[3],
            "table.friction": model.pair_friction[table, 0] / own[0],
        }
