"""What people look at: figures, one page and videos of a run folder. Reads, draws, computes nothing new."""

from __future__ import annotations

from sim2real.report.page import write_report

__all__ = ["write_report"]
