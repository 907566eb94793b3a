"""What happened in trials so far: the events of a journal as trials done, trials left, and how they ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sim2real.episodes import Episode
from sim2real.errors import RunFolderError
from sim2real.experiment.codecs import EpisodesCodec
from sim2real.experiment.files import replacing, sweep
from sim2real.trials.journal import Journal, read_events
from sim2real.trials.order import Queue, Slot
from sim2real.trials.plan import Plan, changed_keys

SCHEMA = 1
LOG, EPISODES = "trials.jsonl", "episodes"


@dataclass(frozen=True)
class Trial:
    """One trial as the log has it.

    Args:
        slot: Which of the plan.
        attempt: From 1; more than 1 where it was spoiled before.
        began: When, with the time zone.
        seconds: From the start of the robot to the verdict.
        success: What the operator said; None where the trial was spoiled at once.
        proposed: What task or sensor said; None where nothing did.
        failure_mode: As in an episode; ``"none"`` for a success.
        steps: Control steps.
        outcome: Declared measurements of how it ended, SI.
        corrected: Actions that safety clipped or refused.
        late: Control periods that missed their deadline.
        episode: File of its data in the folder of the trials.
        sha256: Of that file.
        spoiled: Why it does not count; empty where it does.
    """

    slot: Slot
    attempt: int
    began: datetime
    seconds: float
    success: bool | None
    proposed: bool | None
    failure_mode: str
    steps: int
    outcome: Mapping[str, float]
    corrected: int
    late: int
    episode: str
    sha256: str
    spoiled: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        finite = {name: value for name, value in self.outcome.items() if value == value and abs(value) != float("inf")}
        return told | {"slot": asdict(self.slot), "began": self.began.isoformat(), "outcome": finite}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` told."""
        began = datetime.fromisoformat(data["began"])
        return cls(**{**data, "slot": Slot(**data["slot"]), "began": began})


class History:
    """What the events of a log add up to.

    Args:
        events: Of the log, the first of them ``begun``.
        order: The planned order.
    """

    def __init__(self, events: Sequence[Mapping[str, Any]], order: Sequence[Slot]) -> None:
        self._queue = Queue(order)
        self.trials: list[Trial] = []
        for event in events:
            self.add(event)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take an event in."""
        trial = _take(event, self.trials)
        if trial is not None and event["event"] == "trial":
            self._queue.tried(trial.slot)
        if trial is not None and trial.spoiled:
            self._queue.again(trial.slot)

    @property
    def left(self) -> tuple[Slot, ...]:
        """What is left to do, the next trial first."""
        return self._queue.left

    @property
    def valid(self) -> tuple[Trial, ...]:
        """Every trial that counts."""
        return tuple(trial for trial in self.trials if not trial.spoiled)

    def attempts(self, slot: Slot) -> int:
        """Return how often a trial was tried."""
        return sum(trial.slot == slot for trial in self.trials)


class TrialLog:
    """The folder of trials: a journal, and the data of every episode.

    Args:
        folder: There already or not.
        plan: What is to be done; it must be the one that the folder was begun with.

    Raises:
        RunFolderError: If the plan has changed (lists the keys), or the folder cannot be written.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self._journal = Journal(folder / LOG)
        try:
            sweep(folder)
            if not self._journal.events:
                starts = [start.to_dict() for start in plan.starts]
                begun = {"schema": SCHEMA, "plan": plan.to_dict(), "starts": starts}
                self._journal.append({"event": "begun", "at": now().isoformat(), **begun})
            _refuse_changes(self._journal.events[0], plan, folder)
            self.history = History(self._journal.events, plan.order)
        except BaseException:
            self._journal.close()
            raise

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """Every event so far."""
        return self._journal.events

    def note(self, event: str, **content: Any) -> None:
        """Write something that happened, with the time."""
        whole = {"event": event, "at": now().isoformat(), **content}
        self._journal.append(whole)
        self.history.add(whole)

    def write_episode(self, slot: Slot, attempt: int, episode: Episode) -> tuple[str, str]:
        """Write the data of an episode, whole, and return its file in the folder and its SHA-256."""
        name = f"{EPISODES}/trial-{slot.number:04d}-{attempt}.npz"
        path = self.folder / name
        with replacing(path) as temporary:
            EpisodesCodec().write(temporary, (episode,))
        return name, hashlib.sha256(path.read_bytes()).hexdigest()

    def read_episode(self, trial: Trial) -> Episode:
        """Return the data of a trial; errors as those of ``read_episode``."""
        return read_episode(self.folder, trial)

    def close(self) -> None:
        """Let go of the folder; may be called twice."""
        self._journal.close()


