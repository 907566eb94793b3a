"""Environment ids: what there is, and how a name becomes an environment."""

from __future__ import annotations

from typing import Any

import gymnasium

from sim2real_envs.errors import UnknownNameError

NAMESPACE = "sim2real"
ENV_IDS = ("PandaReach-v0", "PandaPush-v0")


def register_all() -> None:
    """Register every environment with Gymnasium; called on import, harmless when repeated."""
    for name in ENV_IDS:
        full = f"{NAMESPACE}/{name}"
        if full not in gymnasium.registry:
            gymnasium.register(
                full, entry_point=f"sim2real_envs.registration:make_{name.split('-')[0]}", disable_env_checker=True
            )


def full_id(name: str) -> str:
    """Return Gymnasium's id for ``name``; a string with ':' or '/' is one already.

    Raises:
        UnknownNameError: If a short name does not exist.
    """
    if ":" in name or "/" in name:
        return name
    if name not in ENV_IDS:
        raise UnknownNameError(name, "an environment", ENV_IDS)
    return f"sim2real_envs:{NAMESPACE}/{name}"


def make(name: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """Make an environment by its short name, such as ``"PandaPush-v0"``, or by any Gymnasium id."""
    return gymnasium.make(full_id(name), **options)


def make_PandaReach(**options: Any) -> gymnasium.Env[Any, Any]:  # noqa: N802
    """Return PandaReach; options as in ``ManipulationEnv``."""
    from sim2real_envs.arms import PANDA
    from sim2real_envs.env import ManipulationEnv
    from sim2real_envs.tasks import Reach

    return ManipulationEnv(Reach, PANDA, **options)


def make_PandaPush(**options: Any) -> gymnasium.Env[Any, Any]:  # noqa: N802
    """Return PandaPush; options as in ``ManipulationEnv``."""
    from sim2real_envs.arms import PANDA
    from sim2real_envs.env import ManipulationEnv
    from sim2real_envs.tasks import Push

    return ManipulationEnv(Push, PANDA, **options)
