"""Demonstrations: episodes of a scripted expert in one Parquet file, one row a control step.

    frame = pandas.read_parquet("push.parquet")
    frame.attrs["env_id"], frame.attrs["fields"]
    observations = numpy.stack(frame["observation"])        # (rows, o)

Columns: ``episode``, ``step``, ``seed``; ``observation``, what the policy would see before the step (an observation of
several arrays has ``observation.<name>`` for each), arrays flattened in C order; ``action`` (a,), ``reward``,
``terminated``, ``truncated``; then, the same in all rows of an episode, ``success``, ``failure_mode``,
``outcome.<name>`` and ``domain.<name>``. The header says what the numbers mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, cast

import gymnasium
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gymnasium import Space, spaces
from numpy.typing import NDArray

import sim2real_envs
from sim2real.errors import RunFolderError
from sim2real.experiment.files import replacing
from sim2real.gap.statistics import Rate, wilson
from sim2real.randomizers.uniform import Uniform
from sim2real.rollouts import SEEDS
from sim2real.workers import Advance, Box, WorkerPool
from sim2real_envs.errors import OptionError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.registration import full_id

Domains: TypeAlias = Literal["nominal", "range"]
Recipe: TypeAlias = tuple[str, dict[str, Any]]

SCHEMA = 1
_BATCH = 32  # episodes that are in memory together
_WHAT = "observation"


class Guided(Protocol):
    """What ``env.unwrapped`` offers, beside Gymnasium's own."""

    parameter_space: ParameterSpace
    outcomes: tuple[Outcome, ...]
    control_period: float

    def expert_action(self) -> NDArray[np.float32]:
        """Return what the expert would do now, (a,)."""


class Job(NamedTuple):
    """One episode: its number, its seed, and where its domain differs from nominal."""

    episode: int
    seed: int
    domain: Mapping[str, float]


@dataclass(frozen=True)
class Recorded:
    """What was written: where, how many rows, and how often the expert succeeded."""

    path: Path
    rows: int
    success: Rate


def record(
    env_id: str,
    path: str | os.PathLike[str],
    *,
    episodes: int,
    options: Mapping[str, Any] | None = None,
    domain: Domains = "nominal",
    seed: int = 0,
    workers: int = 2,
    force: bool = False,
    progress: Advance | None = None,
) -> Recorded:
    """Let the scripted expert of an environment act, and write every step of it, failed episodes among them.

    Args:
        env_id: Such as ``"PandaPush-v0"``.
        path: The file, whole or not there.
        episodes: How many.
        options: Constructor options of the environment.
        domain: ``"nominal"``, or ``"range"`` to draw every parameter from its default range in each episode.
        seed: Of the starts and the domains.
        workers: Processes; the file does not depend on their number.
        force: Whether a file that is there is replaced.
        progress: Called with (episodes done, episodes in total).

    Raises:
        UnknownNameError: If the environment does not exist, or its task has no expert.
        OptionError: If ``episodes < 1``, or the environment cannot have an expert.
        RunFolderError: If the file is there already, or cannot be written.
        WorkerError: If a worker dies.
    """
    if episodes < 1:
        raise OptionError(f"`episodes >= 1` must hold, but got episodes={episodes}.")
    place, recipe = Path(path), (env_id, dict(options or {}))
    full_id(env_id)
    if place.exists() and not force:
        raise RunFolderError(f"{place}: is there already; give another name, or --force (force=True) to replace it.")
    env = _make(recipe)
    try:
        _check_expert(env)
        header, schema, jobs = _header(env, recipe, domain, seed), _schema(env), _jobs(env, episodes, domain, seed)
    finally:
        env.close()
    attributes = {"PANDAS_ATTRS": json.dumps(header)}  # where pandas keeps ``DataFrame.attrs``
    rows = successes = 0
    with (
        replacing(place) as temporary,
        WorkerPool(min(workers, episodes)) as pool,
        pq.ParquetWriter(temporary, schema.with_metadata(attributes), compression="zstd") as writer,
    ):
        for first in range(0, episodes, _BATCH):
            batch = pool.map(_demonstrate, recipe, jobs[first : first + _BATCH])
            table = pa.concat_tables([_table(columns, schema) for columns in batch])
            writer.write_table(table)
            rows, successes = rows + table.num_rows, successes + sum(columns["success"][0] for columns in batch)
            if progress is not None:
                progress(min(first + _BATCH, episodes), episodes)
    return Recorded(place, rows, wilson(successes, episodes))


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the header of a file of demonstrations without reading its rows.

    Raises:
        RunFolderError: If it is not one.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        header = json.loads(metadata.get(b"PANDAS_ATTRS", b"{}"))
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise RunFolderError(f"{path}: is not a Parquet file that can be read: {error}") from None
    if header.get("schema") != SCHEMA:
        raise RunFolderError(f"{path}: is not a file of demonstrations of schema {SCHEMA}.")
    return dict(header)


def _make(recipe: Recipe) -> gymnasium.Env[Any, Any]:
    env_id, options = recipe
    try:
        return sim2real_envs.make(env_id, **options)
    except TypeError as error:
        raise OptionError(f"{env_id!r} cannot be made with these options: {error}") from error