def read_trials(folder: Path) -> tuple[Trial, ...]:
    """Return the trials in a folder in the order in which they were done, spoiled ones among them.

    Raises:
        RunFolderError: If there is no log, or it is damaged.
    """
    trials: list[Trial] = []
    for event in read_events(folder / LOG):
        _take(event, trials)
    return tuple(trials)


def read_episode(folder: Path, trial: Trial) -> Episode:
    """Return the data of a trial.

    Raises:
        RunFolderError: If the file is missing, or not the one that was written.
    """
    path = folder / trial.episode
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    if hashlib.sha256(raw).hexdigest() != trial.sha256:
        raise RunFolderError(f"{str(path)!r} is not the file that the log names: its checksum differs.")
    return EpisodesCodec().read(path)[0]


def now() -> datetime:
    """Return the time here, with its zone: what is wrong with a robot may depend on the time of day."""
    return datetime.now().astimezone()


def _take(event: Mapping[str, Any], trials: list[Trial]) -> Trial | None:
    """Add to ``trials``, or change there, what an event is about, and return it; None where that is no trial."""
    if event["event"] == "trial":
        trials.append(Trial.from_dict(event["trial"]))
        return trials[-1]
    if event["event"] == "spoiled":
        index = int(event["trial"])
        trials[index] = replace(trials[index], spoiled=event["reason"])
        return trials[index]
    return None


def choose_folder(plan: Plan, output: Path, resume: bool | Path) -> Path:
    """Return the folder for trials of ``plan``.

    Args:
        plan: The plan.
        output: Where results go: ``output/<name>/trials-<time>``.
        resume: False for a new one; True for the newest unfinished one, else the newest, else a new one; or a folder.

    Raises:
        RunFolderError: If the folder that is named has no trials.
    """
    parent = output / plan.spec.name
    if isinstance(resume, Path):
        if not (resume / LOG).is_file():
            raise RunFolderError(f"{str(resume)!r} has no trials: there is no {LOG} in it.")
        return resume
    known = sorted((path.parent for path in parent.glob(f"*/{LOG}") if path.stat().st_size), reverse=True)
    if resume and known:
        unfinished = [folder for folder in known if not finished(folder)]
        return (unfinished or known)[0]
    taken, name = 1, f"trials-{now():%Y-%m-%d_%H-%M-%S}"
    folder = parent / name
    while folder.exists():
        taken += 1
        folder = parent / f"{name}-{taken}"
    return folder


def unfinished(plan: Plan, output: Path) -> tuple[Path, ...]:
    """Return the folders of trials of that name that are not finished, newest first."""
    known = sorted((path.parent for path in (output / plan.spec.name).glob(f"*/{LOG}")), reverse=True)
    return tuple(folder for folder in known if not finished(folder))


def finished(folder: Path) -> bool:
    """Return whether all trials in a folder are done."""
    return any(event["event"] == "finished" for event in read_events(folder / LOG)[-1:])


def _refuse_changes(begun: Mapping[str, Any], plan: Plan, folder: Path) -> None:
    if begun["event"] != "begun" or begun["schema"] != SCHEMA:
        raise RunFolderError(f"{str(folder / LOG)!r} is not a log of trials of schema {SCHEMA}.")
    keys = changed_keys(begun["plan"], plan.to_dict())
    if not keys and begun["starts"] != [start.to_dict() for start in plan.starts]:
        keys = ("starts (as this version of the toolkit draws them)",)
    if keys:
        raise RunFolderError(
            f"{str(folder)!r} cannot be resumed, because the plan has changed since in: {', '.join(keys)}. Undo the "
            "change, or start new trials without --resume."
        )
