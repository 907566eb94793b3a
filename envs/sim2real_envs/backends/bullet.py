"""The PyBullet world: one DIRECT-mode client per environment."""

from __future__ import annotations

import contextlib
import inspect
import math
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import pybullet_data

from sim2real_envs.actuators import JointLaw, Transmission
from sim2real_envs.arms.urdf import write_urdf
from sim2real_envs.backends.base import ENGINE, BodyReading, Disturbance, Reading
from sim2real_envs.backends.bullet_camera import BulletCamera
from sim2real_envs.backends.bullet_parameters import BulletParameters
from sim2real_envs.backends.bullet_touch import SAMPLES, FingerTouch
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.errors import ClosedError, EnvError
from sim2real_envs.gripper import finger_forces
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.scene import Body, Scene
from sim2real_envs.state import RobotState, WorldState, frozen

_MOST_REPLACED = 400  # bodies in the life of a world: 0.4 MB


class BulletBackend:
    """A scene in PyBullet.

    Args:
        scene: What stands where.
        period: Control period [s].
        timestep: Nominal physics step [s].
        render: Whether a goal marker is shown for pictures.
    """

    def __init__(self, scene: Scene, period: float, timestep: float, *, render: bool = False) -> None:
        self._client = pybullet.connect(pybullet.DIRECT)
        if self._client < 0:
            raise EnvError("PyBullet could not open another physics client (the limit is 1024 per process).")
        self._scene, self._period, self._nominal_timestep, self._render = scene, period, timestep, render
        self._closed = False
        self._joints = list(range(scene.arm.size))
        self._fingers = list(range(scene.arm.size, scene.arm.size + len(scene.arm.fingers)))
        self._driven = self._joints + (self._fingers if scene.fingers_move else [])
        self._disturbance = Disturbance()
        self._torque = [0.0] * scene.arm.size
        self._zeros = [0.0] * scene.arm.size
        self._law_in_force: tuple[JointLaw, float, Disturbance] | None = None
        self._kinematics = Kinematics(scene.arm)
        self._camera: BulletCamera | None = None
        self._build()

    # -- parameters ---------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> ParameterSpace:
        """``physics.*``, the links' ``joint.*``; ``object.*`` and ``table.*`` where there is an object."""
        return self._parameters.space

    @property
    def timestep(self) -> float:
        """Physics step in force [s]."""
        return self._parameters.timestep

    @property
    def substeps(self) -> int:
        """Physics steps in a control period."""
        return self._parameters.substeps

    def apply(self, domain: Domain) -> None:
        """Set every parameter of the world; may replace the object's body.

        PyBullet keeps 0.9 kB of every body that it removes until the whole world goes: after some hundred replacements
        the world is built anew, in which everything has the number that it had.
        """
        if self._parameters.replaced >= _MOST_REPLACED:
            pybullet.resetSimulation(physicsClientId=self._client)
            self._build()
        self._parameters.apply(domain)

    def applied(self) -> dict[str, float]:
        """Read every value back from the engine."""
        return self._parameters.applied()

    def joint_inertia(self) -> tuple[float, ...]:
        """Return 1 / diag(M^-1) at the home pose, (n,) kg m2.

        M is linear in masses, inertias and armature, so it follows from the nominal one.
        """
        scale, armature = self._parameters.mass_scale, self._parameters.armature
        bare = self._nominal_masses - self._scene.arm.armature * self._unit_armature
        matrix = self._nominal_masses + (scale - 1.0) * bare
        matrix += (armature - self._scene.arm.armature) * self._unit_armature
        inverse = np.linalg.inv(matrix)
        return tuple((1.0 / np.diag(inverse))[: self._scene.arm.size].tolist())

    # -- episodes -----------------------------------------------------------------------------------------------

    def reset(self, state: WorldState) -> None:
        """Put arm, object and goal marker into ``state``.

        PyBullet's contact cache survives a reset: bodies are first moved apart
        and collisions detected once, which empties it, and only then placed.
        """
        client, values = self._client, state.values
        self._park_objects()
        positions = values["joint.position"].tolist()
        velocities = values["joint.velocity"].tolist() if "joint.velocity" in values else self._zeros
        if self._scene.fingers_move:
            positions = positions + values["finger.position"].tolist()
            velocities = velocities + [0.0] * len(self._fingers)
        for joint, position, speed in zip(self._driven, positions, velocities, strict=True):
            pybullet.resetJointState(self._arm, joint, position, speed, physicsClientId=client)
        pybullet.performCollisionDetection(physicsClientId=client)
        for index, body in enumerate(self._scene.objects):
            pose, twist = values[f"{body.name}.pose"].tolist(), [0.0] * 6
            if f"{body.name}.twist" in values:
                twist = values[f"{body.name}.twist"].tolist()
            self._parameters.place_object(index, pose, twist)
        if "hole.pose" in values:
            self._parameters.place_hole(values["hole.pose"].tolist())
        if self._goal is not None and "goal" in values:
            goal = values["goal"].tolist()
            pybullet.resetBasePositionAndOrientation(self._goal, goal, (0, 0, 0, 1), physicsClientId=client)
        self._torque = [0.0] * len(self._joints)
        self._touch.begin()
        self.disturb(Disturbance())

    def disturb(self, disturbance: Disturbance) -> None:
        """Let ``disturbance`` act from now on; its impulse acts once."""
        before, self._disturbance = self._disturbance, disturbance
        if disturbance.friction_factor != before.friction_factor:
            self._parameters.drift(disturbance.friction_factor)
        self._parameters.load(disturbance.payload)
        if any(disturbance.object_impulse) and self._parameters.objects:
            body = self._parameters.objects[0]
            linear, angular = pybullet.getBaseVelocity(body, physicsClientId=self._client)
            mass = pybullet.getDynamicsInfo(body, -1, physicsClientId=self._client)[0]
            pushed = [v + impulse / mass for v, impulse in zip(linear, disturbance.object_impulse, strict=True)]
            pybullet.resetBaseVelocity(body, pushed, angular, physicsClientId=self._client)

    def advance(self, law: JointLaw, commands: Sequence[tuple[int, Sequence[float]]], substeps: int) -> None:
        """Run ``substeps`` physics steps under ``law``: the inner loop, on plain floats."""
        if law.transmission is not None:
            self._advance_through(law.transmission, law, commands, substeps)
            return
        arm, driven, client = self._arm, self._driven, self._client
        size, fingers_move = len(self._joints), self._scene.fingers_move
        step, torque_mode = pybullet.stepSimulation, pybullet.TORQUE_CONTROL
        get_states, set_torques = pybullet.getJointStates, pybullet.setJointMotorControlArray
        gravity_torques = pybullet.calculateInverseDynamics
        rest = self._zeros + self._finger_zeros()
        compensation, viscous, friction = self._parameters.gravity_compensation, law.viscous, law.friction
        weigh = compensation != 1.0
        constants, grip = self._constants_of(law)
        torques, done = self._torque, 0
        stride = next_sample = max(1, substeps // SAMPLES)
        touch, objects = self._touch, self._parameters.objects
        touch.begin()
        ends = [begin for begin, _ in commands[1:]] + [substeps]
        begin = 0
        for (_, target), end in zip(commands, ends, strict=True):
            for _ in range(begin, end):
                states = get_states(arm, driven, client)  # names instead of places would cost 0.2 us a call
                position = [joint[0] for joint in states]
                gravity = gravity_torques(arm, position, rest, rest, 0, client)
                if weigh:
                    gravity = [weight * compensation for weight in gravity]
                torques = []
                for row, (angle, speed, _, _), want, weight in zip(constants, states, target, gravity, strict=False):
                    keep, pull, slip, kp, kd, inertia_rate, strength, hold, push = row
                    error = want - hold * angle
                    free = keep * speed + pull * error  # v*
                    if free > slip:  # slips forward, v' = free - slip
                        after = free - slip
                        motor = kp * error - kd * after + weight
                        lost = viscous * after + friction
                    elif free < -slip:
                        after = free + slip
                        motor = kp * error - kd * after + weight
                        lost = viscous * after - friction
                    else:  # sticks, v' = 0
                        motor = kp * error
                        lost = inertia_rate * speed + motor
                        motor += weight
                    if motor > strength:
                        motor = strength
                    elif motor < -strength:
                        motor = -strength
                    torques.append(motor - lost + push)
                if fingers_move:
                    torques += finger_forces(grip, states[size], states[size + 1], target[size])
                set_torques(arm, driven, torque_mode, forces=torques, physicsClientId=client)
                step(client)
                done += 1
                if done == next_sample:
                    touch.sample(objects)
                    next_sample += stride
            begin = end
        self._torque = torques[:size]

    def _advance_through(
        self, transmission: Transmission, law: JointLaw, commands: Sequence[tuple[int, Sequence[float]]], substeps: int
    ) -> None:
        """Run physics steps in which motors and links are not the same."""
        arm, driven, client, size = self._arm, self._driven, self._client, len(self._joints)
        rest = self._zeros + self._finger_zeros()
        disturbance, grip = self._disturbance, self._constants_of(law)[1]
        push = disturbance.arm_torque or self._zeros
        starts = dict(commands)
        stride = max(1, substeps // SAMPLES)
        self._touch.begin()
        target, torques = commands[0][1], self._torque
        for substep in range(substeps):
            target = starts.get(substep, target)
            states = pybullet.getJointStates(arm, driven, physicsClientId=client)
            position = [joint[0] for joint in states]
            gravity = pybullet.calculateInverseDynamics(arm, position, rest, rest, 0, client)
            weight = [each * self._parameters.gravity_compensation for each in gravity[:size]]
            speed = [joint[1] for joint in states[:size]]
            torques = transmission.torques(
                law, self.timestep, position[:size], speed, target, weight, disturbance.stiffness_factor
            )
            forces = [torque + extra for torque, extra in zip(torques, push, strict=True)]
            if self._scene.fingers_move:
                forces += finger_forces(grip, states[size], states[size + 1], target[size])
            pybullet.setJointMotorControlArray(
                arm, driven, pybullet.TORQUE_CONTROL, forces=forces, physicsClientId=client
            )
            pybullet.stepSimulation(client)
            if (substep + 1) % stride == 0:
                self._touch.sample(self._parameters.objects)
        self._torque = torques

    # -- looking ------------------------------------------------------------------------------------------------

    def read(self) -> Reading:
        """Return the numbers that a control step needs."""
        client, parameters = self._client, self._parameters
        states = pybullet.getJointStates(self._arm, self._driven, physicsClientId=client)
        size = len(self._joints)
        position, velocity = [joint[0] for joint in states], [joint[1] for joint in states[:size]]
        fingers = position[size:] or [0.0] * len(self._fingers)
        bodies = []
        for body in parameters.objects:
            com, orientation = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)
            linear, angular = pybullet.getBaseVelocity(body, physicsClientId=client)
            bodies.append(BodyReading(parameters.geometric_centre(com, orientation), orientation, linear, angular))
        return Reading(
            position[:size], velocity, fingers, tuple(bodies), self._touch.mean(), bool(parameters.table_contacts())
        )

    def state(self) -> RobotState:
        """Return the complete true state."""
        if self._closed:
            raise ClosedError("This environment is closed: make a new one.")
        reading = self.read()
        position, velocity = np.array(reading.joint_position), np.array(reading.joint_velocity)
        tool = self._kinematics.tool(position)
        motion = tool.jacobian @ velocity
        forces = frozen(self._touch.now(self._parameters.objects))
        names = [body.name for body in self._scene.objects]
        poses = {name: frozen([*b.position, *b.orientation]) for name, b in zip(names, reading.bodies, strict=True)}
        twists = {name: frozen([*b.velocity, *b.spin]) for name, b in zip(names, reading.bodies, strict=True)}
        return RobotState(
            time=0.0,
            joint_position=frozen(position),
            joint_velocity=frozen(velocity),
            joint_torque=frozen(self._torque),
            tool_position=frozen(tool.position),
            tool_orientation=frozen(
                pybullet.getLinkState(self._arm, self._fingers[0], physicsClientId=self._client)[5]
            ),
            tool_linear_velocity=frozen(motion[:3]),
            tool_angular_velocity=frozen(motion[3:]),
            finger_position=frozen(reading.finger_position),
            finger_forces=forces,
            gripper_force=float(np.linalg.norm(forces, axis=1).min(initial=math.inf)),
            object_poses=poses,
            object_twists=twists,
        )

    def timed_parts(self) -> list[tuple[str, Any, str]]:
        """Return all of PyBullet's functions, its own step first."""
        named = {
            "stepSimulation": "stepSimulation",
            "getJointStates": "joint states",
            "calculateInverseDynamics": "gravity torques",
            "setJointMotorControlArray": "set torques",
            "getContactPoints": "contacts",
            "getCameraImage": "pictures",
        }
        others = (name for name, value in vars(pybullet).items() if inspect.isbuiltin(value) and name not in named)
        parts = [(ENGINE + what, pybullet, name) for name, what in named.items()]
        return parts + [(ENGINE + "other calls", pybullet, name) for name in others]

    def photographer(self) -> BulletCamera:
        """Return what takes pictures of this world; the table becomes part of their backdrop."""
        names = [body.name for body in self._scene.objects]
        marker = () if self._goal is None else (self._goal,)
        self._camera = BulletCamera(
            self._client, self._table, lambda: dict(zip(names, self._parameters.objects, strict=True)), marker
        )
        return self._camera

    def close(self) -> None:
        """Disconnect; may be called twice."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(pybullet.error):
                pybullet.disconnect(physicsClientId=self._client)

    def _constants_of(self, law: JointLaw) -> tuple[list[tuple[float, ...]], tuple[float, ...]]:
        """Return the constants of joints and gripper, which seldom change from one period to the next."""
        if self._law_in_force != (law, self.timestep, self._disturbance):
            now, timestep = self._disturbance, self.timestep
            self._law_in_force = (law, timestep, now)
            self._constants = law.constants(timestep, now.stiffness_factor, now.arm_torque)
            self._grip = law.gripper.constants(timestep)
        return self._constants, self._grip

    # -- building -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """Put everything into an empty world, always in the same order."""
        scene = self._scene
        self._arm = self._load_arm(scene)
        self._touch = FingerTouch(self._client, self._arm, self._fingers)
        self._table = self._make_box(scene.table)
        self._goal = self._make_marker(scene) if self._render else None
        self._parameters = BulletParameters(
            self._client, scene, self._arm, self._table, self._period, self._nominal_timestep
        )
        self._free_the_joints()
        self._parameters.apply(self._parameters.space.nominal())
        self._nominal_masses, self._unit_armature = self._mass_matrices()
        if self._camera is not None:
            self._camera.hide_table()

    def _load_arm(self, scene: Scene) -> int:
        # PyBullet would keep every file that it reads for as long as the process lives
        pybullet.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=self._client)
        with tempfile.TemporaryDirectory() as folder:
            path = write_urdf(scene.arm, pybullet_data.getDataPath(), folder, fingers_move=scene.fingers_move)
            arm: int = pybullet.loadURDF(
                str(path),
                useFixedBase=True,
                flags=pybullet.URDF_USE_INERTIA_FROM_FILE,
                physicsClientId=self._client,
            )
        return arm

    def _free_the_joints(self) -> None:
        """Switch off PyBullet's own joint motors and damping: the joint law is the only actuator."""
        count, client = pybullet.getNumJoints(self._arm, physicsClientId=self._client), self._client
        for joint in range(count):
            pybullet.setJointMotorControl2(
                self._arm, joint, pybullet.VELOCITY_CONTROL, force=0.0, physicsClientId=client
            )
        for link in range(-1, count):
            pybullet.changeDynamics(
                self._arm, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0, physicsClientId=client
            )

    def _mass_matrices(self) -> tuple[Array, Array]:
        """Return M at home (n, n) as it stands now, and what armature of 1 kg m2 on every driven link adds to it.

        PyBullet keeps the masses of the first call for this and for inverse dynamics, whatever is changed later:
        the first call is here, so that inverse dynamics are always those of the nominal arm.
        """
        arm = self._scene.arm
        home = [*arm.home, *self._finger_zeros()]
        masses = np.array(pybullet.calculateMassMatrix(self._arm, home, physicsClientId=self._client))
        axes = self._kinematics.tool(np.array(arm.home)).jacobian[3:]  # (3, n)
        order = np.arange(arm.size)
        carried = arm.size - np.maximum(order[:, None], order)  # links that turn with both joints
        unit = np.zeros_like(masses)
        unit[: arm.size, : arm.size] = axes.T @ axes * carried
        return masses, unit

    def _make_box(self, body: Body) -> int:
        client = self._client
        shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=body.half_extents, physicsClientId=client)
        visual = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=body.half_extents, rgbaColor=(*body.colour, 1.0), physicsClientId=client
        )
        box: int = pybullet.createMultiBody(0.0, shape, visual, body.position, physicsClientId=client)
        return box

    def _make_marker(self, scene: Scene) -> int:
        visual = pybullet.createVisualShape(
            pybullet.GEOM_BOX,
            halfExtents=scene.goal_half_extents,
            rgbaColor=(0.1, 0.75, 0.3, 1.0),
            physicsClientId=self._client,
        )
        marker: int = pybullet.createMultiBody(0.0, -1, visual, (0.0, 0.0, -1.0), physicsClientId=self._client)
        return marker

    def _park_objects(self) -> None:
        for index in range(len(self._parameters.objects)):
            self._parameters.place_object(index, [0.0, 0.0, 50.0 + index, 0.0, 0.0, 0.0, 1.0], [0.0] * 6)
        self._parameters.park_hole()

    def _finger_zeros(self) -> list[float]:
        return [0.0] * len(self._fingers) if self._scene.fingers_move else []
