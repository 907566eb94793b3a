"""One experiment from its file to its results and its report: ``sim2real.run``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from sim2real.errors import Interrupted
from sim2real.experiment.files import read_json, write_json
from sim2real.experiment.lab import Lab
from sim2real.experiment.manifest import now
from sim2real.experiment.pieces import Piece, pieces_of
from sim2real.experiment.plan import remaining, stage_work
from sim2real.experiment.progress import Progress
from sim2real.experiment.record import Record
from sim2real.experiment.result import Result
from sim2real.experiment.run_folder import DONE, choose
from sim2real.experiment.runner import identify, train
from sim2real.experiment.spec import ExperimentSpec, Overrides, load_spec, spec_from
from sim2real.experiment.summary import Final, summarize
from sim2real.experiment.tables import gather_tables
from sim2real.experiment.watch import Watch
from sim2real.training.base import Trainer
from sim2real.workers import FAULTS

KINDS: dict[str, Callable[[Piece, Lab, Record], None]] = {"train": train, "identify": identify}


def run(
    experiment: ExperimentSpec | str | Path,
    *,
    output: str | Path = "results",
    resume: bool | str | Path | None = None,
    overrides: Overrides = (),
    seed: int | None = None,
    progress: Progress | None = None,
    trainer: Trainer | None = None,
    report: bool = True,
) -> Result:
    """Run an experiment, or the rest of one that was stopped.

    Args:
        experiment: An experiment file, or what ``load_spec`` returned.
        output: Where run folders go: ``<output>/<experiment>/<run>``.
        resume: True for the newest unfinished run of the same experiment, or the name or folder of a run.
        overrides: ``"key=value"`` with a dotted key, or a mapping of dotted keys to values.
        seed: Runs this seed instead of those of the file.
        progress: Watches the run; nothing is shown by default.
        trainer: Trains instead of the one that the file names; its policies must be ``MlpPolicy``.
        report: Whether to draw the report and film the policies; ``sim2real report RUN`` does so later.

    Raises:
        SpecError: If the experiment has mistakes; lists all of them.
        RunFolderError: If the output cannot be written, or there is nothing that fits to resume.
        TooManyDivergences: If more than a few episodes of a stage diverge.
        Interrupted: On Ctrl-C; what was finished is on disk, and the message says how to go on.
    """
    if isinstance(experiment, ExperimentSpec):
        spec = spec_from(experiment.to_dict(), overrides, seed) if overrides or seed is not None else experiment
    else:
        spec = load_spec(experiment, overrides, seed)
    folder = choose(spec, Path(output), resume)
    if folder.finished:
        return Result(folder.path)
    watch = Watch(progress)
    lab = Lab(spec, folder.path, watch, trainer)
    try:
        with watch.listening():
            lab.check()
            with folder.writing(spec):
                _run_pieces(lab)
                _summarize(lab)
                if report:
                    _illustrate(lab)
                write_json(folder.path / DONE, {"finished": now()})
    except KeyboardInterrupt:
        if not folder.exists:
            raise Interrupted("Stopped before anything was written.") from None
        again = shlex.join(["sim2real", "run", str(folder.path / "spec.yaml"), "--resume", str(folder.path)])
        raise Interrupted(f"Stopped. What was finished is in {folder.path}. Go on with:\n  {again}") from None
    finally:
        lab.close()
    return Result(folder.path)


def _run_pieces(lab: Lab) -> None:
    folders = {piece: lab.folder / "pieces" / piece.folder for piece in pieces_of(lab.spec)}
    records = [
        Record(folder, piece.label, piece.method, lab.watch, _work(lab, piece), piece=piece)
        for piece, folder in folders.items()
        if not (folder / DONE).exists()
    ]
    shared = [lab.shared(seed) for seed in lab.spec.seeds] if lab.spec.kind == "train" else []
    lab.watch.total = sum(remaining(stages.folder, stages.work) for stages in (*shared, *records))
    for record in records:
        KINDS[lab.spec.kind](record.piece, lab, record)
        gather_tables(lab.folder, folders.values())


def _work(lab: Lab, piece: Piece) -> dict[str, int]:
    learns = bool(lab.randomizer(piece).needs)
    if lab.spec.kind == "identify":
        return {"randomizer/round-001.json": int(learns)}
    return stage_work(lab.spec, lab.rollouts.facts.horizon, learns=learns)


def _summarize(lab: Lab) -> None:
    """Write what is of the whole run."""
    folders = [lab.folder / "pieces" / piece.folder for piece in pieces_of(lab.spec)]
    gather_tables(lab.folder, folders)
    done = [read_json(folder / DONE) for folder in folders]
    finals = [Final(**each["final"]) if each["final"] else None for each in done]
    write_json(lab.folder / "summary.json", summarize(lab.spec, [each["result"] for each in done], finals))


def _illustrate(lab: Lab) -> None:
    """Film and draw; what fails here is said, and costs no results."""
    from jinja2 import TemplateError  # report and its drawing libraries load only here

    from sim2real import report
    from sim2real.report import video

    drawings: list[tuple[str, Callable[[Path], object]]] = [("report", report.write_report)]
    if lab.spec.kind == "train" and lab.rollouts.facts.draws:
        drawings.insert(0, ("videos", video.write_videos))
    for what, draw in drawings:
        try:
            draw(lab.folder)
        except (*FAULTS, TemplateError) as error:
            lab.watch.progress.message(f"No {what}: {error} Try `sim2real report {lab.folder}`.")
