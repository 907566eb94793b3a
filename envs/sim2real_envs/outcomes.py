"""Named measurements of how an episode ended, declared by a task or a rig."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """One named measurement of how an episode ended.

    Args:
        name: Such as ``"success"``, ``"object_x"``, ``"peak_force"``.
        unit: SI unit, ``"-"`` for a pure number.
        scale: A difference of this size matters; errors are compared in these [unit].
        kind: ``"binary"`` for 0 or 1, else ``"continuous"``.
        doc: What was measured, in one sentence.
    """

    name: str
    unit: str
    scale: float
    kind: Literal["continuous", "binary"] = "continuous"
    doc: str = ""
