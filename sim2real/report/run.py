"""What a run folder holds, read for drawing: finished, or as far as a run has come.

Nothing here computes a result. A file that is not there yet gives an empty
table or None, so that a report can be written of a run that is still going on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.errors import EmptyDataError

from sim2real.errors import RunFolderError
from sim2real.experiment.pieces import folder_name
from sim2real.experiment.strict_yaml import read_document
from sim2real_envs.parameters import Array

Table: TypeAlias = Mapping[str, Any]
CEILING = "oracle"
"""The method that is told the target's own domain: a ceiling, not a competitor."""
KINDS = {"hidden": "pseudo-real", "mujoco": "pseudo-real", "preset": "pseudo-real", "recording": "recording"}
"""What stands behind each type of target; what is not here is a robot."""


@dataclass(frozen=True)
class Snapshot:
    """A randomizer after ``round`` updates, as ``randomizer/round-NNN.json`` has it."""

    method: str
    round: int
    space: Mapping[str, Table]
    description: Table
    state: Table


@dataclass(frozen=True)
class Piece:
    """One (env, target, method, seed) of a run and its folder."""

    env: str
    target: str
    method: str
    seed: int
    folder: Path

    @property
    def done(self) -> bool:
        """Whether it ran to its end."""
        return (self.folder / "done.json").is_file()

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The randomizer before any evidence and after every update."""
        files = sorted((self.folder / "randomizer").glob("round-*.json"))
        return tuple(_snapshot(file) for file in files)

    @cached_property
    def truth(self) -> Table:
        """The hidden domain of a pseudo-real target; empty where nobody knows it."""
        return _json(self.folder / "truth.json") or {}

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The learning curve: training, env_steps, episodes, success, mean_return."""
        return _csv(self.folder / "curve.csv")

    @cached_property
    def predictions(self) -> dict[str, Array] | None:
        """Held-out recordings beside what was predicted, of an identify run."""
        path = self.folder / "predictions.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}


@dataclass(frozen=True)
class Run:
    """A run folder.

    Raises:
        RunFolderError: If ``folder`` is not one.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "spec.yaml").is_file():
            raise RunFolderError(
                f"{str(self.folder)!r} is not the folder of a run: it has no spec.yaml. "
                "Give a folder such as results/quickstart/<run>."
            )

    @cached_property
    def spec(self) -> Table:
        """The experiment as run, completed with defaults."""
        value = read_document(self.folder / "spec.yaml").value
        if not isinstance(value, dict):
            raise RunFolderError(f"{str(self.folder / 'spec.yaml')!r} does not hold an experiment.")
        return value

    @cached_property
    def spec_text(self) -> str:
        """The experiment file as run."""
        return (self.folder / "spec.yaml").read_text(encoding="utf-8")

    @cached_property
    def manifest(self) -> Table:
        """Versions, git state, seeds, machine."""
        return _json(self.folder / "manifest.json") or {}

    @cached_property
    def methods_results(self) -> dict[str, Table]:
        """The results of each method over seeds and targets, in the order of the file; empty before the run's end."""
        summary = _json(self.folder / "summary.json") or {"methods": {}}
        return {method: summary["methods"][method] for method in self.methods if method in summary["methods"]}

    @cached_property
    def results(self) -> tuple[Table, ...]:
        """The results of the pieces that are finished, in the order of the file."""
        done = (_json(piece.folder / "done.json") for piece in self.pieces)
        return tuple(each["result"] for each in done if each)

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """One row per piece and round; the final evaluation is a row behind the last round."""
        return _csv(self.folder / "rounds.csv")

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """One row per episode."""
        path = self.folder / "episodes.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece that the experiment asks for, in the order of the file, started or not."""
        env = str(self.spec["env"]["id"])
        return tuple(
            Piece(env, target, method, seed, self.folder / "pieces" / folder_name(env, target, method, f"s{seed}"))
            for seed in self.seeds
            for target in self.targets
            for method in self.methods
        )

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.spec["name"])

    @property
    def identifies(self) -> bool:
        """Whether parameters are identified from recordings, without a policy."""
        return bool(self.spec.get("kind") == "identify")

    @property
    def methods(self) -> tuple[str, ...]:
        """Labels of the methods, in the order of the file."""
        return tuple(_label(entry) for entry in self.spec["methods"])

    @property
    def method_classes(self) -> dict[str, str]:
        """Name or import path of each method's class, by label."""
        entries = self.spec["methods"]
        return {_label(entry): str(entry["method"] if isinstance(entry, Mapping) else entry) for entry in entries}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(int(seed) for seed in self.spec.get("seeds", [0]))

    @property
    def targets(self) -> dict[str, str]:
        """What stands behind each target: pseudo-real, recording or robot."""
        return {name: KINDS.get(str(target["type"]), "robot") for name, target in self.spec["targets"].items()}

    @property
    def target_word(self) -> str:
        """What to call the target side in a sentence: the kinds of all targets."""
        return " / ".join(dict.fromkeys(self.targets.values()))

    @property
    def videos(self) -> tuple[Path, ...]:
        """The videos that were made of it, in the order of the pieces."""
        order = {piece.folder.name: rank for rank, piece in enumerate(self.pieces)}
        found = sorted((self.folder / "videos").glob("[!.]*.mp4"))
        return tuple(sorted(found, key=lambda path: order.get(path.stem, len(order))))


def _label(entry: object) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("name") or _label(entry["method"]))
    return str(entry).rpartition(":")[2]


def _snapshot(path: Path) -> Snapshot:
    data = _json(path) or {}
    return Snapshot(data["method"], int(data["round"]), data["space"], data["description"], data["state"])


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise RunFolderError(f"{str(path)!r} is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise RunFolderError(f"{str(path)!r} must hold an object, but holds a {type(data).__name__}.")
    return data


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, EmptyDataError):
        return pd.DataFrame()
