"""The board on which the numbers of all worlds stand, and how observations lie on it.

The board is one piece of memory, shared between processes where there are
workers. It is anonymous: nothing is left behind, not even by ``kill -9``.
An observation of several arrays has one field a key; images lie there as the
bytes that they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, Protocol, TypeAlias

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Dict
from numpy.typing import NDArray

from sim2real_envs.errors import OptionError

AnyArray: TypeAlias = NDArray[Any]
AnyObservation: TypeAlias = Any  # an array, or a dict of arrays: which of them, the space says
Layout: TypeAlias = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]

_CACHE_LINE = 64  # bytes


class Board:
    """Named arrays in one piece of memory, the first axis of each being the worlds.

    Args:
        layout: Name to (shape, dtype).
        context: Where given, the memory is shared with the processes started from it.
    """

    def __init__(self, layout: Layout, context: BaseContext | None = None) -> None:
        self._layout = dict(layout)
        size = sum(self._size(shape, kind) for shape, kind in self._layout.values())
        self._memory: Any = bytearray(size) if context is None else context.RawArray("B", size)
        self._make_views()

    @staticmethod
    def _size(shape: tuple[int, ...], kind: np.dtype[Any]) -> int:
        return -(-math.prod(shape) * kind.itemsize // _CACHE_LINE) * _CACHE_LINE

    def _make_views(self) -> None:
        self._views: dict[str, AnyArray] = {}
        offset = 0
        for name, (shape, kind) in self._layout.items():
            flat = np.frombuffer(self._memory, dtype=kind, count=math.prod(shape), offset=offset)
            self._views[name] = flat.reshape(shape)
            offset += self._size(shape, kind)

    def __getitem__(self, name: str) -> AnyArray:
        return self._views[name]

    def observations(self, name: str) -> Observations:
        """Return the observations that ``fields`` laid out under ``name``."""
        if name in self._views:
            return OneArray(self._views[name])
        start = f"{name}/"
        return NamedArrays(
            {field[len(start) :]: OneArray(view) for field, view in self._views.items() if field.startswith(start)}
        )

    def __getstate__(self) -> tuple[dict[str, tuple[tuple[int, ...], np.dtype[Any]]], Any]:
        return self._layout, self._memory

    def __setstate__(self, state: tuple[dict[str, tuple[tuple[int, ...], np.dtype[Any]]], Any]) -> None:
        self._layout, self._memory = state
        self._make_views()


def fields(name: str, space: Space[Any]) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return what one element of ``space`` takes on a board: one field, or for a ``Dict`` one a key.

    Raises:
        OptionError: If an element is not an array of fixed shape, or a ``Dict`` of such arrays.
    """
    parts = {f"{name}/{key}": part for key, part in space.items()} if isinstance(space, Dict) else {name: space}
    for field, part in parts.items():
        if part.shape is None or part.dtype is None:
            raise OptionError(
                f"Worlds exchange arrays of a fixed shape, or a Dict of such arrays, but {field!r} is {part}; "
                "flatten it, for example with gymnasium.wrappers.FlattenObservation."
            )
    return {field: (part.shape or (), np.dtype(part.dtype)) for field, part in parts.items()}


class Observations(Protocol):
    """The observations of all W worlds on a board."""

    def is_finite(self, observation: Any) -> bool:
        """Return whether every number of one observation is finite."""

    def write(self, row: int, observation: Any) -> None:
        """Let ``observation`` be that of world ``row``."""

    def read(self, row: int) -> AnyObservation:
        """Return the observation of world ``row``; it belongs to the caller."""

    def read_all(self) -> AnyObservation:
        """Return all of them, each array (W, ...); they belong to the caller."""


class OneArray:
    """Observations of one array each."""

    def __init__(self, rows: AnyArray) -> None:
        self._rows = rows
        self._always_finite = not np.issubdtype(rows.dtype, np.inexact)  # such as the bytes of an image

    def is_finite(self, observation: Any) -> bool:
        return self._always_finite or bool(np.isfinite(observation).all())

    def write(self, row: int, observation: Any) -> None:
        self._rows[row] = observation

    def read(self, row: int) -> AnyArray:
        copy: AnyArray = self._rows[row].copy()
        return copy

    def read_all(self) -> AnyArray:
        return self._rows.copy()


class NamedArrays:
    """Observations of several arrays by name."""

    def __init__(self, parts: Mapping[str, OneArray]) -> None:
        self._parts = dict(parts)

    def is_finite(self, observation: Any) -> bool:
        return all(part.is_finite(observation[key]) for key, part in self._parts.items())

    def write(self, row: int, observation: Any) -> None:
        for key, part in self._parts.items():
            part.write(row, observation[key])

    def read(self, row: int) -> dict[str, AnyArray]:
        return {key: part.read(row) for key, part in self._parts.items()}

    def read_all(self) -> dict[str, AnyArray]:
        return {key: part.read_all() for key, part in self._parts.items()}
