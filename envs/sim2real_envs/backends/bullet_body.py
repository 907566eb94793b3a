"""The numbers of one free body in PyBullet: set together, and read back."""

from __future__ import annotations

from typing import Any

from sim2real_envs.backends.engine import pybullet
from sim2real_envs.parameters import Domain

# Places in what getDynamicsInfo returns.
MASS, FRICTION, INERTIA, COM, RESTITUTION, ROLLING, SPINNING, DAMPING, STIFFNESS = 0, 1, 2, 3, 5, 6, 7, 8, 9


def set_body(client: int, body: int, domain: Domain, **more: Any) -> None:
    """Set mass, friction, restitution and contact of ``body`` from ``object.*`` and ``physics.contact_*``.

    It moves without damping and never sleeps. ``more`` goes to PyBullet's ``changeDynamics``.
    """
    pybullet.changeDynamics(
        body,
        -1,
        mass=domain["object.mass"],
        lateralFriction=domain["object.friction"],
        spinningFriction=domain["object.spinning_friction"],
        rollingFriction=domain["object.rolling_friction"],
        restitution=domain["object.restitution"],
        contactStiffness=domain["physics.contact_stiffness"],
        contactDamping=domain["physics.contact_damping"],
        linearDamping=0.0,
        angularDamping=0.0,
        activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING,
        physicsClientId=client,
        **more,
    )


def read_body(client: int, body: int) -> dict[str, float]:
    """Return what ``set_body`` sets, as the engine has it."""
    own = pybullet.getDynamicsInfo(body, -1, physicsClientId=client)
    return {
        "physics.contact_stiffness": float(own[STIFFNESS]),
        "physics.contact_damping": float(own[DAMPING]),
        "object.mass": float(own[MASS]),
        "object.friction": float(own[FRICTION]),
        "object.spinning_friction": float(own[SPINNING]),
        "object.rolling_friction": float(own[ROLLING]),
        "object.restitution": float(own[RESTITUTION]),
    }
