"""What an experiment file may name: environments, rigs, methods, presets, data sets.

The lists belong to the packages that own them; here they are looked up by the
words of an experiment file. Engines and learning libraries load only when a
name is looked up that needs them.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from typing import Any

from sim2real.experiment.strict_yaml import Value
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace

NAMESPACE = "sim2real"


def environment_ids() -> tuple[str, ...]:
    """Return the ids of the environments that ship with the toolkit, without their namespace."""
    import gymnasium

    import sim2real_envs  # noqa: F401  registers them

    return tuple(sorted(key.partition("/")[2] for key in gymnasium.registry if key.startswith(f"{NAMESPACE}/")))


def rig_ids() -> tuple[str, ...]:
    """Return the names of the rigs that recordings are replayed in."""
    from sim2real_envs import rigs

    return tuple(sorted(rigs.RIGS))


def environment_options(env_id: str) -> Mapping[str, Any] | None:
    """Return the options of an environment with their defaults; None where it takes any.

    Raises:
        UnknownNameError: If there is no such environment.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    if not _is_foreign(env_id) and env_id not in environment_ids():
        raise UnknownNameError(env_id, "an environment", environment_ids())
    try:
        spec = gymnasium.spec(env_id if _is_foreign(env_id) else f"{NAMESPACE}/{env_id}")
        entry = spec.entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else entry
    except (gymnasium.error.Error, ImportError, AttributeError, ValueError) as error:
        raise UnknownNameError(env_id, f"an environment that can be made ({error})", environment_ids()) from None
    if creator is None:
        return None
    parameters = inspect.signature(creator).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return {name: p.default for name, p in parameters.items() if name not in {*spec.kwargs, "render_mode", "self"}}


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

    known = environment_options(env_id)
    for name in options:
        if known is not None and name not in known:
            raise UnknownNameError(name, f"an option of {env_id}", known)
    try:
        env = sim2real_envs.make(env_id, **options)
    except (gymnasium.error.Error, TypeError) as error:
        raise OptionError(f"{env_id!r} cannot be made with these options: {error}") from error
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


def _is_foreign(env_id: str) -> bool:
    return ":" in env_id or "/" in env_id


def presets(algorithm: str) -> tuple[str, ...]:
    """Return the names of the presets that ship for an algorithm."""
    from sim2real.training import presets as shipped

    return tuple(shipped.names(algorithm))


def data_sets() -> Mapping[str, str]:
    """Return the known data sets of recordings, and the rig that each is replayed in."""
    from sim2real import recordings

    return {name: entry.rig for name, entry in recordings.DATA_SETS.items()}
