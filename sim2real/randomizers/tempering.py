"""How much of the likelihood to believe, measured on replays whose domain is known.

An emulator's errors are not what its variance says: a push that just misses
makes a cliff in the outcome, errors of one domain are alike in all episodes,
and a corner of the ranges is extrapolated. Multiplied over outcomes and
episodes, such a likelihood is too sure of itself. It is therefore raised to a
power p <= 1 (the magnitude adjustment of a composite likelihood: Ribatet,
Cooley and Davison, "Bayesian inference from composite likelihoods, with an
application to spatial extremes", Statistica Sinica 22, 2012). What the power
has to be, the replays tell: every design k is an experiment whose domain u_k
and outcomes y_k are known. Emulators that have not seen it (Rasmussen and
Williams, "Gaussian processes for machine learning", 2006, section 5.3) are
asked where y_k came from,

    p_k(u) ~ q(u) exp(p l(u; y_k)),

with q the distribution that the designs were drawn from. The power is the one
under which the true u_k are most likely, the maximum of the concave

    sum_k [p l(u_k; y_k) - log E_q exp(p l(u; y_k))],

or a smaller one, until nine tenths of the u_k lie where p_k puts nine tenths
of its mass, or as many as any power can hold there. An emulator that is as good as it says, or whose errors are small
beside the misfit, has p = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from sim2real.randomizers.base import BoolArray, IntArray
from sim2real.randomizers.likelihood import OutcomeModel
from sim2real.randomizers.trials import Trials, comparable
from sim2real_envs.parameters import Array

POWERS: Array = np.geomspace(1.0, 0.02, 38)
FOLDS = 8
COVERED = 0.9  # share of the true domains, and of the mass that has to hold them


@dataclass(frozen=True)
class Exam:
    """What the likelihood is examined with.

    Args:
        rows: The replays whose domain has to be found, rows of the trials (k,).
        contrast: Points of the distribution that their designs were drawn from (c, d), active columns.
    """

    rows: IntArray
    contrast: Array


def likelihood_power(model: OutcomeModel, trials: Trials, active: BoolArray, exam: Exam, misfit: Array) -> float:
    """Return the power p at which the likelihood recovers designs that it has not seen.

    Args:
        model: The likelihood, its last emulators fitted to ``trials``.
        trials: Designs and their replays.
        active: Columns of the designs that the emulators know.
        exam: Which replays are asked for.
        misfit: s_j to assume, in units of the outcomes' scales (m,).
    """
    own, others = _answers(model, trials, active, exam, misfit)
    if len(own) == 0:
        return 1.0
    scaled = POWERS[:, None, None] * others  # (g, k, c)
    evidence = logsumexp(scaled, axis=2)  # (g, k)
    best = (POWERS[:, None] * own - evidence).sum(axis=1).argmax()
    above = np.where(others > own[:, None], np.exp(scaled - evidence[:, :, None]), 0.0).sum(axis=2)  # (g, k)
    covered = (above < COVERED).mean(axis=1)[best:]  # (g,)
    enough = np.flatnonzero(covered >= min(COVERED, covered.max()))
    return float(POWERS[best + enough[0]])


def _answers(model: OutcomeModel, trials: Trials, active: BoolArray, exam: Exam, misfit: Array) -> tuple[Array, Array]:
    """Return the log likelihoods of unseen replays at their own domain (k,) and at the contrast (k, c)."""
    compared, _ = comparable(trials)
    design = np.unique(trials.designs, axis=0, return_inverse=True)[1].reshape(-1)
    possible = exam.rows[np.isfinite(trials.simulated[exam.rows]).all(axis=(1, 2))]  # reality does not diverge
    own, others = [], []
    for fold in range(FOLDS):
        unseen = np.isin(design, np.unique(design[exam.rows])[fold::FOLDS])
        asked = possible[unseen[possible]]
        if len(asked) == 0:
            continue
        points = np.concatenate([exam.contrast, trials.designs[asked][:, active]])
        total = np.zeros((len(asked), len(points)))
        for column, fitted in enumerate(model.emulators[-1]):
            seen = fitted.given(trials.designs[~unseen][:, active], compared[~unseen, :, column])
            mean, variance = seen.predict(points)
            counts = model.weights[column] * model.counts[column, -mean.shape[1] :]
            for place, row in enumerate(asked):
                happened = compared[row, :, column]
                if model.binary[column]:
                    each = model.bernoulli(mean, happened)
                else:
                    each = model.student(mean - happened, variance + fitted.noise + misfit[column] ** 2)
                total[place] += each @ counts
        own.append(total[:, len(exam.contrast) :].diagonal())
        others.append(total[:, : len(exam.contrast)])
    return (np.concatenate(own), np.concatenate(others)) if own else (np.empty(0), np.empty((0, 1)))
