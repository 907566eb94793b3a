"""The fixed randomizer and the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.evidence import Need
from sim2real.randomizers import Json, Randomizer, resolve
from sim2real.randomizers.fixed import Fixed, Oracle
from sim2real.testing import SLIDE_SPACE, RandomizerContract
from sim2real_envs.errors import OptionError, ParameterError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace


class TestFixedContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Fixed.create(space)


class TestOracleContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Oracle.create(space, domain={"object.friction": 0.08})


def test_without_a_domain_every_draw_is_nominal() -> None:
    draws = Fixed.create(SLIDE_SPACE).sample(np.random.default_rng(0), 4)
    assert draws.values.tolist() == [[0.3, 0.0, 0.5]] * 4


def test_a_partial_domain_is_completed_with_nominal_values() -> None:
    draws = Fixed.create(SLIDE_SPACE, domain={"object.mass": 1.5}).sample(np.random.default_rng(0), 2)
    assert draws.values.tolist() == [[0.3, 0.0, 1.5]] * 2


def test_a_value_outside_of_the_range_but_within_the_limits_is_taken() -> None:
    assert Fixed.create(SLIDE_SPACE, domain={"object.friction": 3.0}).domain["object.friction"] == 3.0


def test_only_the_oracle_needs_the_truth() -> None:
    assert Oracle.needs_truth
    assert not Fixed.needs_truth
    assert not resolve("uniform").needs_truth
    assert Oracle.needs == Need.NOTHING


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"domain": {"object.frcition": 0.1}}, UnknownNameError, "Did you mean 'object.friction'?"),
        ({"domain": {"object.friction": -1.0}}, ParameterError, "must lie within its limits"),
        ({"domain": {"object.friction": float("nan")}}, ParameterError, "must lie within its limits"),
        ({"domain": 3}, OptionError, "'domain' must map parameter names to values"),
        ({"domian": {}}, UnknownNameError, "'domian' is not an option of 'fixed'. Did you mean 'domain'?"),
    ],
)
def test_a_wrong_option_is_refused_with_its_name(options: dict[str, Json], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        Fixed.create(SLIDE_SPACE, **options)
    assert words in str(caught.value)
