"""The one array of an observation that a wrapper works on."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.spaces import Box, Dict

from sim2real_envs.board import AnyArray
from sim2real_envs.errors import OptionError, UnknownNameError

_USUAL_KEYS = ("observation", "proprioception")  # of goal environments, and of `observation="multimodal"`


class View:
    """Reads and replaces one array of the observations of ``env``.

    Args:
        env: Its observations are a ``Box``, or a ``Dict`` of them.
        key: Which array of a ``Dict``; by default ``"observation"`` or ``"proprioception"``, whichever there is.

    Raises:
        OptionError: If the array is not a ``Box`` with at least one axis, or ``key`` is given without a ``Dict``, or
            missing where it cannot be guessed.
        UnknownNameError: If there is no such key.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], key: str | None = None) -> None:
        self._whole = env.observation_space
        self.key = self._find_key(key)
        box = self._whole if self.key is None else self._whole[self.key]  # type: ignore[index]
        if not (isinstance(box, Box) and box.shape):
            place = "Observations" if self.key is None else f"Observations under {self.key!r}"
            raise OptionError(f"{place} must be a Box with at least one axis, but got {box}.")
        self.box = box

    def _find_key(self, key: str | None) -> str | None:
        if not isinstance(self._whole, Dict):
            if key is not None:
                raise OptionError(f"`key` is for observations in a Dict, but got key={key!r} and {self._whole}.")
            return None
        known = tuple(self._whole)
        if key is None:
            usual = [name for name in _USUAL_KEYS if name in known]
            if not usual:
                raise OptionError(f"Say with `key` which array is meant. Available: {', '.join(known)}.")
            return usual[0]
        if key not in known:
            raise UnknownNameError(key, "a key of the observation", known)
        return key

    def space_with(self, box: Box) -> gymnasium.Space[Any]:
        """Return the observation space with ``box`` in place of the array's own."""
        if not isinstance(self._whole, Dict):
            return box
        return Dict({name: box if name == self.key else space for name, space in self._whole.items()})

    def read(self, observation: Any) -> AnyArray:
        """Return the array."""
        array: AnyArray = observation if self.key is None else observation[self.key]
        return array

    def replaced(self, observation: Any, array: AnyArray) -> Any:
        """Return the observation with ``array`` in its place."""
        return array if self.key is None else {**observation, self.key: array}
