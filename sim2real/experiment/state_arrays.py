"""The states of an episode as a few arrays over time, and the same states again, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

_PREFIX = "states/"


def to_arrays(states: Sequence[WorldState] | None) -> dict[str, Array]:
    """Return arrays named ``states/...``; none where there are no states.

    ``states/values/<name>`` and ``states/spread/<name>`` (m, d) with their rows' places in ``.../<name>/at`` (m,) where
    not all states have the name; a spread that never changes is one row. Commands overlap from state to state:
    ``states/commands`` (c, a) holds each of them once, and state i has rows ``first[i]`` to ``last[i]`` of it.
    """
    if not states:
        return {}
    arrays: dict[str, Array] = {f"{_PREFIX}count": np.array(len(states))}
    for kind in ("values", "spread"):
        parts = [getattr(state, kind) for state in states]
        for name in dict.fromkeys(name for part in parts for name in part):
            at = [row for row, part in enumerate(parts) if name in part]
            stacked = np.stack([parts[row][name] for row in at])
            if len(stacked) > 1 and (stacked == stacked[0]).all() and not np.signbit(stacked).any():
                stacked = stacked[:1]
            arrays[f"{_PREFIX}{kind}/{name}"] = stacked
            if len(at) < len(states):
                arrays[f"{_PREFIX}at/{kind}/{name}"] = np.array(at)
    return arrays | _commands_to_arrays([state.commands for state in states])


def from_arrays(arrays: Mapping[str, Array]) -> tuple[WorldState, ...] | None:
    """Return the states that ``to_arrays`` wrote among ``arrays``, None if there were none."""
    if f"{_PREFIX}count" not in arrays:
        return None
    count = int(arrays[f"{_PREFIX}count"])
    parts: dict[str, list[dict[str, Array]]] = {kind: [{} for _ in range(count)] for kind in ("values", "spread")}
    for kind, rows in parts.items():
        prefix = f"{_PREFIX}{kind}/"
        for key, stacked in arrays.items():
            if not key.startswith(prefix):
                continue
            name = key.removeprefix(prefix)
            at = arrays.get(f"{_PREFIX}at/{kind}/{name}", np.arange(count)).tolist()
            for place, row in enumerate(at):
                rows[row][name] = stacked[0 if len(stacked) == 1 else place]
    commands = _commands_from_arrays(arrays, count)
    return tuple(map(WorldState, parts["values"], parts["spread"], commands))


def _commands_to_arrays(commands: Sequence[Array | None]) -> dict[str, Array]:
    known = [each for each in commands if each is not None]
    if not known:
        return {}
    history = np.empty((0, known[0].shape[1]))
    first, last = np.zeros(len(commands), dtype=np.int64), np.full(len(commands), -1)  # -1: none at all
    for row, each in enumerate(commands):
        if each is None:
            continue
        shared = _overlap(history, each)
        history = np.concatenate([history, each[shared:]])
        first[row], last[row] = len(history) - len(each), len(history)
    return {f"{_PREFIX}commands": history, f"{_PREFIX}first": first, f"{_PREFIX}last": last}


def _overlap(history: Array, commands: Array) -> int:
    """Return with how many of its first rows ``commands`` continue the end of ``history``, bit for bit."""
    for shared in range(min(len(history), len(commands)), 0, -1):
        if history[len(history) - shared :].tobytes() == commands[:shared].tobytes():
            return shared
    return 0


def _commands_from_arrays(arrays: Mapping[str, Array], count: int) -> list[Array | None]:
    if f"{_PREFIX}commands" not in arrays:
        return [None] * count
    history = arrays[f"{_PREFIX}commands"]
    ends = zip(arrays[f"{_PREFIX}first"].tolist(), arrays[f"{_PREFIX}last"].tolist(), strict=True)
    return [None if last < 0 else history[first:last] for first, last in ends]
