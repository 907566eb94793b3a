"""A log as a Minari data set, for offline reinforcement learning."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sim2real.errors import MissingExtraError, RecordingError
from sim2real.recordings.log import Log, LogEpisode
from sim2real.recordings.log.header import header_to_json

_ID = re.compile(r"[-\w]*[\w]+-v\d+")
_ENDED = ("drop", "unstable_grasp", "planning_failure", "out_of_reach", "diverged")  # the others ran out of time
_REWARD = "reward"


def write_minari(
    folder: str | os.PathLike[str],
    log: Log,
    *,
    observations: Sequence[str] = (),
    actions: Sequence[str] = (),
    author: str = "",
    author_email: str = "",
    code_permalink: str = "",
) -> Path:
    """Write a log as a Minari data set: SI, float64, whole or not at all.

    Minari finds it by ``MINARI_DATASETS_PATH``, the folder that it is in, and its id, the name of its own folder:
    ``MINARI_DATASETS_PATH=data``, ``minari.load_dataset("push-v0")`` for ``data/push-v0``.

    An episode of t rows has t observations and t - 1 actions; an action of the last row is left out. One signal is a
    Box, several are a Dict of boxes. The reward of a step is the signal ``reward`` of the row that it leads to; where
    there is none, it is 1 for the last step of a success and else 0. Signals that are neither observed nor sent are in
    ``infos`` with the times, and the header of the log, its units above all, is in the metadata under ``sim2real``.

    Args:
        folder: Where it goes, its name ending in a version, such as ``push-v0``; must not be there yet.
        log: The log.
        observations: Signals that are observed; by default ``observation``, else all of kind observation and force.
        actions: Signals that are sent; by default ``action``, else all of kind action.
        author: Who made it.
        author_email: Their address.
        code_permalink: The code that made it.

    Raises:
        MissingExtraError: If Minari is not installed.
        RecordingError: If the folder's name is no id, it is there, cannot be written, or an action is missing.
    """
    try:
        from minari.data_collector import EpisodeBuffer
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise MissingExtraError('Minari is not installed: pip install "sim2real[minari]".') from error
    place = Path(folder)
    if not _ID.fullmatch(place.name) or place.exists():
        law = "is there already" if place.exists() else "must end in a version, such as push-v0"
        raise RecordingError(f"{place} {law}: name another folder.")
    seen = _chosen(log, "observations", observations, "observation", ("observation", "force"))
    sent = _chosen(log, "actions", actions, "action", ("action",))
    buffers = [
        EpisodeBuffer(id=index, **_episode(log, episode, seen, sent)) for index, episode in enumerate(log.episodes)
    ]
    metadata: dict[str, Any] = {"dataset_id": place.name, "minari_version": _version(), "sim2real": header_to_json(log)}
    metadata |= {"description": log.description, "code_permalink": code_permalink}
    metadata |= {"algorithm_name": str(log.extra.get("driver", "unknown"))}
    metadata |= {"author": {author} if author else set(), "author_email": {author_email} if author_email else set()}
    temporary = place.absolute().with_name(f".{place.name}.{os.getpid()}.part")  # Minari's files need the whole path
    try:
        (temporary / "data").mkdir(parents=True)
        storage = MinariStorage.new(
            temporary / "data",
            observation_space=_space(log, seen, -np.inf),
            action_space=_space(log, sent, -1.0 if sent == ("action",) else -np.inf),
            jpeg_encoding=False,
        )
        storage.update_metadata({name: value for name, value in metadata.items() if value})
        storage.update_episodes(buffers)
        for index, episode in enumerate(log.episodes):
            storage.update_episode_metadata([_facts(episode)], [index])
        temporary.rename(place)
    except OSError as error:
        raise RecordingError(f"{place} cannot be written: {error.strerror or error}. Name another place.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place


def _version() -> str:
    from importlib.metadata import version

    return version("minari")


def _chosen(log: Log, what: str, asked: Sequence[str], first: str, kinds: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in asked if name not in log.signals]
    if unknown:
        raise RecordingError(f"`{what}` must name signals of the log ({', '.join(log.signals)}), but got {unknown}.")
    found = tuple(asked) or ((first,) if first in log.signals else ())
    found = found or tuple(name for name, signal in log.signals.items() if signal.kind in kinds)
    if not found:
        raise RecordingError(f"A Minari data set needs {what}, but the log has only {', '.join(log.signals)}.")
    return found


def _space(log: Log, names: Sequence[str], low: float) -> spaces.Space[Any]:
    boxes: dict[str, spaces.Space[Any]] = {
        name: spaces.Box(low, -low, log.signals[name].shape, dtype=np.float64) for name in names
    }
    return boxes[names[0]] if len(names) == 1 else spaces.Dict(boxes)


def _episode(log: Log, episode: LogEpisode, seen: Sequence[str], sent: Sequence[str]) -> dict[str, Any]:
    steps = len(episode.times) - 1
    if steps < 1:
        raise RecordingError(f"Episode {episode.number} must have at least two rows, but has {steps + 1}.")
    actions = {name: episode[name][:-1] for name in sent}
    for name, values in actions.items():
        if not np.isfinite(values).all():
            raise RecordingError(f"Episode {episode.number} must have {name!r} in every row but the last.")
    over = np.zeros(steps, dtype=bool)
    over[-1] = True
    terminal = bool(episode.success) or episode.failure_mode in _ENDED
    left = [name for name in log.signals if name not in (*seen, *sent, _REWARD)]
    return {
        "observations": _together({name: episode[name] for name in seen}),
        "actions": _together(actions),
        "rewards": _rewards(episode, steps),
        "terminations": over & terminal,
        "truncations": over & (not terminal),
        "infos": {"time": episode.times, **{name.replace("/", "."): episode[name] for name in left}},
    }


def _together(parts: Mapping[str, NDArray[np.float64]]) -> Any:
    return next(iter(parts.values())) if len(parts) == 1 else dict(parts)


def _rewards(episode: LogEpisode, steps: int) -> NDArray[np.float64]:
    if _REWARD in episode:
        return episode[_REWARD][1:]
    rewards = np.zeros(steps)
    rewards[-1] = float(bool(episode.success))
    return rewards


def _facts(episode: LogEpisode) -> dict[str, Any]:
    facts: dict[str, Any] = {"label": episode.label, "failure_mode": episode.failure_mode}
    if episode.success is not None:
        facts["success"] = episode.success
    facts |= {f"outcome/{name}": value for name, value in episode.outcome.items()}
    return {name: value for name, value in facts.items() if value != ""}
