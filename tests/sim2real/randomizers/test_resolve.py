"""Methods found by name or by import path."""

from __future__ import annotations

import pytest

from sim2real.randomizers import METHODS, Randomizer, resolve
from sim2real.randomizers.uniform import Uniform
from sim2real_envs.errors import OptionError, UnknownNameError


@pytest.mark.parametrize("method", METHODS)
def test_every_method_resolves_to_a_randomizer(method: str) -> None:
    assert issubclass(resolve(method), Randomizer)


def test_an_import_path_resolves_to_its_class() -> None:
    assert resolve("sim2real.randomizers.uniform:Uniform") is Uniform


@pytest.mark.parametrize(
    ("method", "error", "words"),
    [
        ("unifrom", UnknownNameError, "Did you mean 'uniform'?"),
        ("no.such.module:Class", UnknownNameError, "No module named 'no'"),
        ("sim2real.randomizers.uniform:Unifrom", UnknownNameError, "Did you mean 'Uniform'?"),
        ("sim2real.evidence:Segment", OptionError, "must name a subclass of sim2real.randomizers.Randomizer"),
    ],
)
def test_a_wrong_name_says_what_exists(method: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        resolve(method)
    assert words in str(caught.value)
