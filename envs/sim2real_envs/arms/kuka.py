"""KUKA LBR iiwa 14 R820 with a rod for pushing.

Place: 10 cm behind the origin on a plate of 5 cm, since joint 4, which ends at 120 degrees, keeps the wrist 41 cm away
from the shoulder: from the origin itself the tool could not come nearer than 40 cm.
Kinematics: as in the URDF that PyBullet ships (R. Krug and T. Stoyanov, Orebro University, BSD), which agrees with the
data sheet: 360, 420, 400 and 126 mm from base to shoulder, elbow, wrist and flange. (Its limits of 300 Nm and 10 rad/s
for every joint are placeholders.)
Limits of position, torque and speed: KUKA, "Sensitive robotics: LBR iiwa", table of the LBR iiwa 14 R820.
Masses and inertias: of the model that Drake and MuJoCo Menagerie share, 25.6 kg and a base of 5 kg where the data sheet
says 29.9 kg in all. (Those of PyBullet's URDF come to 22.5 kg.) It gives links 2 and 4, which extend along their y
axis, the least inertia about z; here it is about y, as PyBullet's URDF has it.
Armature: KUKA publishes none; 0.1 kg m2 as for the other arms.
Gains: kp = I w2 and kd = 2 d I w, rounded to two digits, with I the diagonal of the mass matrix at home, w = 20 rad/s
(the Panda's published gains come to 16 … 28) and d = 0.7, the damping that KUKA's joint impedance mode has by default.
"""

from __future__ import annotations

from math import pi, radians

from sim2real_envs.arms.base import Arm, Box, Cylinder, Inertia, Joint, Mesh, Shape, Vector, rod

_CELL = 0.025  # [m]: a fifth of the 14 800 triangles to touch
_DRAWN_CELL = 0.04  # [m]: a tenth to see, with a picture in half the time


_BASE: Vector = (-0.1, 0.0, 0.05)  # [m] of the arm's foot, on a plate


def _mesh(link: int, xyz: Vector = (0.0, 0.0, 0.0)) -> tuple[Shape, ...]:
    return (Mesh(f"link_{link}.stl", xyz, cell=_CELL, drawn_cell=_DRAWN_CELL),)


KUKA = Arm(
    name="kuka",
    mesh_folder="kuka_iiwa/meshes",
    base_shapes=(Box((0.3, 0.3, _BASE[2]), (_BASE[0], 0.0, 0.5 * _BASE[2])), *_mesh(0, _BASE)),
    joints=(
        Joint(
            "iiwa_joint1", (_BASE[0], 0.0, _BASE[2] + 0.1575), (0.0, 0.0, 0.0),
            radians(-170), radians(170), 320.0, radians(85), 1200.0, 86.0,
            Inertia(5.76, (0.0, -0.03, 0.12), (0.0333, 0.033, 0.0123, 0.0, 0.0, 0.0)), _mesh(1),
        ),
        Joint(
            "iiwa_joint2", (0.0, 0.0, 0.2025), (pi / 2, 0.0, pi),
            radians(-120), radians(120), 320.0, radians(85), 1400.0, 98.0,
            Inertia(6.35, (0.0003, 0.059, 0.042), (0.0305, 0.011, 0.0304, 0.0, 0.0, 0.0)), _mesh(2),
        ),
        Joint(
            "iiwa_joint3", (0.0, 0.2045, 0.0), (pi / 2, 0.0, pi),
            radians(-170), radians(170), 176.0, radians(100), 560.0, 39.0,
            Inertia(3.5, (0.0, 0.03, 0.13), (0.025, 0.0238, 0.0076, 0.0, 0.0, 0.0)), _mesh(3),
        ),
        Joint(
            "iiwa_joint4", (0.0, 0.0, 0.2155), (pi / 2, 0.0, 0.0),
            radians(-120), radians(120), 176.0, radians(75), 530.0, 37.0,
            Inertia(3.5, (0.0, 0.067, 0.034), (0.017, 0.006, 0.0164, 0.0, 0.0, 0.0)), _mesh(4),
        ),
        Joint(
            "iiwa_joint5", (0.0, 0.1845, 0.0), (-pi / 2, pi, 0.0),
            radians(-170), radians(170), 110.0, radians(130), 130.0, 8.9,
            Inertia(3.5, (0.0001, 0.021, 0.076), (0.01, 0.0087, 0.00449, 0.0, 0.0, 0.0)), _mesh(5),
        ),
        Joint(
            "iiwa_joint6", (0.0, 0.0, 0.2155), (pi / 2, 0.0, 0.0),
            radians(-120), radians(120), 40.0, radians(135), 89.0, 6.3,
            Inertia(1.8, (0.0, 0.0006, 0.0004), (0.0049, 0.0036, 0.0047, 0.0, 0.0, 0.0)), _mesh(6),
        ),
        Joint(
            "iiwa_joint7", (0.0, 0.081, 0.0), (-pi / 2, pi, 0.0),
            radians(-175), radians(175), 40.0, radians(135), 40.0, 2.8,
            Inertia(1.2, (0.0, 0.0, 0.02), (0.001, 0.001, 0.001, 0.0, 0.0, 0.0)), _mesh(7),
        ),
    ),
    armature=0.1,
    hand_xyz=(0.0, 0.0, 0.045),
    hand_rpy=(0.0, 0.0, 0.0),
    hand_inertia=Inertia(0.15, (0.0, 0.0, 0.01), (3.9e-5, 3.9e-5, 6.8e-5, 0.0, 0.0, 0.0)),
    hand_shapes=(Cylinder(0.03, 0.02, (0.0, 0.0, 0.01)),),
    fingers=(rod("iiwa_rod", 0.01, 0.1, 0.085),),
    tool_xyz=(0.0, 0.0, 0.093),
    home=(0.0, 0.75, 0.0, -1.67, 0.0, pi - 2.42, 0.0),
    reach=0.7,
    colour=(0.95, 0.55, 0.2),
)  # fmt: skip
