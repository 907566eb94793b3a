"""The randomizable numbers of a PyBullet world: set, and read back from the engine.

PyBullet accepts many calls that change nothing, so every value is read from
where it acts. Two facts shape this file: size and centre of mass cannot change
in place, so the object is re-created from a bank of shapes that are made once;
and a body's contact numbers combine with its partner's (friction and
restitution by product), which is why the arm's and the table's stand here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim2real_envs.backends.bullet_body import COM, FRICTION, INERTIA, MASS, RESTITUTION, read_body, set_body
from sim2real_envs.backends.bullet_hole import BulletHole
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.backends.world_parameters import (
    GRAVITY,
    SIZE_STEP,
    arm_parameters,
    contact_parameters,
    world_parameters,
)
from sim2real_envs.gripper import FINGER_MASS
from sim2real_envs.parameters import Domain
from sim2real_envs.scene import Body, Scene

_FINGER_FRICTION, _FINGER_RESTITUTION = 1.0, 0.5
_SOLVER_ITERATIONS = 20
_GRASP_RESIDUAL = 1e-5  # at which the solver stops: as firm a grip as with the default of 1e-7, in a tenth less time


class BulletParameters:
    """Applies a domain to the bodies of one client and reads it back.

    Args:
        client: PyBullet's client id.
        scene: What stands where.
        arm: Body id of the arm.
        table: Body id of the table.
        period: Control period [s].
        timestep: Nominal physics step [s].
    """

    def __init__(self, client: int, scene: Scene, arm: int, table: int, period: float, timestep: float) -> None:
        self._client, self._arm, self._table, self._period = client, arm, table, period
        self._bodies, self._hole = scene.objects, None
        self.objects: list[int] = []
        self.replaced = 0  # bodies so far
        self.timestep, self.substeps = timestep, round(period / timestep)
        self.gravity_compensation = self.mass_scale = 1.0
        self.armature = scene.arm.armature
        self._made: tuple[float, float, float] | None = None
        self._com = (0.0, 0.0, 0.0)
        self._bank: dict[tuple[int, float], tuple[int, int]] = {}
        links = range(pybullet.getNumJoints(arm, physicsClientId=client))
        if scene.fingers_move:
            self._weigh_fingers(scene)
            pybullet.setPhysicsEngineParameter(solverResidualThreshold=_GRASP_RESIDUAL, physicsClientId=client)
        self._links = [self._dynamics(arm, link) for link in links]
        self._driven = scene.arm.size
        self.space = world_parameters(timestep) | arm_parameters(scene.arm.armature)
        if scene.objects:
            self.space |= contact_parameters(scene.objects[0])
        if scene.hole is not None:
            self._hole = BulletHole(client, scene.hole, scene.objects[0].half_extents[:2])
            self.space |= self._hole.parameters
        self.friction = self._payload = 0.0
        for link in links:
            pybullet.changeDynamics(
                arm, link, lateralFriction=_FINGER_FRICTION, restitution=_FINGER_RESTITUTION, physicsClientId=client
            )

    def _weigh_fingers(self, scene: Scene) -> None:
        """Give the fingers their motor's inertia, and take its weight off the hand."""
        hand, added = scene.arm.size - 1, 0.0
        for finger in range(scene.arm.size, scene.arm.size + len(scene.arm.fingers)):
            own = self._dynamics(self._arm, finger)
            factor = FINGER_MASS / own[MASS]
            self._set_mass(finger, FINGER_MASS, [axis * factor for axis in own[INERTIA]])
            added += FINGER_MASS - own[MASS]
        own = self._dynamics(self._arm, hand)
        self._set_mass(hand, own[MASS] - added, own[INERTIA])

    # -- set ----------------------------------------------------------------------------------------------------

    def apply(self, domain: Domain) -> None:
        """Set every parameter; each is a function of its nominal value and ``domain``, never of what is in force."""
        self.substeps = max(1, round(self._period / domain["physics.timestep"]))
        self.timestep = self._period / self.substeps
        pybullet.setGravity(0.0, 0.0, domain["physics.gravity"], physicsClientId=self._client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=self.timestep,
            numSolverIterations=_SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
            physicsClientId=self._client,
        )
        self._payload = 0.0
        self._apply_to_arm(domain["joint.mass_scale"], domain["joint.armature"])
        self.mass_scale, self.armature = domain["joint.mass_scale"], domain["joint.armature"]
        pull = -domain["physics.gravity"]
        self.gravity_compensation = GRAVITY / pull if pull > 0.0 else 0.0  # of the nominal arm's weight
        if self._bodies:
            self._apply_to_objects(domain)
        if self._hole is not None:
            self._hole.apply(domain)

    def _apply_to_arm(self, scale: float, armature: float) -> None:
        for link, nominal in enumerate(self._links):
            added = armature if link < self._driven else 0.0
            pybullet.changeDynamics(
                self._arm,
                link,
                mass=nominal[MASS] * scale,
                localInertiaDiagonal=[axis * scale + added for axis in nominal[INERTIA]],
                physicsClientId=self._client,
            )

    def _apply_to_objects(self, domain: Domain) -> None:
        wanted = (
            round(domain["object.size"] / SIZE_STEP) * SIZE_STEP,
            domain["object.com_offset_x"],
            domain["object.com_offset_y"],
        )
        if wanted != self._made:
            self._make_objects(*wanted)
            self._made = wanted
        self.friction = domain["object.friction"]
        for body in self.objects:
            set_body(self._client, body, domain)
        pybullet.changeDynamics(
            self._table,
            -1,
            lateralFriction=domain["table.friction"],
            restitution=domain["table.restitution"],
            physicsClientId=self._client,
        )

    def _make_objects(self, size: float, com_x: float, com_y: float) -> None:
        client = self._client
        for made in self.objects:
            pybullet.removeBody(made, physicsClientId=client)
        self.replaced += len(self.objects)
        self._com = (com_x, com_y, 0.0)
        self.objects = []
        for index, body in enumerate(self._bodies):
            if (index, size) not in self._bank:
                self._bank[index, size] = _shapes(body, size, client)
            shape, visual = self._bank[index, size]
            made = pybullet.createMultiBody(
                1.0, shape, visual, body.position, baseInertialFramePosition=self._com, physicsClientId=client
            )
            self.objects.append(made)

    # -- read back ----------------------------------------------------------------------------------------------

    def applied(self) -> dict[str, float]:
        """Read every value from the engine."""
        engine = pybullet.getPhysicsEngineParameters(physicsClientId=self._client)
        first, nominal = self._dynamics(self._arm, 0), self._links[0]
        scale = first[MASS] / nominal[MASS]
        values = {
            "physics.gravity": engine["gravityAccelerationZ"],
            "physics.timestep": engine["fixedTimeStep"],
            "joint.armature": first[INERTIA][2] - nominal[INERTIA][2] * scale,
            "joint.mass_scale": scale,
        }
        if self.objects:
            values |= self._applied_to_object(self._bodies[0], self.objects[0])
        if self._hole is not None:
            values |= self._hole.applied()
        return {name: float(values[name]) for name in self.space}

    def _applied_to_object(self, body: Body, object_id: int) -> dict[str, float]:
        own, table = self._dynamics(object_id, -1), self._dynamics(self._table, -1)
        edges = pybullet.getCollisionShapeData(object_id, -1, physicsClientId=self._client)[0][3]
        edge = 2.0 * body.half_extents[0 if body.shape == "box" else 2]
        return {
            **read_body(self._client, object_id),
            "object.size": edges[0] / edge,  # of a cylinder, its height
            "object.com_offset_x": own[COM][0],
            "object.com_offset_y": own[COM][1],
            "table.friction": table[FRICTION],
            "table.restitution": table[RESTITUTION],
        }

    def _set_mass(self, link: int, mass: float, inertia: Sequence[float]) -> None:
        pybullet.changeDynamics(self._arm, link, mass=mass, localInertiaDiagonal=inertia, physicsClientId=self._client)

    def _dynamics(self, body: int, link: int) -> tuple[Any, ...]:
        info: tuple[Any, ...] = pybullet.getDynamicsInfo(body, link, physicsClientId=self._client)
        return info

    # -- within an episode ---------------------------------------------------------------------------------------

    def drift(self, factor: float) -> None:
        """Set the friction of the objects to ``factor`` times what the domain says."""
        for body in self.objects:
            pybullet.changeDynamics(body, -1, lateralFriction=self.friction * factor, physicsClientId=self._client)

    def load(self, payload: float) -> None:
        """Add ``payload`` [kg] to the last driven link; inverse dynamics stay those of the nominal arm."""
        if payload == self._payload:
            return
        self._payload = payload
        mass = self._links[self._driven - 1][MASS] * self.mass_scale + payload
        nominal = self._links[self._driven - 1][INERTIA]
        inertia = [axis * self.mass_scale + self.armature for axis in nominal]
        pybullet.changeDynamics(
            self._arm, self._driven - 1, mass=mass, localInertiaDiagonal=inertia, physicsClientId=self._client
        )

    # -- the objects' frames --------------------------------------------------------------------------------------

    def place_object(self, index: int, pose: Sequence[float], twist: Sequence[float]) -> None:
        """Put an object's geometric centre at ``pose`` (7,): m and xyzw, moving with ``twist`` (6,): m/s and rad/s."""
        place, orientation, body = pose[:3], pose[3:], self.objects[index]
        offset = self._turned(self._com, orientation)
        centre = [a + b for a, b in zip(place, offset, strict=True)]
        pybullet.resetBasePositionAndOrientation(body, centre, orientation, physicsClientId=self._client)
        pybullet.resetBaseVelocity(body, twist[:3], twist[3:], physicsClientId=self._client)

    def park_hole(self) -> None:
        """Put the block with the hole out of the way."""
        if self._hole is not None:
            self._hole.park()

    def place_hole(self, pose: Sequence[float]) -> None:
        """Put the block with the hole at ``pose`` (7,): the middle of its mouth, m and xyzw."""
        if self._hole is not None:
            self._hole.place(pose)

    def geometric_centre(self, com: Sequence[float], orientation: Sequence[float]) -> Sequence[float]:
        """Return an object's geometric centre [m] where its centre of mass is at ``com``."""
        if self._com == (0.0, 0.0, 0.0):
            return com
        return [a - b for a, b in zip(com, self._turned(self._com, orientation), strict=True)]

    def _turned(self, vector: Sequence[float], orientation: Sequence[float]) -> Sequence[float]:
        turned: Sequence[float] = pybullet.rotateVector(orientation, vector)
        return turned

    def table_contacts(self) -> Sequence[object]:
        """Return the contacts between arm and table."""
        contacts: Sequence[object] = pybullet.getContactPoints(
            bodyA=self._arm, bodyB=self._table, physicsClientId=self._client
        )
        return contacts


def _shapes(body: Body, size: float, client: int) -> tuple[int, int]:
    """Return the collision and the visual shape of ``body``, scaled by ``size``."""
    half = [extent * size for extent in body.half_extents]
    colour = (*body.colour, 1.0)
    if body.shape == "cylinder":
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_CYLINDER, radius=half[0], height=2.0 * half[2], physicsClientId=client
        )
        visual = pybullet.createVisualShape(
            pybullet.GEOM_CYLINDER, radius=half[0], length=2.0 * half[2], rgbaColor=colour, physicsClientId=client
        )
        return shape, visual
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half, physicsClientId=client)
    visual = pybullet.createVisualShape(pybullet.GEOM_BOX, halfExtents=half, rgbaColor=colour, physicsClientId=client)
    return shape, visual
