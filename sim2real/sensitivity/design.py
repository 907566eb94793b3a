"""Where to look: designs in the unit cube by SALib, in blocks that meet the same start and the same random streams.

The last factor of every design is no parameter: it is the seed of everything that is random in an episode. What it
changes is what repeating a trial changes: the floor that an effect has to stand out from. Such a *dummy* input is an
established check of screenings (Khorashadi Zadeh et al., 2017, Environmental Modelling & Software 91:210).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sim2real.errors import MissingExtraError
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array

Method: TypeAlias = Literal["morris", "sobol"]
STREAMS = "seed"
"""The name of the last factor: noise, disturbances, and how exactly a start is repeated."""
LEVELS = 4
FEWEST = {"morris": 10, "sobol": 16}
"""The fewest blocks from which anything is concluded."""


@dataclass(frozen=True)
class Design:
    """Points of the unit cube, in blocks.

    Args:
        method: ``"morris"``: a block is a trajectory, each step of which moves one factor by 2/3 of its range (Morris,
            1991). ``"sobol"``: a block is a point A, the points that have one coordinate of B, and B itself
            (Saltelli et al., 2010).
        names: The factors: parameters, then ``STREAMS``.
        points: (blocks, runs, factors).
    """

    method: Method
    names: tuple[str, ...]
    points: Array

    @property
    def blocks(self) -> int:
        """Number of blocks: trajectories or base samples."""
        return int(self.points.shape[0])


def problem(names: tuple[str, ...]) -> dict[str, Any]:
    """Return what SALib calls a problem: factors in the unit cube."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def runs_of_a_block(method: Method, parameters: int) -> int:
    """Return how many points a block has, for so many parameters and the seed."""
    return parameters + (2 if method == "morris" else 3)


def morris_design(parameters: tuple[str, ...], trajectories: int, seed: int) -> Design:
    """Return ``trajectories`` random trajectories over four levels.

    Raises:
        MissingExtraError: If SALib is not installed.
        OptionError: If there are fewer than ``FEWEST`` trajectories, or no parameters.
    """
    _check("morris", parameters, trajectories)
    require_salib()
    from SALib.sample import morris

    names = (*parameters, STREAMS)
    points = morris.sample(problem(names), trajectories, num_levels=LEVELS, seed=seed)
    return Design("morris", names, points.reshape(trajectories, -1, len(names)))


def sobol_design(parameters: tuple[str, ...], samples: int, seed: int) -> Design:
    """Return Saltelli's points of ``samples`` scrambled Sobol numbers, a power of two.

    Raises:
        MissingExtraError: If SALib is not installed.
        OptionError: If ``samples`` is fewer than ``FEWEST`` or no power of two, or there are no parameters.
    """
    _check("sobol", parameters, samples)
    if samples & (samples - 1):
        raise OptionError(f"Sobol numbers need a power of two of samples, such as 64 or 128, but got {samples}.")
    require_salib()
    from SALib.sample import sobol

    names = (*parameters, STREAMS)
    points = sobol.sample(problem(names), samples, calc_second_order=False, seed=seed)
    return Design("sobol", names, points.reshape(samples, -1, len(names)))


def require_salib() -> None:
    """Raise ``MissingExtraError`` if SALib is not installed."""
    try:
        import SALib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "Screening parameters needs SALib, which is not installed: pip install 'sim2real[sensitivity]'"
        ) from error


def _check(method: Method, parameters: tuple[str, ...], blocks: int) -> None:
    if not parameters:
        raise OptionError("There is no parameter to screen: each has a range of no width.")
    if blocks < FEWEST[method]:
        what = "trajectories" if method == "morris" else "samples"
        raise OptionError(f"`{what} >= {FEWEST[method]}` must hold for {method}, but got {blocks}.")
