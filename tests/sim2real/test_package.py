"""The package is light until something of it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sim2real

HEAVY = ("torch", "stable_baselines3", "pybullet", "pandas", "matplotlib", "scipy")


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a new process has after ``code``."""
    script = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import sim2real") & set(HEAVY)


def test_the_runner_loads_no_learning_library_before_it_trains() -> None:
    assert not loaded_after("import sim2real; sim2real.run; sim2real.load_spec") & {
        "torch",
        "stable_baselines3",
        "pybullet",
    }


@pytest.mark.parametrize("name", sim2real.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(sim2real, name).__name__ == name or name == "Domain"
    assert name in dir(sim2real)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        sim2real.runn  # noqa: B018
