"""UFACTORY xArm 6 with a rod for pushing.

Kinematics and limits of position, torque and speed: UFACTORY's description of the arm (xarm_ros), as in the URDF that
PyBullet ships; 180 deg/s and the dimensions agree with UFACTORY's published tables.
Masses and inertias: xarm_ros, ``xarm6_type6_HT_BR2``, whose masses and centres are those of "xArm 6 - Model 3" in
UFACTORY's "Kinematic and Dynamic Parameters": 9.4 kg and a base of 2.7 kg, where the data sheet says 12.2 kg in all.
(PyBullet's file is an older one of 7.8 kg, with the signs of the products of inertia turned round.)
Armature: 0.1 kg m2, as MuJoCo Menagerie's xArm 7 has it for the same joints.
Gains: the arm has none, it takes positions. kp = I w2 and kd = 2 d I w, rounded to two digits, with I the diagonal of
the mass matrix at home, w = 20 rad/s (the Panda's published gains come to 16 … 28) and d = 0.7, as the KUKA's here.
"""

from __future__ import annotations

from math import pi

from sim2real_envs.arms.base import Arm, Cylinder, Inertia, Joint, Mesh, rod

_SPEED = pi  # [rad/s] 180 deg/s, every joint

_DRAWN_CELL = 0.03  # [m]: 940 of 2 400 triangles


def _mesh(file: str) -> Mesh:
    return Mesh(file, drawn_cell=_DRAWN_CELL)


XARM6 = Arm(
    name="xarm6",
    mesh_folder="xarm/xarm_description/meshes/xarm6/collision",
    base_shapes=(_mesh("base_vhacd.obj"),),
    joints=(
        Joint(
            "xarm_joint1", (0.0, 0.0, 0.267), (0.0, 0.0, 0.0), -2 * pi, 2 * pi, 50.0, _SPEED, 480.0, 34.0,
            Inertia(
                2.3814,
                (0.00022, 0.02951, -0.0124),
                (0.0058562, 0.0050316, 0.003536652, -1.79e-5, 3.55e-6, -8.88336e-4),
            ),
            (_mesh("link1_vhacd.obj"),),
        ),
        Joint(
            "xarm_joint2", (0.0, 0.0, 0.0), (-pi / 2, 0.0, 0.0), -2.059, 2.0944, 50.0, _SPEED, 560.0, 39.0,
            Inertia(
                2.2675, (0.03881, -0.22783, 0.03496), (0.028315776, 0.0058, 0.0273447, 0.005, 6.6546e-4, -0.0045741)
            ),
            (_mesh("link2_vhacd.obj"),),
        ),
        Joint(
            "xarm_joint3", (0.0535, -0.2845, 0.0), (0.0, 0.0, 0.0), -3.927, 0.19198, 32.0, _SPEED, 370.0, 26.0,
            Inertia(
                1.875,
                (0.07041, 0.11631, 0.0107),
                (0.0063483, 0.00379758, 0.00595768, -0.0015397, 9.6858e-4, 0.00186567),
            ),
            (_mesh("link3_vhacd.obj"),),
        ),
        Joint(
            "xarm_joint4", (0.0775, 0.3425, 0.0), (-pi / 2, 0.0, 0.0), -2 * pi, 2 * pi, 32.0, _SPEED, 120.0, 8.5,
            Inertia(
                1.3192,
                (-0.00018, 0.01798, -0.02291),
                (0.004896, 0.00445694, 0.00134332, -6.925e-6, -1.418e-5, -2.3186e-4),
            ),
            (_mesh("link4_vhacd.obj"),),
        ),
        Joint(
            "xarm_joint5", (0.0, 0.0, 0.0), (pi / 2, 0.0, 0.0), -1.69297, pi, 32.0, _SPEED, 87.0, 6.1,
            Inertia(
                1.33854,
                (0.0651, 0.03096, 0.00315),
                (0.00146378, 0.00184192, 0.002333524, -4.50624e-4, 2.84306e-4, 1.30866e-4),
            ),
            (_mesh("link5_vhacd.obj"),),
        ),
        Joint(
            "xarm_joint6", (0.076, 0.097, 0.0), (-pi / 2, 0.0, 0.0), -2 * pi, 2 * pi, 20.0, _SPEED, 40.0, 2.8,
            Inertia(0.17, (0.0, -0.00677, -0.01098), (9.3e-5, 5.87e-5, 1.32e-4, 0.0, 0.0, -3.6e-6)),
            (_mesh("link6_vhacd.obj"),),
        ),
    ),
    armature=0.1,
    hand_xyz=(0.0, 0.0, 0.0),
    hand_rpy=(0.0, 0.0, 0.0),
    hand_inertia=Inertia(0.15, (0.0, 0.0, 0.01), (3.9e-5, 3.9e-5, 6.8e-5, 0.0, 0.0, 0.0)),
    hand_shapes=(Cylinder(0.03, 0.02, (0.0, 0.0, 0.01)),),
    fingers=(rod("xarm_rod", 0.01, 0.1, 0.085),),
    tool_xyz=(0.0, 0.0, 0.093),
    home=(0.0, 0.03, -0.9, 0.0, 0.87, 0.0),
    reach=0.7,
)  # fmt: skip
