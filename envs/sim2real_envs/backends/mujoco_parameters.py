"""The randomizable numbers of a MuJoCo world: set in the compiled model, and read back from it.

Every number is a function of its nominal value and the domain. What MuJoCo derives from masses (inverse weights, by
which it scales the softness of constraints) is derived anew by ``mj_setConst``. Restitution is not here: MuJoCo has
none, a contact rebounds as its stiffness and damping make it.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from sim2real_envs.backends.mujoco_contacts import MujocoContacts
from sim2real_envs.backends.mujoco_scene import WALLS, contact_pairs, foot_names, inertia_per_mass
from sim2real_envs.backends.world_parameters import (
    GRAVITY,
    SIZE_STEP,
    arm_parameters,
    contact_parameters,
    hole_parameters,
    world_parameters,
)
from sim2real_envs.parameters import Array, Domain
from sim2real_envs.scene import Scene

_WITHOUT = ("object.restitution", "table.restitution")


class MujocoParameters:
    """Applies a domain to one model and reads it back.

    Args:
        model: The compiled model, every number nominal.
        scene: What stands where.
        period: Control period [s].
        timestep: Nominal physics step [s].
    """

    def __init__(self, model: Any, scene: Scene, period: float, timestep: float) -> None:
        self._model, self._scene, self._period = model, scene, period
        self._scratch = mujoco.MjData(model)
        arm = scene.arm
        names = [f"link{index + 1}" for index in range(arm.size)] + [finger.name for finger in arm.fingers]
        self._links = np.array([model.body(name).id for name in names])
        self._hand = int(self._links[arm.size - 1])
        self._masses = model.body_mass[self._links].copy()
        self._inertias = model.body_inertia[self._links].copy()
        self._driven = (np.arange(len(names)) < arm.size)[:, None]
        self._objects = [(body, model.body(body.name).id, model.geom(body.name).id) for body in scene.objects]
        self._feet = [model.geom(name).id for body in scene.objects for name in foot_names(body)]
        self._foot_places, self._foot_sizes = model.geom_pos[self._feet].copy(), model.geom_size[self._feet].copy()
        self._walls = [model.geom(name).id for name in WALLS] if scene.hole is not None else []
        self._contacts = MujocoContacts(model, contact_pairs(scene))
        self._weighed: tuple[float, ...] | None = None
        self._payload = self._lift = 0.0
        self._scale = 1.0
        self.friction = 0.0
        self.substeps = round(period / timestep)
        self.size, self.com = 1.0, (0.0, 0.0, 0.0)
        self.space = world_parameters(timestep) | arm_parameters(arm.armature)
        if scene.objects:
            space = contact_parameters(scene.objects[0])
            self.space |= space.subset(name for name in space if name not in _WITHOUT)
        if scene.hole is not None:
            self.space |= hole_parameters(scene.hole)

    # -- set ----------------------------------------------------------------------------------------------------

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        model = self._model
        self.substeps = max(1, round(self._period / domain["physics.timestep"]))
        model.opt.timestep = self._period / self.substeps
        model.opt.gravity[2] = domain["physics.gravity"]
        pull = -domain["physics.gravity"]
        self._lift = GRAVITY / pull if pull > 0.0 else 0.0  # the controller carries the nominal arm's weight
        self._payload = 0.0
        masses = tuple(
            domain[name]
            for name in ("joint.mass_scale", "joint.armature", "object.mass", "object.size", "object.com_offset_x",
                         "object.com_offset_y")
            if name in domain
        )  # fmt: skip
        self._scale = scale = domain["joint.mass_scale"]
        model.body_mass[self._links] = self._masses * scale
        model.body_gravcomp[self._links] = self._lift / scale
        if masses != self._weighed:
            model.body_inertia[self._links] = self._inertias * scale + self._driven * domain["joint.armature"]
            for body, number, geom in self._objects:
                self._shape(body, number, geom, domain)
            model.geom_pos[self._feet] = self._foot_places * self.size
            model.geom_size[self._feet] = self._foot_sizes * self.size
            mujoco.mj_setConst(model, self._scratch)
            self._weighed = masses
        if self._walls:
            self._open_hole(domain["hole.clearance"])
        self.friction = domain.get("object.friction", 0.0)
        self._contacts.apply(domain, model.opt.timestep)

    def _shape(self, body: Any, number: int, geom: int, domain: Domain) -> None:
        model, mass = self._model, domain["object.mass"]
        self.size = size = round(domain["object.size"] / SIZE_STEP) * SIZE_STEP
        half = np.array(body.half_extents) * size
        model.body_mass[number] = mass
        model.body_inertia[number] = np.array(inertia_per_mass(body, size)) * mass
        self.com = (domain["object.com_offset_x"], domain["object.com_offset_y"], 0.0)
        model.body_ipos[number] = self.com
        model.body_iquat[number] = (1.0, 0.0, 0.0, 0.0)
        model.geom_size[geom] = (half[0], half[2], 0.0) if body.shape == "cylinder" else half

    def _open_hole(self, clearance: float) -> None:
        """Open the hole by the clearance around the object as large as ``object.size`` makes it."""
        if self._scene.hole is None:
            return
        half_wall = 0.5 * self._scene.hole.wall
        x, y = (half * self.size + clearance for half in self._scene.objects[0].half_extents[:2])
        offsets = ((x + half_wall, 0.0), (-x - half_wall, 0.0), (0.0, y + half_wall), (0.0, -y - half_wall))
        self._model.geom_pos[self._walls, :2] = offsets

    # -- read back ----------------------------------------------------------------------------------------------

    def applied(self) -> dict[str, float]:
        """Read every value from the model."""
        model, first = self._model, self._links[0]
        scale = model.body_mass[first] / self._masses[0]
        values = {
            "physics.gravity": model.opt.gravity[2],
            "physics.timestep": model.opt.timestep,
            "joint.armature": model.body_inertia[first, 2] - self._inertias[0, 2] * scale,
            "joint.mass_scale": scale,
        }
        if self._objects:
            body, number, geom = self._objects[0]
            values |= {
                "object.mass": model.body_mass[number],
                "object.size": model.geom_size[geom, 0] / body.half_extents[0],
                "object.com_offset_x": model.body_ipos[number, 0],
                "object.com_offset_y": model.body_ipos[number, 1],
                **self._contacts.applied(),
            }
        if self._walls and self._scene.hole is not None:
            apart = model.geom_pos[self._walls[0], 0] - model.geom_pos[self._walls[1], 0]
            inner = self._scene.objects[0].half_extents[0] * values["object.size"]
            values["hole.clearance"] = 0.5 * (apart - self._scene.hole.wall) - inner
        return {name: float(values[name]) for name in self.space}

    # -- within an episode ---------------------------------------------------------------------------------------

    def drift(self, factor: float) -> None:
        """Set the friction of the objects to ``factor`` times what the domain says."""
        if self._objects:
            self._contacts.slide(self.friction * factor)

    def load(self, payload: float) -> None:
        """Add ``payload`` [kg] to the last link; the controller carries the nominal arm's weight alone."""
        if payload == self._payload:
            return
        self._payload = payload
        nominal = self._masses[self._scene.arm.size - 1]
        mass = nominal * self._scale + payload
        self._model.body_mass[self._hand] = mass
        self._model.body_gravcomp[self._hand] = self._lift * nominal / mass
        mujoco.mj_setConst(self._model, self._scratch)
        self._weighed = None

    def masses(self, joints: Array) -> Array:
        """Return the mass matrix (v, v) of the arm's joints and fingers at ``joints`` (n,), as the engine has it."""
        model, data = self._model, self._scratch
        mujoco.mj_resetData(model, data)
        data.qpos[: len(joints)] = joints
        mujoco.mj_fwdPosition(model, data)
        full = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, full)
        size = self._scene.arm.size + (len(self._scene.arm.fingers) if self._scene.fingers_move else 0)
        return full[:size, :size]
