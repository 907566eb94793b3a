"""How far simulation is from the real side: pure functions of episodes and counts."""

from __future__ import annotations

from sim2real.gap.measure import Gap, measure, measure_episodes, pair_by_start

__all__ = ["Gap", "measure", "measure_episodes", "pair_by_start"]
