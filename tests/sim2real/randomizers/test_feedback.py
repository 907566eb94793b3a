"""Gap-driven truncated normals: the rule itself, and the faults that the plain rule has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.distributions.truncated_normal import TruncatedNormal
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence
from sim2real.randomizers import Json, Randomizer
from sim2real.randomizers.feedback import Feedback, FeedbackOptions, effects, step
from sim2real.randomizers.pairs import Pairs, pair
from sim2real.testing import SLIDE_SPACE, RandomizerContract, SlideReplay, slide_evidence
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace


class TestFeedbackContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Feedback.create(space)


class TestFeedbackWithAttributionContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Feedback.create(space, attribution="regression")


LAW = TruncatedNormal(np.array([0.5]), np.array([0.2]))


def _pairs(domains: list[float], gap: list[float], both_failed: list[float] | None = None) -> Pairs:
    failed = np.zeros(len(gap)) if both_failed is None else np.array(both_failed)
    return Pairs(np.array(domains)[:, None], np.array(gap), failed)


def test_it_starts_at_nominal_with_a_sixth_of_the_range() -> None:
    randomizer = Feedback.create(SLIDE_SPACE)
    assert SLIDE_SPACE.from_unit(randomizer.location) == pytest.approx([0.3, 0.0, 0.5])
    assert randomizer.scale == pytest.approx([1.0 / 6.0] * 3)


def test_a_match_pulls_the_mean_and_narrows() -> None:
    location, scale = step(LAW, _pairs([0.8], [0.0]), FeedbackOptions())
    assert location == pytest.approx([0.5 + 0.1 * 0.3])
    assert scale == pytest.approx([0.2 * 0.95])


def test_a_mismatch_pushes_the_mean_away_and_widens() -> None:
    location, scale = step(LAW, _pairs([0.8], [1.0]), FeedbackOptions())
    assert location == pytest.approx([0.5 - 0.1 * 0.3])
    assert scale == pytest.approx([0.2 * 1.1])


def test_a_batch_takes_the_average_step() -> None:
    location, scale = step(LAW, _pairs([0.8, 0.6], [0.0, 1.0]), FeedbackOptions())
    assert location == pytest.approx([0.5 + 0.5 * (0.03 - 0.01)])
    assert scale == pytest.approx([0.2 * np.sqrt(0.95 * 1.1)])


def test_a_pair_that_failed_together_counts_less() -> None:
    pairs = _pairs([0.9, 0.1], [0.0, 0.0], [1.0, 0.0])
    alike, _ = step(LAW, pairs, FeedbackOptions(both_fail_weight=1.0))
    ignored, _ = step(LAW, pairs, FeedbackOptions(both_fail_weight=0.0))
    assert alike == pytest.approx([0.5])
    assert ignored == pytest.approx([0.5 - 0.1 * 0.4])


def test_nothing_moves_where_all_pairs_failed_together_and_that_counts_for_nothing() -> None:
    location, scale = step(LAW, _pairs([0.9], [0.0], [1.0]), FeedbackOptions(both_fail_weight=0.0))
    assert (location, scale) == (LAW.location, LAW.scale)


@given(gaps=st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=20), rounds=st.integers(1, 80))
@settings(max_examples=50, deadline=None)
def test_the_width_stays_between_one_percent_and_half_of_the_range(gaps: list[float], rounds: int) -> None:
    law = LAW
    for _ in range(rounds):
        law = TruncatedNormal(*step(law, _pairs([0.9] * len(gaps), gaps), FeedbackOptions(rate=0.9)))
        assert 0.01 <= law.scale[0] <= 0.5
        assert 0.0 <= law.location[0] <= 1.0


def test_attribution_blames_the_parameter_that_made_the_gap() -> None:
    rng = np.random.default_rng(0)
    domains = rng.random((200, 2))
    pairs = Pairs(domains, (domains[:, 0] > 0.5).astype(np.float64), np.zeros(200))
    blame = effects(pairs)
    assert blame[0] == 1.0
    assert blame[1] < 0.2
    law = TruncatedNormal(np.full(2, 0.5), np.full(2, 0.2))
    location, _ = step(law, pairs, FeedbackOptions(attribution="regression"))
    assert abs(location[1] - 0.5) < 0.2 * abs(location[0] - 0.5)


def test_without_a_gap_to_explain_all_parameters_are_blamed_alike() -> None:
    assert effects(_pairs([0.1, 0.9], [0.0, 0.0])).tolist() == [1.0]


def test_simulated_episodes_are_paired_with_the_real_one_that_began_alike() -> None:
    evidence = slide_evidence(SLIDE_SPACE, np.array([0.3, 0.0, 0.5]), np.random.default_rng(0), noise=0.0)
    swapped = replace(evidence, simulated=evidence.simulated[::-1])
    one, other = pair(SLIDE_SPACE, evidence), pair(SLIDE_SPACE, swapped)
    expected = [float(s.success != r.success) for s, r in zip(evidence.simulated, evidence.real, strict=True)]
    assert one.gap.tolist() == expected
    assert other.gap.tolist() == expected[::-1]


def test_real_episodes_that_began_alike_count_as_their_average() -> None:
    evidence = slide_evidence(SLIDE_SPACE, np.array([0.3, 0.0, 0.5]), np.random.default_rng(0), episodes=1, noise=0.0)
    real, simulated = evidence.real[0], evidence.simulated[0]
    both = (replace(real, success=True), replace(real, success=False))
    pairs = pair(SLIDE_SPACE, replace(evidence, real=both, simulated=(replace(simulated, success=False),)))
    assert pairs.gap.tolist() == [0.5]
    assert pairs.both_failed.tolist() == [0.5]


def test_rounds_of_feedback_move_towards_the_truth() -> None:
    truth = np.array([0.12, 0.0, 0.5])
    randomizer: Randomizer = Feedback.create(SLIDE_SPACE, rate=0.5)
    before = abs(np.log(0.3 / truth[0]))
    for round_index in range(12):
        rng = np.random.default_rng(round_index)
        evidence = slide_evidence(SLIDE_SPACE, truth, rng, episodes=20)
        assert isinstance(evidence.replay, SlideReplay)
        simulated = evidence.replay.episodes(randomizer.sample(rng, 20).values, rng, real=False)
        evidence = replace(evidence, simulated=simulated)
        randomizer = randomizer.update_from_evidence(evidence, rng)
    after = abs(np.log(randomizer.describe().parameters["object.friction"].mean / truth[0]))
    assert after < 0.9 * before


@pytest.mark.parametrize("side", ["real", "simulated"])
def test_a_round_without_episodes_on_one_side_is_refused(side: str) -> None:
    evidence: Evidence = slide_evidence(SLIDE_SPACE, np.array([0.3, 0.0, 0.5]), np.random.default_rng(0))
    empty = replace(evidence, real=()) if side == "real" else replace(evidence, simulated=())
    with pytest.raises(InsufficientEvidence, match="at least one real and one simulated episode"):
        Feedback.create(SLIDE_SPACE).update_from_evidence(empty, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rate": 2.0}, OptionError, "`0 <= rate <= 1` must hold, but got 2.0"),
        ({"rate": True}, OptionError, "`0 <= rate <= 1` must hold, but got True"),
        ({"attribution": "shapley"}, OptionError, "must be one of 'none', 'regression', but got 'shapley'"),
        ({"treshold": 0.1}, UnknownNameError, "Did you mean 'threshold'?"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Json], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        Feedback.create(SLIDE_SPACE, **options)
    assert words in str(caught.value)
