"""The record of one piece: its stages, the rows of its tables, its final policy, and ``done.json`` at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import numpy as np

from sim2real.episodes import Episode
from sim2real.experiment.codecs import own_policy
from sim2real.experiment.files import replacing, write_json
from sim2real.experiment.pieces import Piece
from sim2real.experiment.stages import Stages
from sim2real.experiment.summary import Final, Result, identified, piece_result
from sim2real.experiment.tables import COSTS, Row, episode_rows, json_row, watched_columns, write_episodes
from sim2real.gap import Gap
from sim2real.policy import Policy
from sim2real.randomizers import Randomizer
from sim2real.targets.predictions import Predictions
from sim2real_envs.parameters import Domain

Phase = Literal["round", "watched", "final", "held_out"]


@dataclass
class Record(Stages):
    """What one piece writes down.

    Args:
        piece: The piece.
        rounds: Rows of ``rounds.csv`` so far.
        rows: Rows of ``episodes.parquet`` so far.
    """

    piece: Piece = field(kw_only=True)
    rounds: list[Row] = field(default_factory=list, kw_only=True)
    rows: list[Row] = field(default_factory=list, kw_only=True)

    def round(
        self, index: int, randomizer: Randomizer, gap: Gap, *, phase: Phase = "round", **sides: Sequence[Episode]
    ) -> None:
        """Add a round: its gap, its episodes, and what the policy that was measured has cost so far.

        Args:
            index: Updates that went into the policy; the final evaluation is the last.
            randomizer: Whose parameters the rows of episodes show.
            gap: The gap.
            phase: What the episodes are of.
            sides: Episodes by side: ``watched`` (on the target, seen by no method), ``real``, ``simulated``,
                ``nominal``.
        """
        costs = {name: int(self.spent.get(name, 0)) for name in COSTS}
        watched = watched_columns(sides["real" if phase == "final" else "watched"])
        self.rounds.append(json_row({**self.piece.columns(), "round": index, **gap.columns(), **watched, **costs}))
        for side, episodes in sides.items():
            where, what = ("real", "watched") if side == "watched" else (side, phase)
            self.rows += episode_rows(self.piece, index, where, what, episodes, randomizer.space)
        stage = "final" if phase == "final" else f"round {index}"
        shown = ", ".join(_counted(side, episodes) for side, episodes in sides.items() if episodes)
        self.watch.progress.message(f"{self.label} · {stage}: {shown}")

    def held_out(
        self, recordings: Sequence[Episode], predictions: Predictions, randomizer: Randomizer, domain: Domain
    ) -> None:
        """Add held-out recordings and the errors of their predictions, and write a few to ``predictions.npz``."""
        with replacing(self.folder / "predictions.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **predictions.excerpt())
        errors = predictions.errors["predicted"]
        predicted = [
            replace(recording, domain=domain, outcome={name: float(each[row]) for name, each in errors.items()})
            for row, recording in enumerate(recordings)
        ]
        for side, episodes in (("real", recordings), ("simulated", predicted)):
            self.rows += episode_rows(self.piece, 1, side, "held_out", episodes, randomizer.space)

    def finish(
        self,
        randomizer: Randomizer,
        final: Final | None = None,
        *,
        policy: Policy | None = None,
        identification: Result | None = None,
    ) -> None:
        """Write policy and tables and, last of all, ``done.json``.

        Args:
            randomizer: After everything; what it identified goes into the results.
            final: The final evaluation; None where there is no policy.
            policy: The final policy.
            identification: More to say of what was identified, such as errors on held-out recordings.
        """
        if policy is not None:
            with replacing(self.folder / "policy") as temporary:
                own_policy(policy).save(temporary)
        write_episodes(self.folder / "episodes.parquet", self.rows)
        parameters = identified(randomizer.describe(), everything=identification is not None)
        found = {"parameters": parameters, **(identification or {})}
        done = {
            "result": piece_result(self.piece, final, found if parameters or identification else {}, self.spent),
            "rounds": self.rounds,
            "final": asdict(final) if final else None,
        }
        write_json(self.folder / "done.json", done)

    def keep_truth(self, truth: Mapping[str, float]) -> None:
        """Write down a hidden domain, for the report only; there is none where nobody knows it."""
        if truth:
            write_json(self.folder / "truth.json", dict(truth))


def _counted(side: str, episodes: Sequence[Episode]) -> str:
    """Return successes of one side in words, and how many episodes diverged if any did."""
    diverged = sum(episode.failure_mode == "diverged" for episode in episodes)
    note = f" ({diverged} diverged)" if diverged else ""
    return f"{side} {sum(episode.success for episode in episodes)}/{len(episodes)}{note}"
