"""The tables of a run: one row per round, and one row per episode."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from sim2real.episodes import Episode
from sim2real.experiment.files import read_json, replacing
from sim2real.experiment.pieces import Piece
from sim2real.gap.statistics import wilson

Row: TypeAlias = dict[str, Any]
COSTS = ("real_episodes_used", "env_steps", "replay_steps")
PARTS = ("k", "n", "rate", "low", "high")
ROUND_COLUMNS = (
    *("env", "target", "method", "seed", "round"),
    *(f"{side}_{part}" for side in ("real", "simulated") for part in PARTS),
    *("gap_value", "gap_low", "gap_high"),
    *(f"watched_{part}" for part in PARTS),
    *COSTS,
)
EPISODE_COLUMNS = (
    *("env", "target", "method", "seed", "round", "side", "phase", "episode", "label"),
    *("success", "failure_mode", "steps", "total_reward"),
)


def episode_rows(
    piece: Piece, round_index: int, side: str, phase: str, episodes: Sequence[Episode], parameters: Iterable[str]
) -> list[Row]:
    """Return one row per episode, with its outcomes and the values of ``parameters``, NaN where nobody knows them."""
    names = tuple(parameters)
    return [
        {
            **piece.columns(),
            **{"round": round_index, "side": side, "phase": phase, "episode": index, "label": episode.label},
            **{"success": episode.success, "failure_mode": episode.failure_mode},
            **{"steps": episode.steps, "total_reward": episode.total_reward},
            **{f"outcome.{name}": value for name, value in episode.outcome.items()},
            **{f"domain.{name}": (episode.domain or {}).get(name, math.nan) for name in names},
        }
        for index, episode in enumerate(episodes)
    ]


def watched_columns(episodes: Sequence[Episode]) -> dict[str, int | float]:
    """Return the success of episodes that no method saw, with Wilson's interval, as columns of ``rounds.csv``."""
    rate = wilson(sum(episode.success for episode in episodes), len(episodes))
    return {f"watched_{part}": getattr(rate, part) for part in PARTS}


def write_episodes(path: Path, rows: Sequence[Row]) -> None:
    """Write ``episodes.parquet``."""
    columns = dict.fromkeys([*EPISODE_COLUMNS, *(name for row in rows for name in row)])
    _write_parquet(path, pd.DataFrame(rows, columns=list(columns)))


def gather_tables(folder: Path, pieces: Iterable[Path]) -> None:
    """Write ``rounds.csv`` and ``episodes.parquet`` of a run from those of its finished pieces."""
    finished = [piece for piece in pieces if (piece / "done.json").exists()]
    rounds = [row for piece in finished for row in read_json(piece / "done.json")["rounds"]]
    with replacing(folder / "rounds.csv") as temporary:
        pd.DataFrame(rounds, columns=list(ROUND_COLUMNS)).to_csv(temporary, index=False)
    if finished:
        frames = [pd.read_parquet(piece / "episodes.parquet") for piece in finished]
        _write_parquet(folder / "episodes.parquet", pd.concat(frames, ignore_index=True))


def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False)


def json_row(row: Mapping[str, Any]) -> Row:
    """Return a row for JSON: None for NaN."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
