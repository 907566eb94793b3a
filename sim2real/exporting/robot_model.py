"""The arm and its scene in the identified domain, as URDF and MJCF, checked by loading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.experiment.files import write_json
from sim2real_envs.actuators import Kind
from sim2real_envs.backends.robot_files import write_robot_urdf, write_scene_mjcf
from sim2real_envs.backends.robot_readings import Readings, mjcf_in_mujoco, urdf_in_bullet, urdf_in_mujoco
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import MissingDependencyError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.scene import Scene

SUMMARY = "robot.json"
CONTACT = ("physics.contact_stiffness", "physics.contact_damping", "hole.clearance")
"""What the MJCF holds as ``solref`` and ``solimp`` of contact pairs, and as places of walls."""
BOUND = 1e-9
"""What a value that is read back may differ by, relative to itself where it is above 1."""


@dataclass
class RobotModel:
    """What was written of a robot, what engines read in it, and what could not be done.

    Args:
        files: What each file is, by its path.
        checks: By file and engine: the value of each parameter that is read back, and the largest difference.
        missing: What could not be written or checked, one sentence each.
    """

    files: dict[str, str] = field(default_factory=dict)
    checks: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def _check(self, what: str, found: Readings, domain: Mapping[str, float]) -> None:
        differences = {name: _difference(values, domain[name]) for name, values in found.items() if name in domain}
        worst = max(differences.values())
        self.checks[what] = {
            "read_back": {name: float(found[name][0]) for name in differences},
            "max_difference": worst,
            "bound": BOUND,
            "holds": worst <= BOUND,
        }


def write_robot(
    scene: Scene,
    space: ParameterSpace,
    domain: Mapping[str, float],
    folder: Path,
    *,
    control: str = "ee_delta",
    period: float = CONTROL_PERIOD,
) -> RobotModel:
    """Write an arm as URDF, its scene as MJCF, and what neither can hold as JSON; load them again.

    Args:
        scene: The arm and what stands around it.
        space: The parameters of the world.
        domain: A complete domain of it, as it is in force.
        folder: Where to; created.
        control: The control of the environment, which says whether actuators take positions or torques.
        period: Control period [s].
    """
    model = RobotModel()
    folder.mkdir(parents=True)
    urdf = write_robot_urdf(scene, domain, folder)
    model.files[urdf.name] = "the arm as URDF: friction, damping, masses, motor inertia and effort limits identified"
    model._check(f"{urdf.name} in PyBullet", urdf_in_bullet(urdf, scene), domain)
    kind: Kind = "torque" if control == "joint_torque" else "position"
    try:
        model._check(f"{urdf.name} in MuJoCo", urdf_in_mujoco(urdf, scene), domain)
        step = domain["physics.timestep"]
        mjcf = write_scene_mjcf(scene, step, domain, folder, kind=kind, period=period)
        model.files[mjcf.name] = "arm, table and objects as MJCF: gains, contacts, gravity and timestep identified too"
        model._check(f"{mjcf.name} in MuJoCo", mjcf_in_mujoco(mjcf, scene), domain)
        held = {*CONTACT}
    except MissingDependencyError as error:
        model.missing.append(f"No MJCF, and the URDF was not loaded in MuJoCo: {error}")
        held = set[str]()
    held |= {name for check in model.checks.values() for name in check["read_back"]}
    write_json(folder / SUMMARY, _summary(scene, space, domain, period, held))
    model.files[SUMMARY] = "gains, limits, delay and everything else of the domain, with what no robot file can hold"
    model.files["meshes/"] = "meshes that both name by relative paths, as the simulator's engine ships them"
    return model


def _difference(values: Any, wanted: float) -> float:
    return float(np.abs(values - wanted).max() / max(1.0, abs(wanted)))


def _summary(
    scene: Scene, space: ParameterSpace, domain: Mapping[str, float], period: float, held: set[str]
) -> dict[str, Any]:
    arm = scene.arm
    stiffness, damping = domain.get("actuator.stiffness_scale", 1.0), domain.get("actuator.damping_scale", 1.0)
    joints = [
        {
            "name": joint.name,
            "lower_rad": joint.lower,
            "upper_rad": joint.upper,
            "velocity_rad_s": joint.velocity,
            "effort_Nm": joint.effort * domain["actuator.strength_scale"],
            "kp_Nm_rad": joint.stiffness * stiffness,
            "kd_Nms_rad": joint.damping * damping,
            "friction_Nm": domain["joint.friction"],
            "damping_Nms_rad": domain["joint.damping"],
        }
        for joint in arm.joints
    ]
    return {
        "schema": 1,
        "arm": arm.name,
        "joints": joints,
        "home_rad": list(arm.home),
        "motor_inertia": {
            "value_kg_m2": domain["joint.armature"],
            "where": "in the inertia of every driven link, on all three axes; no `armature` is used",
        },
        "control_period_s": period,
        "domain": {name: {"value": domain[name], "unit": space[name].unit} for name in domain},
        "not_in_urdf_or_mjcf": sorted(set(domain) - held),
    }