def _check_expert(env: gymnasium.Env[Any, Any]) -> None:
    if not callable(getattr(env.unwrapped, "expert_action", None)):
        raise OptionError(f"{env.spec.id if env.spec else 'This environment'} has no expert: no `expert_action()`.")
    env.reset(seed=0)
    cast(Guided, env.unwrapped).expert_action()


def _header(env: gymnasium.Env[Any, Any], recipe: Recipe, domain: Domains, seed: int) -> dict[str, Any]:
    """Return what the numbers mean, as plain JSON."""
    world = cast(Guided, env.unwrapped)
    task = getattr(env.unwrapped, "task", None)  # other people's environments name no fields
    flat = isinstance(env.observation_space, spaces.Box) and len(env.observation_space.shape) == 1
    names = [(field.name, field.size, field.unit) for field in task.fields] if flat and task is not None else []
    return {
        "schema": SCHEMA,
        "env_id": recipe[0],
        "options": recipe[1],
        "domain": domain,
        "seed": seed,
        "period_s": world.control_period,
        "shapes": {name: list(space.shape or ()) for name, space in _arrays(env.observation_space).items()},
        "fields": [{"name": name, "size": size, "unit": unit} for name, size, unit in names],
        "outcomes": {outcome.name: outcome.unit for outcome in world.outcomes},
        "parameters": {parameter.name: parameter.unit for parameter in world.parameter_space.values()},
    }


def _jobs(env: gymnasium.Env[Any, Any], episodes: int, domain: Domains, seed: int) -> list[Job]:
    starts, draws = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    seeds = starts.integers(SEEDS, size=episodes).tolist()
    domains: list[dict[str, float]] = [{}] * episodes
    if domain == "range":
        uniform = Uniform.create(cast(Guided, env.unwrapped).parameter_space)
        domains = [uniform.space.to_domain(row) for row in uniform.sample(draws, episodes).values]
    return [Job(number, *job) for number, job in enumerate(zip(seeds, domains, strict=True))]


def _arrays(space: Space[Any]) -> dict[str, spaces.Box]:
    """Return the arrays of an observation by the names of their columns.

    Raises:
        OptionError: If it is not an array, or a dict of arrays.
    """
    parts = {f"{_WHAT}.{name}": part for name, part in space.items()} if isinstance(space, spaces.Dict) else None
    found = {_WHAT: space} if parts is None else parts
    if not all(isinstance(part, spaces.Box) for part in found.values()):
        raise OptionError(f"Demonstrations hold observations that are an array or a dict of arrays, but got {space}.")
    return cast(dict[str, spaces.Box], found)


def _schema(env: gymnasium.Env[Any, Any]) -> pa.Schema:
    world = cast(Guided, env.unwrapped)
    columns = [("episode", pa.int32()), ("step", pa.int32()), ("seed", pa.int64())]
    for name, space in _arrays(env.observation_space).items():
        columns.append((name, pa.list_(pa.from_numpy_dtype(space.dtype), int(np.prod(space.shape)))))
    columns.append(("action", pa.list_(pa.float32(), int(np.prod(env.action_space.shape or (1,))))))
    columns += [("reward", pa.float64()), ("terminated", pa.bool_()), ("truncated", pa.bool_())]
    columns += [("success", pa.bool_()), ("failure_mode", pa.string())]
    columns += [(f"outcome.{outcome.name}", pa.float64()) for outcome in world.outcomes]
    columns += [(f"domain.{name}", pa.float64()) for name in world.parameter_space]
    return pa.schema(columns)


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table([_column(columns[field.name], field.type) for field in schema], schema=schema)


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), kind.list_size)
    return pa.array(values, type=kind)


def _demonstrate(box: Box, recipe: Recipe, job: Job) -> dict[str, Any]:
    """Run one episode of the expert and return its columns."""
    env = box.keep(json.dumps(recipe, sort_keys=True, default=repr), lambda: _make(recipe))
    world = cast(Guided, env.unwrapped)
    observation, _ = env.reset(seed=job.seed, options={"domain": dict(job.domain)})
    rows: list[tuple[Any, ...]] = []
    over = False
    while not over:
        action = world.expert_action()
        after, reward, terminated, truncated, info = env.step(action)
        rows.append((observation, action, float(reward), terminated, truncated))
        observation, over = after, terminated or truncated
    seen, actions, rewards, terminations, truncations = zip(*rows, strict=True)
    count = len(rows)
    once: dict[str, Any] = {"episode": job.episode, "seed": job.seed, "success": bool(info["is_success"])}
    once |= {"failure_mode": str(info["failure_mode"])}
    once |= {f"outcome.{name}": value for name, value in info["outcome"].items()}
    once |= {f"domain.{name}": value for name, value in info["domain"].items()}
    columns: dict[str, Any] = {name: [value] * count for name, value in once.items()}
    columns |= {"step": range(count), "action": np.stack(actions), "reward": rewards}
    columns |= {"terminated": terminations, "truncated": truncations}
    columns |= dict(_stacked(seen))
    return columns


def _stacked(observations: tuple[Any, ...]) -> Iterator[tuple[str, NDArray[Any]]]:
    if not isinstance(observations[0], dict):
        yield _WHAT, np.stack(observations)
        return
    for name in observations[0]:
        yield f"{_WHAT}.{name}", np.stack([observation[name] for observation in observations])
