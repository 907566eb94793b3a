"""How the result of a stage becomes a file, and the same value again, to the last bit.

Arrays are ``.npz`` without pickle, everything else is JSON, whose numbers
Python writes so that they read back exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from sim2real.conv_policy import ConvPolicy
from sim2real.episodes import Episode
from sim2real.errors import PolicyError
from sim2real.experiment import state_arrays
from sim2real.experiment.files import read_json
from sim2real.gap.statistics import json_number
from sim2real.history_policy import HistoryPolicy
from sim2real.policy import KeptPolicy, MlpPolicy, Policy, load_policy
from sim2real.randomizers.base import Description, Json, Randomizer
from sim2real.recurrent_policy import RecurrentPolicy
from sim2real.training.base import CurvePoint, Lesson
from sim2real_envs.parameters import Array, Parameter, ParameterSpace
from sim2real_envs.state import WorldState

T = TypeVar("T")


class Codec(Protocol[T]):
    """Writes one kind of value to a path that does not exist yet, a file or a folder, and reads it again."""

    def write(self, path: Path, value: T) -> None:
        """Write ``value``."""

    def read(self, path: Path) -> T:
        """Read what ``write`` wrote."""


class EpisodesCodec:
    """Episodes as one ``.npz``: a JSON header, and arrays named ``<episode>/<field>``."""

    def write(self, path: Path, value: tuple[Episode, ...]) -> None:
        """Write episodes."""
        arrays: dict[str, Array] = {}
        for i, episode in enumerate(value):
            arrays |= {f"{i}/{name}": array for name, array in _arrays(episode).items()}
        header = json.dumps([_header(episode) for episode in value])
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, header=np.array(header), **arrays)

    def read(self, path: Path) -> tuple[Episode, ...]:
        """Read episodes."""
        with np.load(path, allow_pickle=False) as data:
            headers = json.loads(str(data["header"]))
            fields: list[dict[str, Array]] = [{} for _ in headers]
            for key in data.files:
                index, _, name = key.partition("/")
                if name:
                    fields[int(index)][name] = data[key]
        return tuple(_episode(header, arrays) for header, arrays in zip(headers, fields, strict=True))


class StartsCodec:
    """Starts that were asked for as ``.json``: null where none were."""

    def write(self, path: Path, value: tuple[WorldState, ...] | None) -> None:
        """Write starts."""
        plain = None if value is None else [_plain_state(start) for start in value]
        path.write_text(json.dumps(plain, allow_nan=False) + "\n", encoding="utf-8")

    def read(self, path: Path) -> tuple[WorldState, ...] | None:
        """Read starts."""
        plain = json.loads(path.read_text(encoding="utf-8"))
        return None if plain is None else tuple(WorldState(each["values"], each["spread"]) for each in plain)


def _plain_state(state: WorldState) -> dict[str, Any]:
    return {
        part: {name: array.tolist() for name, array in getattr(state, part).items()} for part in ("values", "spread")
    }


def _header(episode: Episode) -> dict[str, Any]:
    plain = ("success", "failure_mode", "steps", "total_reward", "period", "seed", "label", "group")
    header: dict[str, Any] = {name: getattr(episode, name) for name in plain}
    domain = None if episode.domain is None else dict(episode.domain)
    return header | {"outcome": dict(episode.outcome), "domain": domain}


def _arrays(episode: Episode) -> dict[str, Array]:
    found = {f"start/{name}": array for name, array in episode.start.values.items()}
    found |= {f"spread/{name}": array for name, array in episode.start.spread.items()}
    found |= {f"path/{name}": array for name, array in episode.path.items()}
    found |= state_arrays.to_arrays(episode.states)
    single = {"commands": episode.start.commands, "observations": episode.observations, "actions": episode.actions}
    single["times"] = episode.times
    return found | {name: array for name, array in single.items() if array is not None}


def _episode(header: dict[str, Any], arrays: Mapping[str, Array]) -> Episode:
    def group(prefix: str) -> dict[str, Array]:
        return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

    return Episode(
        start=WorldState(group("start/"), group("spread/"), arrays.get("commands")),
        path=group("path/"),
        observations=arrays.get("observations"),
        actions=arrays.get("actions"),
        times=arrays.get("times"),
        states=state_arrays.from_arrays(arrays),
        **header,
    )


@dataclass(frozen=True)
class RandomizerCodec:
    """A randomizer as ``randomizer/round-NNN.json``: its state, its space, and what it says of itself.

    Args:
        kind: Class of the randomizer.
        space: Its space.
        method: What results call it.
        round: How many updates it has seen.
    """

    kind: type[Randomizer]
    space: ParameterSpace
    method: str
    round: int

    def write(self, path: Path, value: Randomizer) -> None:
        """Write a randomizer."""
        data = {
            "method": self.method,
            "round": self.round,
            "state": value.to_dict(),
            "description": described(value.describe()),
            "space": {name: _parameter(parameter) for name, parameter in value.space.items()},
        }
        path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def read(self, path: Path) -> Randomizer:
        """Read a randomizer."""
        return self.kind.from_dict(self.space, read_json(path)["state"])


def described(description: Description) -> dict[str, Json]:
    """Return a description as plain data."""
    return {
        "parameters": {name: asdict(marginal) for name, marginal in description.parameters.items()},
        "correlation": [[json_number(value) for value in row] for row in description.correlation],
        "diagnostics": {name: json_number(value) for name, value in description.diagnostics.items()},
        "messages": list(description.messages),
    }


def _parameter(parameter: Parameter) -> dict[str, Json]:
    names = ("low", "high", "nominal", "unit", "log")
    return {name: getattr(parameter, name) for name in names}


@dataclass(frozen=True)
class LessonCodec:
    """A lesson as a folder: ``policy/`` and ``lesson.json``.

    Args:
        kind: Class of the randomizer that was trained with.
        space: Its space.
    """

    kind: type[Randomizer]
    space: ParameterSpace

    def write(self, path: Path, value: Lesson) -> None:
        """Write a lesson."""
        policy = own_policy(value.policy)
        path.mkdir()
        policy.save(path / "policy")
        data = {
            "env_steps": value.env_steps,
            "randomizer": value.randomizer.to_dict(),
            "curve": [asdict(point) for point in value.curve],
        }
        (path / "lesson.json").write_text(json.dumps(data, indent=1), encoding="utf-8")

    def read(self, path: Path) -> Lesson:
        """Read a lesson."""
        data = read_json(path / "lesson.json")
        return Lesson(
            policy=load_policy(path / "policy"),
            randomizer=self.kind.from_dict(self.space, data["randomizer"]),
            env_steps=data["env_steps"],
            curve=tuple(CurvePoint(**point) for point in data["curve"]),
        )


def own_policy(policy: Policy) -> KeptPolicy:
    """Return ``policy`` as what a run can keep.

    Raises:
        PolicyError: If it is none of the kept policies of this package.
    """
    if not isinstance(policy, MlpPolicy | ConvPolicy | HistoryPolicy | RecurrentPolicy):
        raise PolicyError(
            f"A run keeps policies as `sim2real.policy.MlpPolicy` or `ConvPolicy`, but the trainer returned a "
            f"{type(policy).__name__}; return its network as an MlpPolicy."
        )
    return policy
