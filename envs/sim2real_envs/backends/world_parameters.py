"""The parameters that worlds have in common, whichever engine they stand in: names, nominal values, ranges, limits."""

from __future__ import annotations

from sim2real_envs.parameters import Parameter, ParameterSpace
from sim2real_envs.scene import Body, Hole

GRAVITY = 9.81
SIZE_STEP = 0.01  # object.size is snapped to this, so that an engine's bank of shapes stays small


def world_parameters(timestep: float) -> ParameterSpace:
    """Return the parameters of every world."""
    return ParameterSpace(
        [
            Parameter("physics.gravity", -GRAVITY, -10.0, -9.0, (-30.0, 0.0), "m/s2", doc="Gravity along z."),
            Parameter(
                "physics.timestep", timestep, min(0.001, timestep), max(0.004, timestep), (0.001, 0.01), "s",
                doc="Physics step, snapped to a whole fraction of the control period.",
            ),
        ]
    )  # fmt: skip


def arm_parameters(armature: float) -> ParameterSpace:
    """Return the parameters of the arm's links."""
    return ParameterSpace(
        [
            Parameter(
                "joint.armature", armature, 0.06, 0.2, (0.06, 1.0), "kg m2",
                doc="Reflected inertia of every motor, added to its link on all three axes.",
            ),
            Parameter(
                "joint.mass_scale", 1.0, 0.8, 1.2, (0.3, 3.0), "-",
                doc="Factor on mass and inertia of all links; the controller compensates the nominal weight.",
            ),
        ]
    )  # fmt: skip


def contact_parameters(body: Body) -> ParameterSpace:
    """Return the parameters of the object ``body``, of the table, and of the contact between them."""
    mass = body.mass or 0.1
    friction, slippery, rough = body.friction
    return ParameterSpace(
        [
            Parameter(
                "physics.contact_stiffness", 2e4, 5e3, 1e5, (1e3, 1e7), "N/m", log=True,
                doc="Stiffness of the object's contacts.",
            ),
            Parameter(
                "physics.contact_damping", 200.0, 50.0, 1000.0, (1.0, 1e5), "N s/m", log=True,
                doc="Damping of the object's contacts.",
            ),
            Parameter("object.mass", mass, 0.05, 0.5, (0.01, 5.0), "kg", log=True, doc="Mass of the object."),
            Parameter(
                "object.friction", friction, slippery, rough, (0.01, 2.0), "-",
                doc="Coulomb coefficient of the object; a contact's is the product with its partner's.",
            ),
            Parameter(
                "object.spinning_friction", 0.001, 0.0, 0.01, (0.0, 0.1), "m",
                doc="Resistance of the object's contacts to turning about the normal.",
            ),
            Parameter(
                "object.rolling_friction", 0.0, 0.0, 0.001, (0.0, 0.1), "m",
                doc="Resistance of the object's contacts to rolling.",
            ),
            Parameter(
                "object.restitution", 0.1, 0.0, 0.3, (0.0, 1.0), "-",
                doc="Restitution of the object; a contact's is the product with its partner's.",
            ),
            Parameter(
                "object.size", 1.0, 0.9, 1.1, (0.5, 1.5), "-", doc="Factor on the object's edges, in steps of 0.01."
            ),
            Parameter(
                "object.com_offset_x", 0.0, -0.005, 0.005, (-0.02, 0.02), "m",
                doc="Centre of mass from the geometric centre, along the object's own x.",
            ),
            Parameter(
                "object.com_offset_y", 0.0, -0.005, 0.005, (-0.02, 0.02), "m",
                doc="Centre of mass from the geometric centre, along the object's own y.",
            ),
            Parameter(
                "table.friction", 1.0, 0.8, 1.2, (0.01, 2.0), "-", doc="Coulomb coefficient of the table top."
            ),
            Parameter("table.restitution", 1.0, 0.5, 1.0, (0.0, 1.0), "-", doc="Restitution of the table top."),
        ]
    )  # fmt: skip


def hole_parameters(hole: Hole) -> ParameterSpace:
    """Return the parameters of a block with a hole."""
    return ParameterSpace(
        [
            Parameter(
                "hole.clearance", hole.clearance, 0.0005, 0.003, (0.0002, 0.01), "m",
                doc="Gap between object and wall on each side of the hole.",
            )
        ]
    )  # fmt: skip
