"""Passive or scripted physical systems that recordings are replayed in: no action is learned, no reward given."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from sim2real_envs.errors import UnknownNameError
from sim2real_envs.rigs.base import Misfit, Path, Rig, Signal

__all__ = ["RIGS", "Misfit", "Path", "Rig", "Signal", "make"]

RIGS: Mapping[str, str] = MappingProxyType(
    {
        "arm": "sim2real_envs.rigs.arm:ArmRig",
        "cube_toss": "sim2real_envs.rigs.cube_toss:CubeTossRig",
        "furuta": "sim2real_envs.rigs.furuta:FurutaRig",
        "planar_push": "sim2real_envs.rigs.planar_push:PlanarPushRig",
        "servo": "sim2real_envs.rigs.servo:ServoRig",
    }
)
"""Name of a rig to where its class is; an engine is imported when one is made."""


def make(name: str, **options: Any) -> Rig:
    """Return a new rig.

    Raises:
        UnknownNameError: If there is no rig of that name.
        TypeError: If the rig has no such option.
    """
    if name not in RIGS:
        raise UnknownNameError(name, "a rig", RIGS)
    module, _, attribute = RIGS[name].partition(":")
    rig: Rig = getattr(import_module(module), attribute)(**options)
    return rig
