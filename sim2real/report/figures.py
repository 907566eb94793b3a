"""All figures of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator

from sim2real.report.beliefs import distributions
from sim2real.report.curves import learning_curves
from sim2real.report.efficiency import success_against_episodes
from sim2real.report.fit_size import errors_by_fit_size
from sim2real.report.motion import error_over_time, motion_over_time, paths_from_above
from sim2real.report.posterior import joint_posterior
from sim2real.report.pushes import motion_directions, of_pushes, push_forces, push_map
from sim2real.report.residuals import residuals_by_state, residuals_over_time
from sim2real.report.run import Piece, Run
from sim2real.report.signals import signals_over_time
from sim2real.report.style import Drawing, styled
from sim2real.report.success import failure_modes, final_success, success_per_round


def draw(run: Run) -> tuple[Drawing, ...]:
    """Draw whatever the run has data for; a figure without data is left out."""
    with styled():
        return tuple(drawing for drawing in _all(run) if drawing is not None)


def _all(run: Run) -> Iterator[Drawing | None]:
    first = [piece for piece in run.pieces if piece.seed == run.seeds[0]]
    if run.identifies:
        yield from errors_by_fit_size(run)
        for piece in first:
            yield from _identification(run, piece)
        for target in run.targets:
            yield distributions(run, target)
        return
    yield final_success(run)
    yield success_against_episodes(run) or success_per_round(run)
    for target in run.targets:
        yield distributions(run, target)
    for piece in first:
        yield joint_posterior(run, piece)
    yield failure_modes(run)
    yield learning_curves(run)


def _identification(run: Run, piece: Piece) -> Iterator[Drawing | None]:
    yield joint_posterior(run, piece)
    if of_pushes(piece):
        yield push_map(piece)
        yield motion_directions(piece)
        yield push_forces(piece)
        return
    yield paths_from_above(piece)
    yield motion_over_time(piece)
    yield error_over_time(piece)
    yield signals_over_time(piece)
    yield residuals_over_time(piece)
    yield residuals_by_state(piece)
