"""Flaws of pseudo-real robots: what is wrong with reality beside its numbers."""

from __future__ import annotations

from sim2real_envs.flaws.base import CommandFlaws, Flaws, JointFlaws, SightFlaws
from sim2real_envs.flaws.presets import PRESETS, Preset, as_flaws, preset

__all__ = ["PRESETS", "CommandFlaws", "Flaws", "JointFlaws", "Preset", "SightFlaws", "as_flaws", "preset"]
