"""The likelihood of real outcomes, term by term."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim2real.randomizers.likelihood import MISFIT, OFFSET, OutcomeModel, build, outcome_weights
from sim2real.randomizers.smc import Cloud
from sim2real.randomizers.trials import Trials
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array

MODEL = OutcomeModel(
    emulators=(),
    binary=np.array([False, True]),
    observed=np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]),
    counts=np.array([[True, True, False], [True, True, True]]),
    weights=np.array([1.0, 0.5]),
    powers=np.ones(3),
    success_floor=0.05,
)


def test_a_continuous_term_is_the_students_t_of_the_total_scale() -> None:
    mean = np.array([[[0.3, -0.8, 9.0], [0.5, 0.5, 0.5]]])
    variance = np.array([[[0.04, 0.09, 0.01], [0.0, 0.0, 0.0]]])
    nuisance = np.array([[[0.7, -1.0], [0.0, 0.0]]])
    misfit, offset = np.exp(MISFIT[0] + 0.7 * MISFIT[1]), -OFFSET
    scale = np.sqrt(variance[0, 0, :2] + misfit**2)
    expected = stats.t.logpdf(-(mean[0, 0, :2] + offset), MODEL.freedom, scale=scale).sum()
    assert MODEL.log_likelihood((mean, variance), nuisance)[0, 0] == pytest.approx(expected)


def test_a_binary_term_is_bernoulli_with_a_floor() -> None:
    mean = np.array([[[0.0, 0.0, 0.0], [1.3, 0.2, -0.4]]])
    terms = MODEL.log_likelihood((mean, np.ones_like(mean)), np.zeros((1, 2, 2)))
    assert terms[0, 1] == pytest.approx(0.5 * (np.log(0.95) + np.log(0.8) + np.log(0.05)))


@given(copies=st.integers(1, 6), episodes=st.integers(4, 40), seed=st.integers(0, 1000))
def test_copies_of_one_outcome_count_as_one(copies: int, episodes: int, seed: int) -> None:
    residuals = np.tile(np.random.default_rng(seed).normal(size=episodes), (copies, 1))
    weights = outcome_weights(residuals, np.ones(residuals.shape, dtype=bool))
    assert weights == pytest.approx(np.full(copies, 1.0 / copies))


def test_independent_outcomes_keep_most_of_their_weight() -> None:
    rng = np.random.default_rng(0)
    weights = [outcome_weights(rng.normal(size=(4, 15)), np.ones((4, 15), dtype=bool)) for _ in range(300)]
    assert 0.6 < np.mean(weights) <= 1.0
    many = outcome_weights(rng.normal(size=(4, 20_000)), np.ones((4, 20_000), dtype=bool))
    assert many == pytest.approx(np.ones(4), abs=0.05)


def test_an_outcome_that_never_differs_keeps_its_weight() -> None:
    residuals = np.stack([np.zeros(10), np.random.default_rng(1).normal(size=10)])
    assert outcome_weights(residuals, np.ones((2, 10), dtype=bool)) == pytest.approx([1.0, 1.0])


def _cloud(mean: Array, misfit: float) -> Cloud:
    nuisance = np.zeros((len(mean), 2, 2))
    nuisance[:, :, 0] = (np.log(misfit) - MISFIT[0]) / MISFIT[1]
    return Cloud(np.zeros((len(mean), 1)), nuisance, (mean, np.full(mean.shape, 1e-6)), 1.0, 1.0, 1.0, 1, 0.0)


def test_outcomes_inside_the_predictive_band_are_explained_and_others_are_not() -> None:
    mean = np.zeros((50, 2, 3))
    mean[:, 0, 1] = 2.0  # two scales off in the second episode; the third was not measured
    assert MODEL.explained(_cloud(mean, 0.1)) == 0.5


def test_a_misfit_that_grew_with_the_error_does_not_explain_it() -> None:
    mean = np.zeros((50, 2, 3))
    mean[:, 0, :] = 2.0
    assert MODEL.explained(_cloud(mean, 5.0)) == 0.0


def test_an_outcome_that_diverges_everywhere_does_not_count() -> None:
    outcomes = (Outcome("distance", "m", 0.1),)
    simulated = np.random.default_rng(2).random((12, 2, 1))
    simulated[:, 1, 0] = np.nan
    trials = Trials(outcomes, np.array([[0.5], [0.5]]), np.random.default_rng(3).random((12, 1)), simulated)
    model = build([trials], np.array([True]), np.ones(1), 0.05)
    assert model.counts.tolist() == [[True, False]]
    prediction = model.predict(np.array([[0.2], [0.8]]))
    assert np.isfinite(model.log_likelihood(prediction, np.zeros((2, 1, 2)))).all()


def test_trials_of_two_rounds_multiply() -> None:
    outcomes = (Outcome("distance", "m", 0.1),)
    rng = np.random.default_rng(4)
    designs = rng.random((16, 1))
    first = Trials(outcomes, np.array([[0.5]]), designs, designs[:, :, None] + 0.0)
    second = replace(first, observed=np.array([[0.7]]))
    unit, nuisance = rng.random((5, 1)), rng.normal(size=(5, 1, 2))
    models = [build(each, np.array([True]), np.ones(1), 0.05) for each in ([first], [second], [first, second])]
    alone, other, both = (model.log_likelihood(model.predict(unit), nuisance) for model in models)
    assert both == pytest.approx(alone + other)
