"""Contract tests that anybody's class can inherit, and a world in closed form to run them in.

A randomizer of your own is checked by six lines in a test module::

    from sim2real.testing import RandomizerContract

    class TestMine(RandomizerContract):
        def make(self, space):
            return Mine.create(space)

A target of your own inherits ``TargetContract`` in the same way. ``FakeRobot`` is a pseudo-real robot in a process of
its own, see ``sim2real.robots.fake``.

Nothing here starts a physics engine, but a ``FakeRobot`` in a world that needs one.
"""

from __future__ import annotations

import importlib
from typing import Any

from sim2real.testing.randomizer_contract import RandomizerContract
from sim2real.testing.sliding_block import (
    SLIDE_OUTCOMES,
    SLIDE_SPACE,
    SlideOffer,
    SlideReplay,
    shuffled,
    slide_evidence,
)
from sim2real.testing.target_contract import TargetContract


def __getattr__(name: str) -> Any:
    if name == "FakeRobot":  # stands above this module, and is loaded when it is used
        return importlib.import_module("sim2real.robots.fake").FakeRobot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "SLIDE_OUTCOMES",
    "SLIDE_SPACE",
    "RandomizerContract",
    "SlideOffer",
    "SlideReplay",
    "TargetContract",
    "shuffled",
    "slide_evidence",
]
