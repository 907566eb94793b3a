"""An arm and its scene in a given domain as files for other programs: URDF, MJCF, and their meshes beside them.

Link inertias hold the reflected inertia of the motors on all three axes, as they do in the worlds here: URDF has no
other place for it, and an ``armature`` attribute would be another arm (here a motor's inertia turns with its link, so
that joint 1 of seven also carries that of the six behind it).
"""

from __future__ import annotations

import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pybullet_data

from sim2real_envs.actuators import Actuators, Kind
from sim2real_envs.arms.base import Inertia
from sim2real_envs.arms.urdf import write_urdf
from sim2real_envs.backends.mujoco_arm import link_inertias, mesh_files
from sim2real_envs.backends.mujoco_scene import mjcf_text
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import MissingDependencyError
from sim2real_envs.parameters import Domain
from sim2real_envs.scene import Scene

MESHES = "meshes"
"""Folder of the mesh files, beside the URDF and the MJCF."""
_FIRST_OBJECT, _APART = (0.5, 0.0), 0.15  # [m] where the objects of the scene stand


def write_robot_urdf(scene: Scene, domain: Domain, folder: Path) -> Path:
    """Write ``<arm>.urdf`` and its meshes into ``folder``; return its path.

    ``joint.friction`` and ``joint.damping`` are in ``<dynamics>``, ``joint.mass_scale`` and ``joint.armature`` in
    ``<inertial>``, ``actuator.strength_scale`` in the efforts of ``<limit>``.

    Args:
        scene: Whose arm is written.
        domain: A complete domain.
        folder: A folder that is there.
    """
    arm = scene.arm
    with tempfile.TemporaryDirectory() as place:
        source = write_urdf(arm, pybullet_data.getDataPath(), place, fingers_move=scene.fingers_move)
        root = ET.fromstring(source.read_text())
        _bring_meshes(root, folder)
    ET.SubElement(
        ET.SubElement(root, "mujoco"), "compiler", {"fusestatic": "false"}
    )  # MuJoCo's own, others pass it over
    names = [f"link{index + 1}" for index in range(arm.size)] + [finger.name for finger in arm.fingers]
    links = {link.get("name"): link for link in root.iter("link")}
    for name, inertia in zip(names, domain_inertias(scene, domain), strict=True):
        _find(links[name], "inertial/mass").set("value", repr(inertia.mass))
        for axes, value in zip(("ixx", "iyy", "izz", "ixy", "ixz", "iyz"), inertia.tensor, strict=True):
            _find(links[name], "inertial/inertia").set(axes, repr(value))
    joints = {joint.get("name"): joint for joint in root.iter("joint")}
    for joint in arm.joints:
        _find(joints[joint.name], "limit").set("effort", repr(joint.effort * domain["actuator.strength_scale"]))
        dynamics = {"damping": repr(domain["joint.damping"]), "friction": repr(domain["joint.friction"])}
        ET.SubElement(joints[joint.name], "dynamics", dynamics)
    path = folder / f"{arm.name}.urdf"
    _write(root, path)
    return path


def write_scene_mjcf(
    scene: Scene,
    timestep: float,
    domain: Domain,
    folder: Path,
    *,
    kind: Kind = "position",
    period: float = CONTROL_PERIOD,
) -> Path:
    """Write ``scene.xml`` and its meshes into ``folder``: arm, table, objects, contacts, actuators; return its path.

    The objects stand on the table, and the keyframe ``home`` has the arm in its home pose.

    Args:
        scene: What stands where.
        timestep: Nominal physics step [s].
        domain: A complete domain.
        folder: A folder that is there.
        kind: What actuators take: joint positions, or torques on top of gravity compensation.
        period: Control period [s], of which the physics step is a whole fraction.

    Raises:
        MissingDependencyError: If MuJoCo is not installed.
    """
    try:
        import mujoco
    except ImportError as error:
        raise MissingDependencyError("MJCF files need MuJoCo: pip install 'sim2real[mujoco]'") from error
    from sim2real_envs.backends.mujoco_parameters import MujocoParameters

    text = mjcf_text(scene, timestep)
    files = mesh_files(scene.arm)
    model = mujoco.MjModel.from_xml_string(text, files)
    MujocoParameters(model, scene, period, timestep).apply(domain)
    (folder / MESHES).mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / MESHES / name).write_bytes(content)
    root = ET.fromstring(text)
    _find(root, "compiler").set("meshdir", MESHES)
    option = _find(root, "option")
    option.attrib.update({"timestep": repr(float(model.opt.timestep)), "gravity": _row(model.opt.gravity)})
    option.set("impratio", repr(float(model.opt.impratio)))
    for element in root.iter("body"):
        body, inertial = model.body(element.get("name")), element.find("inertial")
        if "gravcomp" in element.attrib:
            element.set("gravcomp", repr(float(model.body_gravcomp[body.id])))
        if inertial is not None:
            inertial.attrib.pop("fullinertia", None)
            inertial.attrib.update({"pos": _row(body.ipos), "quat": _row(body.iquat), "mass": _row(body.mass)})
            inertial.set("diaginertia", _row(body.inertia))
    for pair in root.iter("pair"):
        found = model.pair(pair.get("name"))
        pair.attrib.update({"condim": str(int(found.dim[0])), "friction": _row(found.friction)})
        pair.attrib.update({"solref": _row(found.solref), "solimp": _row(found.solimp)})
    _obey(root, scene, domain, float(model.opt.timestep), kind)
    _place_objects(root, scene, model, kind)
    path = folder / "scene.xml"
    _write(root, path)
    return path


