"""The MuJoCo world: one model and one data per environment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from sim2real_envs.actuators import JointLaw
from sim2real_envs.backends.base import ENGINE, BodyReading, Disturbance, Reading
from sim2real_envs.backends.mujoco_arm import GRIP, RACK, mesh_files
from sim2real_envs.backends.mujoco_parameters import MujocoParameters
from sim2real_envs.backends.mujoco_scene import mjcf_text
from sim2real_envs.backends.mujoco_touch import SAMPLES, MujocoTouch
from sim2real_envs.cameras import Photographer
from sim2real_envs.errors import ClosedError
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.scene import Scene
from sim2real_envs.state import RobotState, WorldState, frozen

if TYPE_CHECKING:
    from sim2real_envs.backends.mujoco_camera import MujocoCamera


class MujocoBackend:
    """A scene in MuJoCo.

    Args:
        scene: What stands where.
        period: Control period [s].
        timestep: Nominal physics step [s].
    """

    def __init__(self, scene: Scene, period: float, timestep: float) -> None:
        self._scene, self._period, self._nominal_timestep = scene, period, timestep
        self._size = scene.arm.size
        self._fingers = len(scene.arm.fingers)
        self._model = mujoco.MjModel.from_xml_string(mjcf_text(scene, timestep), mesh_files(scene.arm))
        self._data = mujoco.MjData(self._model)
        self._driven = self._size + (self._fingers if scene.fingers_move else 0)
        self._parameters = MujocoParameters(self._model, scene, period, timestep)
        self._parameters.apply(self._parameters.space.nominal())
        self._touch = MujocoTouch(self._data, scene)
        self._kinematics = Kinematics(scene.arm)
        self._disturbance = Disturbance()
        self._law_in_force: tuple[JointLaw, float, float] | None = None
        self._camera: MujocoCamera | None = None
        self._fixed: dict[str, Array] = {}  # what stands still in an episode, for pictures
        self._closed = False

    # -- parameters ---------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> ParameterSpace:
        """``physics.*``, the links' ``joint.*``; ``object.*`` and ``table.*`` where there is an object."""
        return self._parameters.space

    @property
    def timestep(self) -> float:
        """Physics step in force [s]."""
        return float(self._model.opt.timestep)

    @property
    def substeps(self) -> int:
        """Physics steps in a control period."""
        return self._parameters.substeps

    def apply(self, domain: Domain) -> None:
        """Set every parameter of the world."""
        self._parameters.apply(domain)
        if self._camera is not None:
            self._camera.apply(domain)

    def applied(self) -> dict[str, float]:
        """Read every value back from the model."""
        return self._parameters.applied()

    def joint_inertia(self) -> tuple[float, ...]:
        """Return 1 / diag(M^-1) at the home pose, (n,) kg m2."""
        inverse = np.linalg.inv(self._parameters.masses(self._kinematics.home))
        return tuple((1.0 / np.diag(inverse))[: self._size].tolist())

    # -- episodes -----------------------------------------------------------------------------------------------

    def reset(self, state: WorldState) -> None:
        """Put arm and objects into ``state``; solver and contacts start from nothing."""
        model, data, values = self._model, self._data, state.values
        mujoco.mj_resetData(model, data)
        data.warning.number[:] = 1  # each is printed, and logged in the working folder, the first time only
        data.qpos[: self._size] = values["joint.position"]
        if "joint.velocity" in values:
            data.qvel[: self._size] = values["joint.velocity"]
        if self._scene.fingers_move:
            data.qpos[self._size : self._driven] = values["finger.position"]
        for index, body in enumerate(self._scene.objects):
            pose, twist = values[f"{body.name}.pose"], values.get(f"{body.name}.twist")
            place, motion = self._driven + 7 * index, self._driven + 6 * index
            data.qpos[place : place + 3] = pose[:3]
            data.qpos[place + 3 : place + 7] = pose[[6, 3, 4, 5]]
            if twist is not None:
                data.qvel[motion : motion + 6] = _qvel_of(pose[3:].tolist(), twist.tolist(), self._parameters.com)
        if "hole.pose" in values:
            pose = values["hole.pose"]
            data.mocap_pos[0], data.mocap_quat[0] = pose[:3], pose[[6, 3, 4, 5]]
        self._touch.begin()
        self.disturb(Disturbance())
        if self._camera is not None:
            self._fixed = {name: values[name] for name in ("goal", "hole.pose") if name in values}
            self._camera.moved()

    def disturb(self, disturbance: Disturbance) -> None:
        """Let ``disturbance`` act from now on; its impulse acts once."""
        before, self._disturbance = self._disturbance, disturbance
        if disturbance.friction_factor != before.friction_factor:
            self._parameters.drift(disturbance.friction_factor)
        self._parameters.load(disturbance.payload)
        self._data.qfrc_applied[: self._size] = disturbance.arm_torque or 0.0
        if any(disturbance.object_impulse) and self._scene.objects:
            mass = self._model.body(self._scene.objects[0].name).mass[0]
            self._data.qvel[self._driven : self._driven + 3] += np.array(disturbance.object_impulse) / mass

    def advance(self, law: JointLaw, commands: Sequence[tuple[int, Sequence[float]]], substeps: int) -> None:
        """Run ``substeps`` physics steps under ``law``, in as few calls as commands and samples of touch allow."""
        self._obey(law)
        if self._camera is not None:
            self._camera.moved()
        model, data, touch, step = self._model, self._data, self._touch, mujoco.mj_step
        stride = max(1, substeps // SAMPLES)
        touch.begin()
        changes = dict(commands)
        stops = sorted({*changes, *range(stride, substeps + 1, stride), substeps})
        done = 0
        for stop in stops:
            if stop > done:
                step(model, data, stop - done)
                done = stop
                if stop % stride == 0:
                    touch.sample()
            if stop in changes:
                data.ctrl[:] = changes[stop]

    def _obey(self, law: JointLaw) -> None:
        """Write the law into the engine's own actuators, joints and tendons, where it has changed."""
        model, factor, size = self._model, self._disturbance.stiffness_factor, self._size
        timestep = float(model.opt.timestep)
        wanted = (law, timestep, factor)
        if wanted == self._law_in_force:
            return
        self._law_in_force = wanted
        if law.kind == "torque":
            model.actuator_gainprm[:size, 0] = 1.0
            model.actuator_biasprm[:size, 1:3] = 0.0
        else:
            stiffness = np.array(law.stiffness) * factor
            model.actuator_gainprm[:size, 0] = stiffness
            model.actuator_biasprm[:size, 1] = -stiffness
            model.actuator_biasprm[:size, 2] = -np.array(law.damping)
        strength = np.array(law.strength)
        model.jnt_actfrcrange[:size, 0], model.jnt_actfrcrange[:size, 1] = -strength, strength
        model.dof_damping[:size], model.dof_frictionloss[:size] = law.viscous, law.friction
        if self._scene.fingers_move:
            stiff, damped, rack_stiff, rack_damped, limit = law.gripper.constants(timestep)
            grip, rack = model.actuator(GRIP).id, model.tendon(RACK).id
            model.actuator_gainprm[grip, 0] = stiff
            model.actuator_biasprm[grip, 1:3] = -0.5 * stiff, -0.5 * damped
            model.actuator_forcerange[grip] = -limit, limit
            model.tendon_stiffness[rack], model.tendon_damping[rack] = 0.5 * rack_stiff, 0.5 * rack_damped

    # -- looking ------------------------------------------------------------------------------------------------

    def read(self) -> Reading:
        """Return the numbers that a control step needs."""
        size, driven = self._size, self._driven
        places, motions = self._data.qpos.tolist(), self._data.qvel.tolist()
        bodies = []
        for index in range(len(self._scene.objects)):
            place, motion = driven + 7 * index, driven + 6 * index
            w, x, y, z = places[place + 3 : place + 7]
            velocity, spin = _twist_of((x, y, z, w), motions[motion : motion + 6], self._parameters.com)
            bodies.append(BodyReading(places[place : place + 3], (x, y, z, w), velocity, spin))
        fingers = places[size:driven] or [0.0] * self._fingers
        return Reading(places[:size], motions[:size], fingers, tuple(bodies), self._touch.mean(), self._touch.table())

    def state(self) -> RobotState:
        """Return the complete true state."""
        if self._closed:
            raise ClosedError("This environment is closed: make a new one.")
        reading = self.read()
        position, velocity = np.array(reading.joint_position), np.array(reading.joint_velocity)
        tool = self._kinematics.tool(position)
        motion = tool.jacobian @ velocity
        forces = frozen(self._touch.now())
        names = [body.name for body in self._scene.objects]
        poses = {name: frozen([*b.position, *b.orientation]) for name, b in zip(names, reading.bodies, strict=True)}
        twists = {name: frozen([*b.velocity, *b.spin]) for name, b in zip(names, reading.bodies, strict=True)}
        turn = np.zeros(4)
        mujoco.mju_mat2Quat(turn, tool.rotation.ravel())
        return RobotState(
            time=0.0,
            joint_position=frozen(position),
            joint_velocity=frozen(velocity),
            joint_torque=frozen(self._torque()),
            tool_position=frozen(tool.position),
            tool_orientation=frozen(turn[[1, 2, 3, 0]]),
            tool_linear_velocity=frozen(motion[:3]),
            tool_angular_velocity=frozen(motion[3:]),
            finger_position=frozen(reading.finger_position),
            finger_forces=forces,
            gripper_force=float(np.linalg.norm(forces, axis=1).min(initial=math.inf)),
            object_poses=poses,
            object_twists=twists,
        )

    def timed_parts(self) -> list[tuple[str, Any, str]]:
        """Return MuJoCo's functions, its own step first; the C code does everything between two of its calls."""
        return [(ENGINE + "mj_step", mujoco, "mj_step"), (ENGINE + "mj_setConst", mujoco, "mj_setConst"),
                (ENGINE + "mj_resetData", mujoco, "mj_resetData")]  # fmt: skip

    def photographer(self) -> Photographer:
        """Return what takes pictures of this world."""
        from sim2real_envs.backends.mujoco_camera import MujocoCamera  # PyBullet, where pictures are asked for

        self._camera = MujocoCamera(self._scene, self._period, self._nominal_timestep, self._standing)
        return self._camera

    def close(self) -> None:
        """Release what draws; may be called twice."""
        self._closed = True
        if self._camera is not None:
            self._camera.close()

    def _standing(self) -> WorldState:
        """Return where everything is, for a picture."""
        reading = self.read()
        values = {"joint.position": reading.joint_position}
        if self._scene.fingers_move:
            values["finger.position"] = reading.finger_position
        for body, now in zip(self._scene.objects, reading.bodies, strict=True):
            values[f"{body.name}.pose"] = [*now.position, *now.orientation]
        return WorldState({**{name: np.array(row) for name, row in values.items()}, **self._fixed})

    def _torque(self) -> Array:
        """Return what acted on the joints in the last physics step besides contacts and limits, (n,) Nm."""
        data, size = self._data, self._size
        torque: Array = data.qfrc_actuator[:size] + data.qfrc_damper[:size] + data.qfrc_applied[:size]
        for row in range(data.nefc):
            if data.efc_type[row] == mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF:
                torque[data.efc_id[row]] += data.efc_force[row]
        return torque


def _twist_of(
    orientation: Sequence[float], motion: Sequence[float], com: Sequence[float]
) -> tuple[Sequence[float], Sequence[float]]:
    """Return velocity of the centre of mass and spin, world frame, for a free joint's ``motion`` (6,).

    MuJoCo's is the velocity of the body's origin, world frame, and the spin in the body's own frame.
    """
    spin = turned(motion[3:], orientation)
    if not any(com):
        return motion[:3], spin
    x, y, z = _cross(spin, turned(com, orientation))
    return (motion[0] + x, motion[1] + y, motion[2] + z), spin


def _qvel_of(orientation: Sequence[float], twist: Sequence[float], com: Sequence[float]) -> Sequence[float]:
    """Return a free joint's motion (6,); the inverse of ``_twist_of``."""
    x, y, z, w = orientation
    a, b, c = _cross(twist[3:], turned(com, orientation))
    return (twist[0] - a, twist[1] - b, twist[2] - c, *turned(twist[3:], (-x, -y, -z, w)))


def turned(vector: Sequence[float], orientation: Sequence[float]) -> tuple[float, float, float]:
    """Return ``vector`` (3,) turned by a unit quaternion xyzw: v + 2 w (u x v) + 2 u x (u x v)."""
    u, w = orientation[:3], orientation[3]
    a, b, c = _cross(u, vector)
    d, e, f = _cross(u, (a, b, c))
    return vector[0] + 2.0 * (w * a + d), vector[1] + 2.0 * (w * b + e), vector[2] + 2.0 * (w * c + f)


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
