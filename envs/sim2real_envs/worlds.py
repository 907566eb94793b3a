"""Some worlds side by side in one process, and the board on which their numbers stand.

The board is one piece of memory, shared between processes where there are
workers. It is anonymous: nothing is left behind, not even by ``kill -9``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import BaseContext
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from sim2real_envs.errors import StateError

AnyArray: TypeAlias = NDArray[Any]
MakeEnv: TypeAlias = Callable[[], "gymnasium.Env[Any, Any]"]
Layout: TypeAlias = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]

RESET, STEP = b"r", b"s"
NOTHING_ASSIGNED = -1  # of a seed or a tag


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
        return -(-math.prod(shape) * kind.itemsize // 64) * 64  # whole cache lines

    def _make_views(self) -> None:
        self._views: dict[str, AnyArray] = {}
        offset = 0
        for name, (shape, kind) in self._layout.items():
            flat = np.frombuffer(self._memory, dtype=kind, count=math.prod(shape), offset=offset)
            self._views[name] = flat.reshape(shape)
            offset += self._size(shape, kind)

    def __getitem__(self, name: str) -> AnyArray:
        return self._views[name]

    def __getstate__(self) -> tuple[dict[str, tuple[tuple[int, ...], np.dtype[Any]]], Any]:
        return self._layout, self._memory

    def __setstate__(self, state: tuple[dict[str, tuple[tuple[int, ...], np.dtype[Any]]], Any]) -> None:
        self._layout, self._memory = state
        self._make_views()


class Worlds:
    """Some of the worlds: their environments and their rows of the board.

    Raises:
        StateError: From ``run``, if an environment starts in a state that is not finite.
    """

    def __init__(self, make_env: MakeEnv, board: Board, rows: Sequence[int], columns: Sequence[str]) -> None:
        self._board, self._columns = board, tuple(columns)
        self._envs: dict[int, gymnasium.Env[Any, Any]] = {}
        self._tag = dict.fromkeys(rows, NOTHING_ASSIGNED)
        self._total_reward = dict.fromkeys(rows, 0.0)
        self._steps = dict.fromkeys(rows, 0)
        for row in rows:
            self._envs[row] = make_env()

    def run(self, command: bytes) -> None:
        """Reset or step every world, in turn."""
        work = self._step if command == STEP else self._reset
        for row, env in self._envs.items():
            work(row, env)

    def _reset(self, row: int, env: gymnasium.Env[Any, Any]) -> None:
        board = self._board
        seed = int(board["next_seed"][row])
        options = None
        if board["assigned"][row] and self._columns:
            options = {"domain": dict(zip(self._columns, board["next_values"][row].tolist(), strict=True))}
        observation, _ = env.reset(seed=None if seed == NOTHING_ASSIGNED else seed, options=options)
        if not np.isfinite(observation).all():
            raise StateError(f"World {row} starts in a state that is not finite, with {options}: {observation}.")
        board["observation"][row] = observation
        self._tag[row] = int(board["next_tag"][row])
        self._total_reward[row], self._steps[row] = 0.0, 0
        board["next_seed"][row] = board["next_tag"][row] = NOTHING_ASSIGNED

    def _step(self, row: int, env: gymnasium.Env[Any, Any]) -> None:
        board = self._board
        observation, reward, terminated, truncated, info = env.step(board["action"][row].copy())
        reward, failure_mode = float(reward), info.get("failure_mode", "timeout" if truncated else "none")
        if not (math.isfinite(reward) and np.isfinite(observation).all()):
            observation, reward, terminated, failure_mode = board["observation"][row], 0.0, True, "diverged"
        self._total_reward[row] += reward
        self._steps[row] += 1
        board["reward"][row], board["terminated"][row], board["truncated"][row] = reward, terminated, truncated
        if not (terminated or truncated):
            board["observation"][row] = observation
            return
        board["final_observation"][row] = observation
        board["tag"][row], board["steps"][row] = self._tag[row], self._steps[row]
        board["total_reward"][row] = self._total_reward[row]
        board["success"][row], board["failure_mode"][row] = bool(info.get("is_success", False)), failure_mode
        self._reset(row, env)

    def close(self) -> None:
        """Close every environment; may be called twice."""
        while self._envs:
            self._envs.popitem()[1].close()
