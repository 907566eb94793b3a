"""What a run found, as tidy tables."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sim2real.errors import RunFolderError
from sim2real.experiment.files import read_json
from sim2real.policy import KeptPolicy, load_policy


@dataclass(frozen=True)
class Result:
    """The results of a run, read from its folder when they are asked for.

    Raises:
        RunFolderError: If ``folder`` is not the folder of a run.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "spec.yaml").is_file():
            raise RunFolderError(f"{str(self.folder)!r} is not the folder of a run: it has no spec.yaml.")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """``summary.json``: rates, gaps and identifications of every piece and method."""
        return dict(read_json(self.folder / "summary.json"))

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """One row per piece and round: rates and gap with intervals, and what was spent until then."""
        return pd.read_csv(self.folder / "rounds.csv")

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """One row per episode: side, phase, success, failure mode, outcomes, and the domain of simulated ones."""
        return pd.read_parquet(self.folder / "episodes.parquet")

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Learning curves of all pieces: piece, training, env_steps, episodes, success, mean_return."""
        paths = sorted((self.folder / "pieces").glob("*/curve.csv"))
        frames = [pd.read_csv(path).assign(piece=path.parent.name) for path in paths]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    @property
    def methods(self) -> pd.DataFrame:
        """One row per method, pooled over seeds and targets: the table of ``summary.json``."""
        found = self.summary["methods"]
        plain = [{key: value for key, value in each.items() if key != "identification"} for each in found.values()]
        return pd.json_normalize(plain).set_index(pd.Index(found, name="method"))

    def policy(self, piece: str) -> KeptPolicy:
        """Return the final policy of a piece, such as ``"PandaPush-v0-slippery-particles-s0"``."""
        return load_policy(self.folder / "pieces" / piece / "policy")

    def _repr_html_(self) -> str:
        """Return the table of methods, for notebooks."""
        shown = [name for name in ("real.rate", "simulated.rate", "gap.value") if name in self.methods]
        columns = [*shown, "real_episodes_used", "env_steps", "replay_steps"]
        table = self.methods[columns].to_html(float_format="{:.2f}".format)
        return (
            f"<b>{html.escape(str(self.summary['experiment']))}</b>{table}<code>{html.escape(str(self.folder))}</code>"
        )
