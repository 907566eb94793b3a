"""From a preset to a Stable-Baselines3 model, from a model to plain tensors, and from both to a policy.

A model is always built from our own preset and then given its numbers: loading
one of the library's files would run whatever is pickled in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from torch import nn

from sim2real.errors import PolicyError, TooManyDivergences
from sim2real.history_policy import HistoryPolicy
from sim2real.policy import Layer, MlpPolicy
from sim2real.recurrent_policy import RecurrentPolicy
from sim2real.training.asymmetric import AsymmetricActorCritic, AsymmetricSac
from sim2real.training.memory import PLAIN, Learned, Memory
from sim2real.training.normalizer import Normalizer
from sim2real.training.ppo import LeanPPO
from sim2real.training.presets import Preset
from sim2real.training.recurrent import build_recurrent, is_recurrent, lstm_of

Model: TypeAlias = PPO | OnPolicyAlgorithm | SAC
State: TypeAlias = dict[str, Any]  # tensors and numbers in dicts and lists: what torch.load reads with weights_only

_ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}
_REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_PARAMETER, _NORMALIZER, _LOG_ENT_COEF = "parameter.", "normalizer.", "log_ent_coef"


def build(algorithm: str, preset: Preset, env: Normalizer, memory: Memory = PLAIN, known: int = 0) -> Model:
    """Return a fresh model; its weights come from torch's global generator.

    Args:
        algorithm: ``"PPO"`` or ``"SAC"``.
        preset: Hyper-parameters.
        env: The worlds.
        memory: What the policy remembers.
        known: How many numbers at the end of an observation are the critic's alone, where it is asymmetric.

    Raises:
        MissingExtraError: If recurrent PPO is not installed.
    """
    network: dict[str, Any] = {"net_arch": list(preset.hidden), "activation_fn": _ACTIVATIONS[preset.activation]}
    common: dict[str, Any] = {"gamma": preset.gamma, "device": "cpu", **preset.options}
    asymmetric = memory.kind == "asymmetric"
    if asymmetric:
        network["seen"] = sum(env.observation_space.shape or ()) - known
    if algorithm == "SAC":
        return SAC(AsymmetricSac if asymmetric else "MlpPolicy", env, policy_kwargs=network, **common)
    network["log_std_init"] = preset.log_std_init
    if memory.kind == "recurrent":
        recurrent: OnPolicyAlgorithm = build_recurrent(env, network, common)
        return recurrent
    with warnings.catch_warnings():  # a batch that does not divide the rollout is said by Stable-Baselines3 each time
        warnings.filterwarnings("ignore", message="You have specified a mini-batch size")
        return LeanPPO(AsymmetricActorCritic if asymmetric else "MlpPolicy", env, policy_kwargs=network, **common)


def rollout_steps(algorithm: str, preset: Preset) -> int:
    """Return the env steps between two updates: what a training is rounded up to."""
    each: int = preset.options["n_steps" if algorithm == "PPO" else "train_freq"]
    return each * preset.worlds


def check_finite(model: Model) -> None:
    """Look at every weight and at the width of exploration.

    Raises:
        TooManyDivergences: If one of them is not finite, or the width not positive.
    """
    numbers: list[torch.Tensor] = list(model.policy.parameters())
    if not isinstance(model, SAC):
        numbers.append(model.policy.log_std.exp().log())  # not finite where the width is 0
    if not all(bool(torch.isfinite(number).all()) for number in numbers):
        raise TooManyDivergences(
            f"The policy itself diverged after {model.num_timesteps} env steps: its weights are not numbers any more. "
            "Lower the learning rate of the preset."
        )


def state_of(model: Model) -> State:
    """Return everything that the next chunk of a training begins with."""
    state: State = {"parameters": model.get_parameters(), "num_timesteps": model.num_timesteps}
    state["n_updates"] = model._n_updates
    if isinstance(model, SAC):
        if model.log_ent_coef is not None:
            state[_LOG_ENT_COEF] = model.log_ent_coef.detach().clone()
        state["replay"] = _replay_state(model)
    return state


def restore(model: Model, state: Mapping[str, Any]) -> None:
    """Continue from what ``state_of`` returned."""
    model.set_parameters(dict(state["parameters"]), exact_match=True, device="cpu")
    model.num_timesteps, model._n_updates = state["num_timesteps"], state["n_updates"]
    if isinstance(model, SAC):
        _set_log_ent_coef(model, state.get(_LOG_ENT_COEF))
        _restore_replay(model, state["replay"])


def _replay_state(model: SAC) -> State:
    buffer = model.replay_buffer
    if buffer is None:
        raise PolicyError("A SAC model without a replay buffer cannot be saved.")
    used = buffer.buffer_size if buffer.full else buffer.pos
    arrays = {name: torch.from_numpy(getattr(buffer, name)[:used]) for name in _REPLAY}
    return {"pos": buffer.pos, "full": buffer.full, "arrays": arrays}


def _restore_replay(model: SAC, state: State) -> None:
    buffer = model.replay_buffer
    if buffer is None:
        raise PolicyError("A SAC model without a replay buffer cannot be continued.")
    buffer.pos, buffer.full = state["pos"], state["full"]
    for name, tensor in state["arrays"].items():
        getattr(buffer, name)[: len(tensor)] = tensor.numpy()


def _set_log_ent_coef(model: SAC, value: torch.Tensor | None) -> None:
    if model.log_ent_coef is not None and value is not None:
        with torch.no_grad():
            model.log_ent_coef.copy_(value)


def to_policy(model: Model, normalizer: Normalizer, env_id: str, memory: Memory = PLAIN) -> Learned:
    """Freeze actor and normalization; everything that a later training starts from goes along."""
    modules = actor_modules(model)
    layers = tuple(_layer(module) for module in modules if isinstance(module, nn.Linear))
    seen = lstm_of(model).weight_input.shape[1] if is_recurrent(model) else layers[0][0].shape[1]
    statistics = normalizer.arrays()
    common: dict[str, Any] = {
        "env_id": env_id,
        "algorithm": _name(model),
        "layers": layers,
        "activation": "tanh" if any(isinstance(module, nn.Tanh) for module in modules) else "relu",
        "mean": statistics["observation.mean"][:seen],
        "variance": statistics["observation.variance"][:seen],
        "clip": normalizer.clip_obs,
        "learner": _learner(model, statistics),
    }
    if is_recurrent(model):
        return RecurrentPolicy(lstm=lstm_of(model), **common)
    network = MlpPolicy(output="tanh" if isinstance(model, SAC) else "clip", **common)
    return HistoryPolicy(network, memory.history) if memory.kind == "asymmetric" else network


def _name(model: Model) -> str:
    return "SAC" if isinstance(model, SAC) else "PPO"


def _learner(model: Model, statistics: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    learner = {_PARAMETER + name: tensor.numpy() for name, tensor in model.policy.state_dict().items()}
    learner |= {_NORMALIZER + name: array for name, array in statistics.items()}
    if isinstance(model, SAC) and model.log_ent_coef is not None:
        learner[_LOG_ENT_COEF] = model.log_ent_coef.detach().numpy()
    return learner


def actor_modules(model: Model) -> list[nn.Module]:
    """Return the modules that lead from an observation to the mean action, in order."""
    if isinstance(model, SAC):
        return [*_sequence(model.actor.latent_pi), model.actor.mu]
    return [*_sequence(model.policy.mlp_extractor.policy_net), model.policy.action_net]


def _sequence(module: nn.Module) -> list[nn.Module]:
    return list(module.children())


def _layer(module: nn.Linear) -> Layer:
    return module.weight.detach().numpy(), module.bias.detach().numpy()


def continue_from(model: Model, normalizer: Normalizer, policy: Learned) -> None:
    """Give a fresh model the networks and the normalization of an earlier training; the optimizer starts anew.

    Raises:
        PolicyError: If the policy was trained by another algorithm, with other networks or in another environment's
            observations, or carries nothing to continue from.
    """
    algorithm = _name(model)
    if policy.algorithm != algorithm or not policy.learner:
        what = policy.algorithm if policy.learner else "an export without its learner"
        raise PolicyError(f"{algorithm} can only continue from a policy that {algorithm} trained, but got {what}.")
    known = model.policy.state_dict()
    given = _under(_PARAMETER, policy.learner)
    mismatched = [name for name in {**known, **given} if _shape(known.get(name)) != _shape(given.get(name))]
    if mismatched:
        name = mismatched[0]
        raise PolicyError(
            "A training can only continue from a policy of the same observations, actions and networks, but "
            f"{name!r} has shape {_shape(given.get(name))} there and {_shape(known.get(name))} here. "
            "Take the same preset and the same environment options, or train from nothing."
        )
    model.policy.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in given.items()})
    normalizer.restore(_under(_NORMALIZER, policy.learner))
    if isinstance(model, SAC) and _LOG_ENT_COEF in policy.learner:
        _set_log_ent_coef(model, torch.from_numpy(np.array(policy.learner[_LOG_ENT_COEF])))


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _shape(array: Any) -> tuple[int, ...] | None:
    return None if array is None else tuple(array.shape)
