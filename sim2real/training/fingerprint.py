"""A checksum of everything that the result of a training depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from sim2real.policy import KeptPolicy
from sim2real.randomizers.base import Randomizer


class HyperParameters(Protocol):
    """A preset of any algorithm."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""


def fingerprint(
    env_id: str,
    env_options: Mapping[str, Any],
    algorithm: str,
    preset: HyperParameters,
    policy: KeptPolicy | None,
    randomizer: Randomizer,
    steps: int,
    entropy: int,
    memory: Mapping[str, Any] | None = None,
) -> str:
    """Return the checksum.

    ``policy`` is what the training continues from, ``entropy`` what it drew, ``memory`` says what the policy remembers
    and is empty where it remembers nothing.
    """
    arguments = {
        "env": [env_id, dict(env_options)],
        "algorithm": algorithm,
        "preset": preset.to_dict(),
        "steps": steps,
        "entropy": entropy,
        "randomizer": [type(randomizer).__qualname__, randomizer.to_dict()],
        "space": [(p.name, p.nominal, p.low, p.high, p.log) for p in randomizer.space.values()],
    }
    if memory:
        arguments["memory"] = dict(memory)
    digest = hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode())
    if policy is not None:
        for name, array in sorted(policy.arrays().items()):
            digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()
