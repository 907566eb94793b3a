"""The real side: whatever a policy can be tried on that is not the training simulator.

A target of an experiment file is made by its ``type``: ``hidden`` is a
``HiddenTarget``, ``recording`` a ``RecordingTarget``, ``robot`` a ``RobotTarget``.
"""

from __future__ import annotations

from sim2real.targets.base import Kind, Target
from sim2real.targets.hidden import HiddenTarget
from sim2real.targets.recording import RecordingTarget
from sim2real.targets.robot import RobotTarget

__all__ = ["HiddenTarget", "Kind", "RecordingTarget", "RobotTarget", "Target"]
