"""Franka Emika Panda with its two-finger hand.

Kinematics and limits of position, torque and speed: Franka's published DH table and "Limits for Panda" of the Franka
Control Interface documentation, the former as in the URDF that PyBullet ships.
Inertias: identified by Gaz, Cognetti, Oliva, Robuffo Giordano, De Luca, "Dynamic identification of the Franka Emika
Panda robot with retrieval of feasible parameters using penalty-based optimization", RA-L 2019, values as stated in
MuJoCo Menagerie's model; hand and finger inertias and the armature of 0.1 kg m2 from the same model.
(The 0.1 kg m2 tensors of PyBullet's URDF are placeholders.)
Gains: Franka's joint impedance example, libfranka ``joint_impedance_control.cpp``.
"""

from __future__ import annotations

from math import pi

from sim2real_envs.arms.base import Arm, Finger, Inertia, Joint, Mesh

_FINGER = Inertia(0.015, (0.0, 0.0, 0.0), (2.375e-6, 2.375e-6, 7.5e-7, 0.0, 0.0, 0.0))
_DRAWN_CELL = 0.03  # [m]: 1 170 of 3 470 triangles, and a picture in half the time


def _mesh(file: str) -> Mesh:
    return Mesh(file, drawn_cell=_DRAWN_CELL)


PANDA = Arm(
    name="panda",
    mesh_folder="franka_panda/meshes/collision",
    base_shapes=(_mesh("link0.obj"),),
    joints=(
        Joint(
            "panda_joint1", (0.0, 0.0, 0.333), (0.0, 0.0, 0.0), -2.8973, 2.8973, 87.0, 2.175, 600.0, 50.0,
            Inertia(
                4.970684, (0.003875, 0.002081, -0.04762), (0.70337, 0.70661, 0.0091170, -0.000139, 0.0067720, 0.019169)
            ),
            (_mesh("link1.obj"),),
        ),
        Joint(
            "panda_joint2", (0.0, 0.0, 0.0), (-pi / 2, 0.0, 0.0), -1.7628, 1.7628, 87.0, 2.175, 600.0, 50.0,
            Inertia(
                0.646926, (-0.003141, -0.02872, 0.003495), (0.0079620, 0.028110, 0.025995, -0.003925, 0.010254, 7.04e-4)
            ),
            (_mesh("link2.obj"),),
        ),
        Joint(
            "panda_joint3", (0.0, -0.316, 0.0), (pi / 2, 0.0, 0.0), -2.8973, 2.8973, 87.0, 2.175, 600.0, 50.0,
            Inertia(
                3.228604,
                (0.027518, 0.039252, -0.066502),
                (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805),
            ),
            (_mesh("link3.obj"),),
        ),
        Joint(
            "panda_joint4", (0.0825, 0.0, 0.0), (pi / 2, 0.0, 0.0), -3.0718, -0.0698, 87.0, 2.175, 600.0, 50.0,
            Inertia(
                3.587895, (-0.05317, 0.104419, 0.027454), (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641)
            ),
            (_mesh("link4.obj"),),
        ),
        Joint(
            "panda_joint5", (-0.0825, 0.384, 0.0), (-pi / 2, 0.0, 0.0), -2.8973, 2.8973, 12.0, 2.61, 250.0, 30.0,
            Inertia(
                1.225946,
                (-0.011953, 0.041065, -0.038437),
                (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 2.29e-4),
            ),
            (_mesh("link5.obj"),),
        ),
        Joint(
            "panda_joint6", (0.0, 0.0, 0.0), (pi / 2, 0.0, 0.0), -0.0175, 3.7525, 12.0, 2.61, 150.0, 25.0,
            Inertia(
                1.666555, (0.060149, -0.014117, -0.010517), (0.001964, 0.004354, 0.005433, 1.09e-4, -0.001158, 3.41e-4)
            ),
            (_mesh("link6.obj"),),
        ),
        Joint(
            "panda_joint7", (0.088, 0.0, 0.0), (pi / 2, 0.0, 0.0), -2.8973, 2.8973, 12.0, 2.61, 50.0, 15.0,
            Inertia(
                0.735522, (0.010517, -0.004252, 0.061597), (0.012516, 0.010027, 0.004815, -4.28e-4, -0.001196, -7.41e-4)
            ),
            (_mesh("link7.obj"),),
        ),
    ),
    armature=0.1,
    hand_xyz=(0.0, 0.0, 0.107),
    hand_rpy=(0.0, 0.0, -pi / 4),
    hand_inertia=Inertia(0.73, (-0.01, 0.0, 0.03), (0.001, 0.0025, 0.0017, 0.0, 0.0, 0.0)),
    hand_shapes=(Mesh("hand.obj"),),
    fingers=(
        Finger(
            "panda_leftfinger", (0.0, 0.0, 0.0584), (0.0, 1.0, 0.0), 0.04, _FINGER, (Mesh("finger.obj"),)
        ),
        Finger(
            "panda_rightfinger", (0.0, 0.0, 0.0584), (0.0, -1.0, 0.0), 0.04, _FINGER,
            (Mesh("finger.obj", rpy=(0.0, 0.0, pi)),),
        ),
    ),
    tool_xyz=(0.0, 0.0, 0.105),
    home=(0.0, 0.15, 0.0, -2.4, 0.0, 2.55, pi / 4),
    reach=0.78,
)  # fmt: skip
