"""Some worlds side by side in one process: their environments, and their rows of the board."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import gymnasium

from sim2real_envs.board import Board
from sim2real_envs.errors import StateError

MakeEnv: TypeAlias = Callable[[], "gymnasium.Env[Any, Any]"]

RESET, STEP, RENDER = b"r", b"s", b"p"
NOTHING_ASSIGNED = -1  # of a seed or a tag


class Worlds:
    """Some of the worlds: their environments and their rows of the board.

    Raises:
        StateError: From ``run``, if an environment starts in a state that is not finite.
    """

    def __init__(self, make_env: MakeEnv, board: Board, rows: Sequence[int], columns: Sequence[str]) -> None:
        self._board, self._columns = board, tuple(columns)
        self._seen, self._last_seen = board.observations("observation"), board.observations("final_observation")
        self._work = {RESET: self._reset, STEP: self._step, RENDER: self._render}
        self._envs: dict[int, gymnasium.Env[Any, Any]] = {}
        self._tag = dict.fromkeys(rows, NOTHING_ASSIGNED)
        self._total_reward = dict.fromkeys(rows, 0.0)
        self._steps = dict.fromkeys(rows, 0)
        for row in rows:
            self._envs[row] = make_env()

    def run(self, command: bytes) -> None:
        """Reset, step or draw every world, in turn."""
        work = self._work[command]
        for row, env in self._envs.items():
            work(row, env)

    def _reset(self, row: int, env: gymnasium.Env[Any, Any]) -> None:
        board = self._board
        seed = int(board["next_seed"][row])
        options = None
        if board["assigned"][row] and self._columns:
            options = {"domain": dict(zip(self._columns, board["next_values"][row].tolist(), strict=True))}
        observation, _ = env.reset(seed=None if seed == NOTHING_ASSIGNED else seed, options=options)
        if not self._seen.is_finite(observation):
            raise StateError(f"World {row} starts in a state that is not finite, with {options}: {observation}.")
        self._seen.write(row, observation)
        self._tag[row] = int(board["next_tag"][row])
        self._total_reward[row], self._steps[row] = 0.0, 0
        board["next_seed"][row] = board["next_tag"][row] = NOTHING_ASSIGNED

    def _step(self, row: int, env: gymnasium.Env[Any, Any]) -> None:
        board = self._board
        observation, reward, terminated, truncated, info = env.step(board["action"][row].copy())
        reward, failure_mode = float(reward), info.get("failure_mode", "timeout" if truncated else "none")
        if not (math.isfinite(reward) and self._seen.is_finite(observation)):
            observation, reward, terminated, failure_mode = self._seen.read(row), 0.0, True, "diverged"
        self._total_reward[row] += reward
        self._steps[row] += 1
        board["reward"][row], board["terminated"][row], board["truncated"][row] = reward, terminated, truncated
        if not (terminated or truncated):
            self._seen.write(row, observation)
            return
        self._last_seen.write(row, observation)
        board["tag"][row], board["steps"][row] = self._tag[row], self._steps[row]
        board["total_reward"][row] = self._total_reward[row]
        board["success"][row], board["failure_mode"][row] = bool(info.get("is_success", False)), failure_mode
        self._reset(row, env)

    def _render(self, row: int, env: gymnasium.Env[Any, Any]) -> None:
        self._board["picture"][row] = env.render()

    def close(self) -> None:
        """Close every environment; may be called twice."""
        while self._envs:
            self._envs.popitem()[1].close()
