"""What MuJoCo derives from masses and the like when it compiles a model, for models that somebody else made."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

_STATISTICS = ("meaninertia", "meanmass", "meansize", "extent", "center")


class MujocoConstants:
    """Derives the constants of a model anew: inverse weights, subtree masses, lengths at rest, statistics.

    Statistics that the model's file states rather than MuJoCo stay as the file states them.

    Args:
        model: An ``mjModel`` with every number nominal.
    """

    def __init__(self, model: Any) -> None:
        self._model, self._scratch = model, mujoco.MjData(model)
        before = {name: np.copy(getattr(model.stat, name)) for name in _STATISTICS}
        mujoco.mj_setConst(model, self._scratch)
        self._stated = {
            name: value for name, value in before.items() if not np.array_equal(value, getattr(model.stat, name))
        }
        self._restore()

    def renew(self) -> None:
        """Derive them from the numbers that the model has now."""
        mujoco.mj_setConst(self._model, self._scratch)
        self._restore()

    def _restore(self) -> None:
        for name, value in self._stated.items():
            if value.ndim:
                getattr(self._model.stat, name)[:] = value
            else:
                setattr(self._model.stat, name, float(value))
