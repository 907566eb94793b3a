"""Planning of trials: against brute force over all results, closed forms, and laws that must hold."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.cli import main
from sim2real.gap.budget import make_budget
from sim2real.gap.planning import (
    bounds,
    coverage,
    detectable,
    difference_half_width,
    discordance_range,
    half_width,
    independent_discordance,
    power_paired,
    power_unpaired,
    trials_for_difference,
    trials_for_rate,
    trials_paired,
    trials_unpaired,
)
from sim2real.gap.statistics import mcnemar, newcombe, wilson
from sim2real_envs.errors import OptionError

RATES = st.floats(0.02, 0.98)
LEVELS = st.floats(0.6, 0.995)


def binomial(k: int, n: int, rate: float) -> float:
    return float(math.comb(n, k) * rate**k * (1.0 - rate) ** (n - k))


# -- Against brute force and closed forms ------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_wilson_bounds_are_those_of_reports(n: int) -> None:
    low, high = bounds(n, 0.9)
    for k in range(n + 1):
        expected = wilson(k, n, 0.9)
        assert (low[k], high[k]) == pytest.approx((expected.low, expected.high), abs=1e-14)


def test_clopper_pearson_has_the_closed_forms_at_its_ends() -> None:
    low, high = bounds(20, 0.95, "clopper-pearson")
    assert high[0] == pytest.approx(1.0 - 0.025 ** (1 / 20))
    assert low[20] == pytest.approx(0.025 ** (1 / 20))
    assert (low[0], high[20]) == (0.0, 1.0)
    # The defining equation: at the lower end, so many successes or more have probability 2.5 %.
    assert sum(binomial(k, 20, float(low[13])) for k in range(13, 21)) == pytest.approx(0.025)


def test_the_half_width_is_the_mean_over_all_results() -> None:
    expected = sum(binomial(k, 12, 0.7) * (wilson(k, 12).high - wilson(k, 12).low) / 2 for k in range(13))
    assert half_width(0.7, 12) == pytest.approx(expected, abs=1e-14)


def test_unpaired_power_and_width_are_sums_over_all_pairs_of_results() -> None:
    power = width = 0.0
    for a, b in itertools.product(range(10), range(10)):
        weight, found = binomial(a, 9, 0.9) * binomial(b, 9, 0.3), newcombe(a, 9, b, 9, 0.9)
        power += weight * (found.low > 0 or found.high < 0)
        # The report's interval ends at +-1; the difference itself can lie no further.
        width += weight * (found.high - found.low) / 2
    assert power_unpaired(0.9, 0.3, 9, 0.9) == pytest.approx(power, abs=1e-13)
    assert difference_half_width(0.9, 0.3, 9, 0.9) == pytest.approx(width, abs=1e-13)


def test_paired_power_is_the_sum_over_all_tables() -> None:
    n, first, second, discordance = 11, 0.8, 0.4, 0.5
    only_first, only_second = (discordance + 0.4) / 2, (discordance - 0.4) / 2
    power = 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            weight = math.comb(n, a) * math.comb(n - a, b) * only_first**a * only_second**b
            power += weight * (1 - discordance) ** (n - a - b) * (mcnemar(a, b) <= 0.05)
    assert power_paired(first, second, discordance, n) == pytest.approx(power, abs=1e-12)


@pytest.mark.parametrize("interval", ["wilson", "clopper-pearson"])
def test_the_fewest_trials_are_those_that_counting_up_finds(interval: str) -> None:
    for rate, half in ((0.5, 0.2), (0.9, 0.12), (0.97, 0.1)):
        counted = next(n for n in itertools.count(1) if half_width(rate, n, 0.95, interval) <= half)  # type: ignore[arg-type]
        assert trials_for_rate(rate, half, 0.95, interval) == counted  # type: ignore[arg-type]


def test_trials_for_a_width_are_near_the_textbook_where_that_holds() -> None:
    textbook = 1.96**2 * 0.25 / 0.05**2  # 384.16: a normal approximation at rate 1/2
    assert trials_for_rate(0.5, 0.05) == pytest.approx(textbook, rel=0.02)


def test_trials_for_a_power_reach_it_and_go_on_reaching_it() -> None:
    n = trials_unpaired(0.9, 0.5, 0.8)
    assert n is not None
    assert power_unpaired(0.9, 0.5, n - 1) < 0.8
    assert all(power_unpaired(0.9, 0.5, each) >= 0.8 for each in range(n, 2 * n))
    paired = trials_paired(0.9, 0.5, 0.42, 0.8)
    assert paired is not None
    assert power_paired(0.9, 0.5, 0.42, paired - 1) < 0.8
    assert all(power_paired(0.9, 0.5, 0.42, each) >= 0.8 for each in range(paired, 2 * paired))
    # Fleiss (1981), two proportions 0.9 and 0.5, 80 % power, without correction: 19.2 of each
    assert 15 <= n <= 25


def test_what_cannot_be_reached_has_no_number() -> None:
    assert trials_unpaired(0.5, 0.501) is None
    assert detectable(0.5, 2) is None
    assert detectable(1.0, 50) is None
    assert power_paired(0.5, 0.5, 0.0, 50) == 0.0


def test_the_detectable_rate_is_seen_and_the_next_nearer_one_is_not() -> None:
    found = detectable(0.8, 30, better=False)
    assert found is not None
    assert power_unpaired(0.8, found, 30) >= 0.8 > power_unpaired(0.8, found + 0.001, 30)
    assert detectable(0.2, 30) == pytest.approx(1.0 - found)


# -- Laws --------------------------------------------------------------------------------------------------------


@given(rate=RATES, level=LEVELS, n=st.integers(2, 60))
def test_more_trials_and_less_confidence_make_narrower_intervals(rate: float, level: float, n: int) -> None:
    assert half_width(rate, 2 * n, level) < half_width(rate, n, level)
    assert half_width(rate, n, level) > half_width(rate, n, level - 0.05)


@given(rate=RATES, level=LEVELS, half=st.floats(0.08, 0.3))
@settings(max_examples=30)
def test_a_narrower_interval_and_more_confidence_need_more_trials(rate: float, level: float, half: float) -> None:
    n, narrower = trials_for_rate(rate, half, level), trials_for_rate(rate, 0.8 * half, level)
    surer = trials_for_rate(rate, half, 0.5 + 0.5 * level)
    assert n is not None
    assert narrower is not None
    assert surer is not None
    assert n <= narrower
    assert n <= surer


@given(rate=RATES, n=st.integers(1, 80))
def test_the_exact_interval_covers_at_least_its_level_and_wilsons_about_that(rate: float, n: int) -> None:
    assert coverage(rate, n, 0.95, "clopper-pearson") >= 0.95 - 1e-12
    assert coverage(rate, n, 0.95) >= 0.8


@given(rate=RATES, n=st.integers(1, 60), level=LEVELS)
def test_failures_and_successes_can_change_places(rate: float, n: int, level: float) -> None:
    assert half_width(rate, n, level) == pytest.approx(half_width(1.0 - rate, n, level), abs=1e-10)


@given(rate=RATES, n=st.integers(5, 60), share=st.floats(0.0, 1.0))
def test_where_there_is_no_difference_one_is_rarely_seen(rate: float, n: int, share: float) -> None:
    discordance = share * discordance_range(rate, rate)[1]
    assert power_paired(rate, rate, discordance, n) <= 0.05 + 1e-12  # exact
    assert power_unpaired(rate, rate, n) <= 0.12


@given(first=RATES, second=RATES, n=st.integers(2, 40))
def test_power_does_not_ask_who_is_first(first: float, second: float, n: int) -> None:
    assert power_unpaired(first, second, n) == pytest.approx(power_unpaired(second, first, n), abs=1e-12)
    free = independent_discordance(first, second)
    assert power_paired(first, second, free, n) == pytest.approx(power_paired(second, first, free, n), abs=1e-10)
    least, most = discordance_range(first, second)
    assert least - 1e-12 <= free <= most + 1e-12


def test_trials_for_a_difference_are_those_that_counting_up_finds() -> None:
    counted = next(n for n in itertools.count(1) if difference_half_width(0.9, 0.6, n) <= 0.25)
    assert trials_for_difference(0.9, 0.6, 0.25) == counted
    assert make_budget(0.9, against=0.6, half_width=0.25).difference == counted
    assert trials_for_difference(0.5, 0.5, 0.001) is None


def test_pairs_that_agree_more_need_fewer_starts() -> None:
    needed = [trials_paired(0.8, 0.6, discordance) for discordance in (0.2, 0.3, 0.44)]
    assert all(needed)
    assert needed == sorted(needed)  # type: ignore[type-var]


# -- What is refused ---------------------------------------------------------------------------------------------


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0 < half < 0\.5"):
        trials_for_rate(0.5, 0.0)
    with pytest.raises(ValueError, match="0 < level < 1"):
        bounds(10, 1.0)
    with pytest.raises(ValueError, match="0 <= rate <= 1"):
        half_width(1.1, 10)
    with pytest.raises(ValueError, match=r"differ at 0\.2 to 0\.6 of the starts"):
        power_paired(0.8, 0.6, 0.1, 10)
    with pytest.raises(OptionError, match="two rates that differ"):
        make_budget(0.8, against=0.8)
    with pytest.raises(OptionError, match=r"differ at 0\.2 to 0\.6 of the starts"):
        make_budget(0.8, against=0.6, discordance=0.7)
    with pytest.raises(OptionError, match="give the rate of the other"):
        make_budget(0.8, discordance=0.2)
    with pytest.raises(OptionError, match="not both"):
        make_budget(0.8, trials=20, half_width=0.1)


# -- The command -------------------------------------------------------------------------------------------------


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def test_the_command_says_how_many_trials_an_interval_needs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "budget", "--rate", 0.8, "--half-width", 0.1)
    assert code == 0
    assert str(trials_for_rate(0.8, 0.1)) in out
    assert str(trials_for_rate(0.5, 0.1)) in out


def test_the_command_compares_two_rates_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "budget.png"
    code, out, _ = call(capsys, "budget", "-p", 0.9, "--against", 0.5, "--json", "--plot", figure)
    assert code == 0
    own, *same = json.loads(out)["comparisons"]
    assert own["trials"] == trials_unpaired(0.9, 0.5)
    assert same[0]["trials"] == trials_paired(0.9, 0.5, independent_discordance(0.9, 0.5))
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_the_command_says_what_so_many_trials_show(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "budget", "--trials", 20, "--json")
    found = json.loads(out)
    assert code == 0
    at_guess = next(each for each in found["outlook"] if each["rate"] == 0.8)
    assert (at_guess["k"], at_guess["low"]) == (16, pytest.approx(wilson(16, 20).low))
    assert found["tellable"]["on starts of their own"]["worse"] == detectable(0.8, 20, better=False)
    code, out, _ = call(capsys, "budget", "--trials", 20, "--against", 0.4)
    assert code == 0
    assert f"{power_unpaired(0.8, 0.4, 20):.1%}" in out


def test_a_mistake_is_one_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "budget", "--rate", 0.8, "--against", 0.8)
    assert code == 2
    assert "two rates that differ" in err
    assert "Traceback" not in err


def test_weights_are_probabilities() -> None:
    for n in (1, 20, 500):
        low, high = bounds(n)
        assert np.all(low <= high)
        assert half_width(0.3, n) <= 0.5
