"""What an experiment file may name: environments, rigs, methods, presets, data sets.

The lists belong to the packages that own them; here they are looked up by the
words of an experiment file. Engines and learning libraries load only when a
name is looked up that needs them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from sim2real.experiment.strict_yaml import Value
from sim2real_envs.errors import EnvError, OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace


def environment_ids() -> tuple[str, ...]:
    """Return the ids of the environments that ship with the toolkit, without their namespace."""
    from sim2real_envs import ENV_IDS

    return ENV_IDS


def rig_ids() -> tuple[str, ...]:
    """Return the names of the rigs that recordings are replayed in."""
    from sim2real_envs import rigs

    return tuple(sorted(rigs.RIGS))


def environment_options() -> dict[str, Any]:
    """Return the options of the environments that ship, with their defaults, but not how they are drawn."""
    from sim2real_envs import registration

    options = registration.environment_options()
    return {name: default for name, default in options.items() if not name.startswith("render_")}


def kind_of(world_id: str) -> str:
    """Return the kind of experiment that a rig (identify) or an environment (train) is for.

    Raises:
        UnknownNameError: If a name without ':' and '/' is neither.
    """
    if world_id in rig_ids():
        return "identify"
    if world_id in environment_ids() or ":" in world_id or "/" in world_id:
        return "train"
    raise UnknownNameError(world_id, "an environment or a rig", (*environment_ids(), *rig_ids()))


def parameter_space(kind: str, world_id: str, options: Mapping[str, Value]) -> ParameterSpace:
    """Return all parameters of an environment (``kind`` train) or a rig (``kind`` identify).

    The environment is made once to find out, and closed.

    Raises:
        EnvError: If there is no such environment or rig, or an option is refused.
    """
    return _parameter_space(kind, world_id, json.dumps(dict(options), sort_keys=True))


@functools.lru_cache(maxsize=64)
def _parameter_space(kind: str, world_id: str, options_json: str) -> ParameterSpace:
    options = json.loads(options_json)
    return _rig_space(world_id, options) if kind == "identify" else _environment_space(world_id, options)


def _environment_space(env_id: str, options: dict[str, Any]) -> ParameterSpace:
    import gymnasium

    import sim2real_envs

    if env_id in sim2real_envs.ENV_IDS:
        known = environment_options()
        for name in options:
            if name not in known:
                raise UnknownNameError(name, f"an option of {env_id}", known)
    try:
        env = sim2real_envs.make(env_id, **options)
    except EnvError:
        raise
    except (gymnasium.error.Error, ImportError, AttributeError, TypeError, ValueError, MemoryError) as error:
        reason = str(error).partition(" was raised from the environment creator")[0] or type(error).__name__
        raise OptionError(f"{env_id!r} cannot be made with {options or 'no options'}: {reason}") from error
    space = getattr(env.unwrapped, "parameter_space", None)
    env.close()
    if not isinstance(space, ParameterSpace):
        raise OptionError(
            f"{env_id!r} has no `parameter_space` on its unwrapped environment, so nothing in it can be randomized. "
            f"Environments that have one: {', '.join(environment_ids())}."
        )
    return space


def _rig_space(rig_id: str, options: dict[str, Any]) -> ParameterSpace:
    from sim2real_envs import rigs

    if rig_id not in rigs.RIGS:
        raise UnknownNameError(rig_id, "a rig", rigs.RIGS)
    try:
        rig = rigs.make(rig_id, **options)
    except TypeError as error:
        raise OptionError(f"{rig_id!r} cannot be made with these options: {error}") from error
    space: ParameterSpace = rig.parameters
    rig.close()
    return space


def presets(algorithm: str) -> tuple[str, ...]:
    """Return the names of the presets that ship for an algorithm."""
    from sim2real.training.presets import names

    return names(algorithm)


def rig_of(data_set: str) -> str:
    """Return the rig that a data set of recordings is replayed in.

    Raises:
        UnknownNameError: If there is no such data set.
    """
    from sim2real.recordings import rig_of as rig_of_recordings

    return rig_of_recordings(data_set)
