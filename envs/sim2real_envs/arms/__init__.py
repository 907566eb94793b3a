"""Robot arms, one file each: joints, limits, home pose, gains and inertias with their source."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim2real_envs.arms.base import Arm, Inertia, Joint
from sim2real_envs.arms.panda import PANDA

ARMS: Mapping[str, Arm] = MappingProxyType({"Panda": PANDA})
"""The arms by their names in an id."""

__all__ = ["ARMS", "PANDA", "Arm", "Inertia", "Joint"]