def domain_inertias(scene: Scene, domain: Domain) -> list[Inertia]:
    """Return the inertias of links, then fingers, in ``domain``: scaled, and with the motors' reflected inertia."""
    scale, armature = domain["joint.mass_scale"], domain["joint.armature"]
    found = []
    for index, nominal in enumerate(link_inertias(scene)):
        added = armature if index < scene.arm.size else 0.0
        xx, yy, zz, xy, xz, yz = (scale * value for value in nominal.tensor)
        found.append(Inertia(scale * nominal.mass, nominal.com, (xx + added, yy + added, zz + added, xy, xz, yz)))
    return found


def _obey(root: ET.Element, scene: Scene, domain: Domain, timestep: float, kind: Kind) -> None:
    """Write the joint law of ``domain`` into joints, actuators and the gripper's tendons."""
    actuators = Actuators(scene.arm, kind=kind, fingers_move=scene.fingers_move)
    actuators.apply(domain)
    law, limits = actuators.law, {joint.get("name"): joint for joint in root.iter("joint")}
    general = {element.get("name"): element for element in root.iter("general")}
    for index, joint in enumerate(scene.arm.joints):
        limits[joint.name].attrib.update(
            {
                "damping": repr(law.viscous),
                "frictionloss": repr(law.friction),
                "actuatorfrcrange": _row((-law.strength[index], law.strength[index])),
            }
        )
        stiffness, damping = law.stiffness[index], law.damping[index]
        gains = (stiffness, (0.0, -stiffness, -damping)) if kind == "position" else (1.0, (0.0, 0.0, 0.0))
        general[joint.name].attrib.update({"gainprm": repr(gains[0]), "biasprm": _row(gains[1])})
    if scene.fingers_move:
        stiff, damped, rack_stiff, rack_damped, limit = law.gripper.constants(timestep)
        grip = {"gainprm": repr(stiff), "biasprm": _row((0.0, -0.5 * stiff, -0.5 * damped))}
        general["grip"].attrib.update({**grip, "forcerange": _row((-limit, limit))})
        rack = next(element for element in root.iter("fixed") if element.get("name") == "rack")
        rack.attrib.update({"stiffness": repr(0.5 * rack_stiff), "damping": repr(0.5 * rack_damped)})


def _place_objects(root: ET.Element, scene: Scene, model: Any, kind: Kind) -> None:
    """Put the objects, as large as they are in the model, onto the table, and name the home pose."""
    arm = scene.arm
    qpos = [*arm.home, *([0.0] * len(arm.fingers) if scene.fingers_move else [])]
    bodies = {element.get("name"): element for element in root.iter("body")}
    for name in (*(body.name for body in scene.objects), *(["hole"] if scene.hole is not None else [])):
        for element in bodies[name].findall("geom"):
            geom, count = model.geom(element.get("name")), len(element.attrib["size"].split())
            element.attrib.update({"size": _row(geom.size[:count]), "pos": _row(geom.pos)})
    for index, body in enumerate(scene.objects):
        size, (x, y) = model.geom(body.name).size, _FIRST_OBJECT
        place = (x, y + index * _APART, float(size[1] if body.shape == "cylinder" else size[2]))
        bodies[body.name].set("pos", _row(place))
        qpos += [*place, 1.0, 0.0, 0.0, 0.0]
    rest = [*(arm.home if kind == "position" else [0.0] * arm.size), *([0.0] if scene.fingers_move else [])]
    ET.SubElement(ET.SubElement(root, "keyframe"), "key", {"name": "home", "qpos": _row(qpos), "ctrl": _row(rest)})


def _bring_meshes(root: ET.Element, folder: Path) -> None:
    """Copy every mesh beside the URDF, with the licence that stands beside it, and name it by its relative path."""
    (folder / MESHES).mkdir(exist_ok=True)
    for mesh in root.iter("mesh"):
        source = Path(mesh.attrib["filename"])
        shutil.copyfile(source, folder / MESHES / source.name)
        for place in source.parents[:3]:
            for licence in place.glob("LICENSE*"):
                shutil.copyfile(licence, folder / MESHES / licence.name)
        mesh.set("filename", f"{MESHES}/{source.name}")


def _find(element: ET.Element, path: str) -> ET.Element:
    found = element.find(path)
    if found is None:
        raise LookupError(f"<{element.tag}> has no <{path}>.")
    return found


def _row(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _write(root: ET.Element, path: Path) -> None:
    ET.indent(root)
    path.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")
