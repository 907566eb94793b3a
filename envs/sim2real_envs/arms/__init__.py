"""Robot arms, one file each: joints, limits, home pose, gains and inertias with their source."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim2real_envs.arms.base import Arm, Inertia, Joint
from sim2real_envs.arms.kuka import KUKA
from sim2real_envs.arms.panda import PANDA
from sim2real_envs.arms.xarm6 import XARM6

ARMS: Mapping[str, Arm] = MappingProxyType({"Panda": PANDA, "Kuka": KUKA, "XArm6": XARM6})
"""The arms by the name that begins an environment's id."""

__all__ = ["ARMS", "KUKA", "PANDA", "XARM6", "Arm", "Inertia", "Joint"]
