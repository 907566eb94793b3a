"""Recordings of a target as a log: what a data set holds, in the format for data of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.experiment.target_specs import RecordingTarget as RecordingSpec
from sim2real.recordings.log import CANONICAL, Log, LogEpisode, Signal
from sim2real.recordings.sensed import FRAMES
from sim2real.targets.recording import RecordingTarget
from sim2real_envs import rigs
from sim2real_envs.parameters import Array

_FRAME = "base"


def log_of_recordings(entry: RecordingSpec, rig: str, options: Mapping[str, Any], episodes: int) -> Log:
    """Return the first ``episodes`` recordings of a target, those to learn from before the others.

    What is not known at every sample, such as a pose that was measured only before and after a push, is left out, and
    ``extra["left_out"]`` names it.

    Args:
        entry: The target in an experiment.
        rig: Name of the rig of the experiment.
        options: What it is made with.
        episodes: How many.

    Raises:
        InsufficientEvidence: If there are fewer recordings, or nothing in them is known at every sample.
    """
    target = RecordingTarget(
        entry.data,
        rig=rig,
        options=options,
        fit=entry.groups or entry.fit,
        split_seed=entry.split_seed,
        held_out=entry.held_out,
        window=entry.window,
        workers=0,
    )
    found = (*target.fit, *target.held_out())
    target.close()
    if episodes > len(found):
        raise InsufficientEvidence(
            f"`episodes <= {len(found)}` must hold, the recordings of {entry.data!r}, but got {episodes}."
        )
    made = rigs.make(rig, **options)
    signals = _signals(made, found[0])
    made.close()
    values = [_values(made.controls, episode) for episode in found[:episodes]]
    whole = [name for name in signals if all(np.isfinite(_inner(signals[name], each[name])).all() for each in values)]
    if not whole:
        raise InsufficientEvidence(f"Nothing in the recordings of {entry.data!r} is known at every sample.")
    logged = tuple(
        LogEpisode(number, _times(episode), {name: each[name] for name in whole}, label=episode.label)
        for number, (episode, each) in enumerate(zip(found, values, strict=False))
    )
    return Log(
        signals={name: signals[name] for name in whole},
        episodes=logged,
        rate=1.0 / float(np.median(np.concatenate([np.diff(each.times) for each in logged]))),
        origin="robot",
        description=f"Recordings of {entry.data}.",
        frames=FRAMES if any(signals[name].frame for name in whole) else {},
        source="sim2real record",
        extra={
            "data": entry.data,
            "rig": rig,
            "options": json.loads(json.dumps(dict(options))),
            "left_out": [name for name in signals if name not in whole],
        },
    )


def _signals(rig: rigs.Rig, episode: Episode) -> dict[str, Signal]:
    """Return what the recordings of a rig hold: known names first, then its own signals and controls."""
    known = {name: _known(name, array) for name, array in episode.path.items() if name in CANONICAL}
    own = {each.name: _own("observation", each) for each in rig.signals if each.name in episode.path}
    return {**own, **known, **{each.name: _control(each) for each in rig.controls}}


def _known(name: str, array: Array) -> Signal:
    canonical = CANONICAL[name]
    frame = _FRAME if canonical.in_a_frame else ""
    return Signal(canonical.kind, canonical.unit, array.shape[1:], frame=frame, description=canonical.doc)


def _own(kind: Any, signal: rigs.Signal) -> Signal:
    return Signal(kind, signal.unit, (len(signal.columns),), names=signal.columns)


def _control(signal: rigs.Signal) -> Signal:
    if signal.name not in CANONICAL:
        return _own("action", signal)
    canonical = CANONICAL[signal.name]
    return Signal(canonical.kind, canonical.unit, (len(signal.columns),), description=canonical.doc)


def _values(controls: Sequence[rigs.Signal], episode: Episode) -> dict[str, Array]:
    """Return every signal of a recording, a row a sample; nothing is sent after the last one."""
    values = dict(episode.path)
    return values | dict(_sent(controls, episode))


def _sent(controls: Sequence[rigs.Signal], episode: Episode) -> Iterator[tuple[str, Array]]:
    first = 0
    actions = np.empty((len(_times(episode)) - 1, 0)) if episode.actions is None else episode.actions
    for control in controls:
        width = len(control.columns)
        yield control.name, np.concatenate([actions[:, first : first + width], np.full((1, width), np.nan)])
        first += width


def _inner(signal: Signal, array: Array) -> Array:
    """Return the rows that must be known: all, or of what is sent all but the last."""
    return array[:-1] if signal.kind == "action" else array


def _times(episode: Episode) -> Array:
    return np.zeros(0) if episode.times is None else episode.times
