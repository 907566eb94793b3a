"""Recordings as a target: real motion that is replayed open loop, some to learn from and the others to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Need, Segment
from sim2real.policy import Policy
from sim2real.recordings import Recording, load, rig_of
from sim2real.recordings.moments import states_of
from sim2real.targets.predictions import Predictions
from sim2real.targets.rig_replay import RigReplay, rig_facts
from sim2real.workers import Advance, WorkerPool
from sim2real_envs import rigs
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.state import WorldState


class RecordingTarget:
    """Recordings of a real system. There is no policy: nobody acts, or the recorded actions are repeated.

    Args:
        data: A data set, such as ``"cube_toss"``, or the path of a robot's own log.
        rig: The rig to replay it in; None for the data set's own.
        options: What the rig is made with.
        fit: How many groups of recordings to learn from, by default each of one motion, or the names of these groups,
            such as ``["gain 400"]``; the others are held out.
        split_seed: Which ones, where their number is given: the same seed takes the same of the same recordings, and
            of a larger ``fit`` a smaller one is a part.
        held_out: How many groups are held out: the same ones for every ``fit`` that leaves so many, so that errors on
            them can be compared. None for all that are not learned from.
        window: Length of the windows that a log is cut into [s]; data sets have their own.
        workers: Processes that replay; 0 for this one.
        folder: The data folder; None for ``sim2real.recordings.data_folder()``.
        progress: Called with (done, total) domains of a replay.

    Raises:
        UnknownNameError: If there is no such data set, rig or group.
        MissingDataError: If the data set is not in the folder; says which command brings it.
        RecordingError: If it cannot be read; names the file and the row.
        InsufficientEvidence: Unless at least one group is learned from and one left to predict.
    """

    kind: Literal["recording"] = "recording"

    def __init__(
        self,
        data: str,
        *,
        rig: str | None = None,
        options: Mapping[str, Any] | None = None,
        fit: int | Sequence[str] = 30,
        split_seed: int = 0,
        held_out: int | None = None,
        window: float | None = None,
        workers: int = 2,
        folder: Path | None = None,
        progress: Advance | None = None,
    ) -> None:
        self._rig, self._options, self._progress = rig or rig_of(data), dict(options or {}), progress
        self._facts = rig_facts(self._rig, self._options)
        recordings = load(data, folder, window)
        groups = list(dict.fromkeys(recording.group for recording in recordings))
        fitted, left = _split(data, groups, fit, split_seed, held_out)
        first_of = {recording.motion: recording for recording in reversed(recordings) if recording.group in fitted}
        learned = [each for each in recordings if first_of.get(each.motion) is each]
        self._fit = tuple(
            replace(episode, states=states_of(each))
            for episode, each in zip(self._episodes(learned), learned, strict=True)
        )
        self._held_out = self._episodes([each for each in recordings if each.group in left])
        self._pool = WorkerPool(workers)

    def _episodes(self, recordings: Sequence[Recording]) -> tuple[Episode, ...]:
        rig = rigs.make(self._rig, **self._options)
        try:
            return tuple(recording.to_episode(rig) for recording in recordings)
        finally:
            rig.close()

    @property
    def offers(self) -> Need:
        """Outcomes and trajectories; states where the path gives them."""
        told = Need.STATES if all(episode.states is not None for episode in self._fit) else Need.NOTHING
        return Need.OUTCOMES | Need.TRAJECTORIES | told

    @property
    def space(self) -> ParameterSpace:
        """All parameters of the rig."""
        return self._facts.space

    @property
    def fit(self) -> tuple[Episode, ...]:
        """The recordings to learn from, in the order of the data set."""
        return self._fit

    def held_out(self) -> tuple[Episode, ...]:
        """Return the recordings to predict, in the order of the data set."""
        return self._held_out

    def collect(
        self,
        policy: Policy | None,
        episodes: int,
        rng: np.random.Generator,
        starts: Sequence[WorldState] | None = None,
    ) -> tuple[Episode, ...]:
        """Return the first ``episodes`` of the recordings to learn from; ``policy`` is None and ``rng`` not used.

        Raises:
            InsufficientEvidence: If there is a policy, fewer recordings than asked for, or starts are asked for.
        """
        if starts is not None:
            raise InsufficientEvidence("A recording began where it did: it cannot be asked for other starts.")
        if policy is not None:
            raise InsufficientEvidence("A recording cannot try a policy: `kind: identify` goes without one.")
        if episodes > len(self._fit):
            raise InsufficientEvidence(
                f"`episodes <= fit` must hold, but got {episodes} episodes asked of {len(self._fit)}; raise `fit`."
            )
        return self._fit[:episodes]

    def replay(self, space: ParameterSpace, real: Sequence[Episode] | None = None) -> RigReplay:
        """Return the means to replay ``real``, by default the recordings to learn from.

        Args:
            space: The uncertain parameters: the columns of the replay's domains.
            real: Episodes of this target.
        """
        episodes = self._fit if real is None else tuple(real)
        return RigReplay(self._pool, self._rig, self._options, space, episodes, self._progress, _facts=self._facts)

    def predict(self, domain: Domain, rng: np.random.Generator) -> Predictions:
        """Return how the held-out recordings go in ``domain`` and at nominal parameters.

        A misfit that no recording can tell, such as that of a force in poses alone, is left out.

        Args:
            domain: Values of some parameters; the others are nominal.
            rng: Not used by a rig that has no noise of its own.
        """
        replay = self.replay(self.space, self._held_out)
        rows = [self.space.to_array(self.space.complete(each)) for each in (domain, {})]
        segments = [Segment(index, drive="actions") for index in range(len(self._held_out))]
        paths = replay(np.stack(rows), segments, rng, paths=True).path  # signal to (2, e, 1, t, d)
        rig = rigs.make(self._rig, **self._options)
        sides = {
            side: {signal.name: paths[signal.name][row, :, 0] for signal in rig.signals}
            for row, side in enumerate(("predicted", "stock"))
        }
        errors: dict[str, dict[str, Array]] = {}
        for side, values in sides.items():
            found = [_misfit(rig, episode, row, values) for row, episode in enumerate(self._held_out)]
            errors[side] = {misfit.name: np.array([each[misfit.name] for each in found]) for misfit in rig.misfits}
        rig.close()
        misfits = tuple(each for each in rig.misfits if any(np.isfinite(errors["predicted"][each.name])))
        length = next(iter(sides["predicted"].values())).shape[1]
        recorded = {signal.name: _stacked(self._held_out, signal.name, length) for signal in rig.signals}
        longest = max((e.times for e in self._held_out if e.times is not None), key=len)
        labels = tuple(episode.label for episode in self._held_out)
        return Predictions(labels, longest, rig.signals, misfits, {"recorded": recorded, **sides}, errors)

    def close(self) -> None:
        """Stop the workers; may be called twice."""
        self._pool.close()


def _split(
    data: str, groups: Sequence[str], fit: int | Sequence[str], split_seed: int, held_out: int | None
) -> tuple[set[str], set[str]]:
    """Return the groups to learn from and those that are held out."""
    count = fit if isinstance(fit, int) else len(set(fit))
    if not 1 <= count < len(groups):
        raise InsufficientEvidence(
            f"`1 <= fit < {len(groups)}` must hold, the number of different motions in {data!r}, so that one at "
            f"least is left to predict, but got fit={fit}."
        )
    for name in () if isinstance(fit, int) else fit:
        if name not in groups:
            raise UnknownNameError(name, f"a group of the recordings in {data!r}", groups)
    most = len(groups) - count
    if held_out is not None and not 1 <= held_out <= most:
        raise InsufficientEvidence(
            f"`1 <= held_out <= {most}` must hold, the number of different motions in {data!r} that fit={fit} leaves, "
            f"but got held_out={held_out}."
        )
    order = [groups[index] for index in np.random.default_rng(split_seed).permutation(len(groups))]
    fitted = set(order[:fit]) if isinstance(fit, int) else set(fit)
    others = [name for name in reversed(order) if name not in fitted]
    return fitted, set(others[:held_out])


def _misfit(rig: rigs.Rig, episode: Episode, row: int, paths: Mapping[str, Array]) -> dict[str, float]:
    """Return the misfits of one recording, whose predicted paths are row ``row`` of ``paths`` (e, t, d)."""
    if episode.times is None:
        raise InsufficientEvidence(f"{episode.label!r} must have times to be compared with, but lacks them.")
    predicted = {name: path[row, : len(episode.times)] for name, path in paths.items()}
    return rig.misfit(episode.times, episode.path, predicted)


def _stacked(episodes: Sequence[Episode], signal: str, length: int) -> Array:
    """Return what was recorded of ``signal``, (e, t, d), NaN behind each end."""
    stacked = np.full((len(episodes), length, episodes[0].path[signal].shape[1]), np.nan)
    for row, episode in enumerate(episodes):
        stacked[row, : len(episode.path[signal])] = episode.path[signal]
    return stacked
