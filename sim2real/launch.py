"""One experiment from its file to its results and its report: ``sim2real.run``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from sim2real.errors import Interrupted
from sim2real.experiment.executors import run_here, run_in_processes, unfinished
from sim2real.experiment.files import read_json, write_json
from sim2real.experiment.lab import Lab
from sim2real.experiment.manifest import now
from sim2real.experiment.pieces import pieces_of
from sim2real.experiment.progress import Progress
from sim2real.experiment.result import Result
from sim2real.experiment.run_folder import DONE, choose
from sim2real.experiment.spec import ExperimentSpec, Overrides, load_spec, spec_from
from sim2real.experiment.summary import Final, summarize
from sim2real.experiment.tables import gather_tables
from sim2real.experiment.watch import Watch
from sim2real.training.base import Trainer
from sim2real.workers import FAULTS


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
    processes: int = 1,
) -> Result:
    """Run an experiment, or the rest of one that was stopped.

    Args:
        experiment: An experiment file, or what ``load_spec`` returned.
        output: Where run folders go: ``<output>/<experiment>/<run>``.
        resume: True for the newest unfinished run of the same experiment, or the name or folder of a run.
        overrides: ``"key=value"`` with a dotted key, or a mapping of dotted keys to values.
        seed: Runs this seed instead of those of the file.
        progress: Watches the run; nothing is shown by default.
        trainer: Trains instead of the one that the file names; its policies must be of a kind that
            a run keeps, such as ``MlpPolicy``.
        report: Whether to draw the report and film the policies; ``sim2real report RUN`` does so later.
        processes: Pieces that run at a time, each in a process of its own with its share of the workers.

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
                _run_pieces(lab, processes)
                _summarize(lab)
                if report:
                    _illustrate(lab)
                write_json(folder.path / DONE, {"finished": now()})
    except KeyboardInterrupt:
        if not folder.exists:
            raise Interrupted("Stopped before anything was written.") from None
        parallel = ["--processes", str(processes)] if processes > 1 else []
        again = shlex.join(["sim2real", "run", str(folder.path / "spec.yaml"), "--resume", str(folder.path), *parallel])
        raise Interrupted(f"Stopped. What was finished is in {folder.path}. Go on with:\n  {again}") from None
    finally:
        lab.close()
    return Result(folder.path)


def _run_pieces(lab: Lab, processes: int) -> None:
    pieces = pieces_of(lab.spec)
    left = unfinished(lab, pieces)
    for _ in run_here(lab, left) if processes == 1 else run_in_processes(lab, left, processes):
        gather_tables(lab.folder, [lab.folder / "pieces" / piece.folder for piece in pieces])


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
