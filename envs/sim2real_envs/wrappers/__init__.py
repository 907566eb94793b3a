"""Wrappers for single environments and for other people's training code.

They work on any Gymnasium environment that has what they ask for, and on both
kinds of observation: one array, or a ``Dict`` of arrays, of which they change one.
"""

from __future__ import annotations

from sim2real_envs.wrappers.histories import ActionHistory, ObservationHistory
from sim2real_envs.wrappers.privileged_domain import PrivilegedDomain
from sim2real_envs.wrappers.randomize_on_reset import RandomizeOnReset, Sampler
from sim2real_envs.wrappers.randomized_env import RandomizedEnv

__all__ = ["ActionHistory", "ObservationHistory", "PrivilegedDomain", "RandomizeOnReset", "RandomizedEnv", "Sampler"]
