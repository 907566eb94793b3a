"""Distributions over domains, one file per method, found by name.

A method of this package is named by one word; anybody else's class by its
import path, ``"package.module:Class"``.
"""

from __future__ import annotations

import importlib

from sim2real.randomizers.base import (
    Description,
    Draws,
    Json,
    Marginal,
    Practice,
    Randomizer,
    Verdict,
)
from sim2real_envs.errors import OptionError, UnknownNameError

METHODS = {
    "autodr": "sim2real.randomizers.autodr:AutoDr",
    "bayrn": "sim2real.randomizers.bayrn:BayRn",
    "cma_es": "sim2real.randomizers.cma_es:CmaEs",
    "doraemon": "sim2real.randomizers.doraemon:Doraemon",
    "dropo": "sim2real.randomizers.dropo:Dropo",
    "feedback": "sim2real.randomizers.feedback:Feedback",
    "fixed": "sim2real.randomizers.fixed:Fixed",
    "least_squares": "sim2real.randomizers.least_squares:LeastSquares",
    "oracle": "sim2real.randomizers.fixed:Oracle",
    "particles": "sim2real.randomizers.particles:Particles",
    "simopt": "sim2real.randomizers.simopt:SimOpt",
    "uniform": "sim2real.randomizers.uniform:Uniform",
}

__all__ = [
    "METHODS",
    "Description",
    "Draws",
    "Json",
    "Marginal",
    "Practice",
    "Randomizer",
    "Verdict",
    "resolve",
]


def resolve(method: str) -> type[Randomizer]:
    """Return the class of a method.

    Args:
        method: A name of ``METHODS``, or an import path ``"package.module:Class"``.

    Raises:
        UnknownNameError: If the name, the module or the class does not exist.
        OptionError: If the class is not a ``Randomizer``.
    """
    path = METHODS.get(method, method)
    module_name, colon, class_name = path.partition(":")
    if not colon:
        raise UnknownNameError(method, "a method, nor an import path 'package.module:Class'", METHODS)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UnknownNameError(method, f"a method: {error}", METHODS) from error
    found = getattr(module, class_name, None)
    if found is None:
        raise UnknownNameError(class_name, f"a class of {module_name}", sorted(vars(module)))
    if not (isinstance(found, type) and issubclass(found, Randomizer)):
        raise OptionError(f"{method!r} must name a subclass of sim2real.randomizers.Randomizer, but got {found!r}.")
    return found
