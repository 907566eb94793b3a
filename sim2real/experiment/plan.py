"""How much work a run still has, in env steps: for the time left, and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim2real.experiment.spec import ExperimentSpec

REPLAYED_DOMAINS = 130
"""Domains in which an update replays every real episode, as a guess."""


def stage_work(spec: ExperimentSpec, horizon: int, *, learns: bool, shares: bool = False) -> dict[str, int]:
    """Return the env steps of every stage of a piece of training, by its file below the piece's folder.

    Args:
        spec: The experiment.
        horizon: Control steps of an episode.
        learns: Whether the method learns from real episodes.
        shares: Whether its trainings are done once for all targets, and not in the piece.
    """
    count, work = spec.episodes, {}
    asked = count.real_per_round if learns else 0
    for r in range(spec.rounds):
        work[f"stages/round-{r:03}/watched.npz"] = count.watched_per_round * horizon
        work[f"stages/round-{r:03}/real.npz"] = asked * horizon
        work[f"stages/round-{r:03}/simulated.npz"] = count.simulated_per_round * horizon
        work[f"randomizer/round-{r + 1:03}.json"] = asked * horizon * REPLAYED_DOMAINS
        if not shares:
            work[f"stages/round-{r:03}/lesson"] = spec.agent.round_steps
    return work | {f"stages/final/{side}.npz": count.final * horizon for side in ("real", "simulated", "nominal")}


def remaining(folder: Path, work: Mapping[str, int]) -> int:
    """Return the env steps of the stages whose files are not there."""
    return sum(steps for stage, steps in work.items() if not (folder / stage).exists())
