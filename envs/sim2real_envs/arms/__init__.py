"""Robot arms, one file each: joints, limits, home pose, gains and inertias with their source."""

from __future__ import annotations

from sim2real_envs.arms.base import Arm, Inertia, Joint
from sim2real_envs.arms.panda import PANDA

__all__ = ["PANDA", "Arm", "Inertia", "Joint"]
