"""What leaves the toolkit after a run: the identified domain, the robot model, the policy, each checked and signed."""

from __future__ import annotations

from sim2real.exporting.bundle import Bundle, export

__all__ = ["Bundle", "export"]
