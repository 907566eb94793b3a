"""Pictures, depth and touch as observations keep the same promises as numbers do."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.testing import EnvContract, ParameterContract

SMALL = (24, 24)


class TestPixels(EnvContract):
    env_id = "PandaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {"observation": "pixels", "image_size": SMALL}


class TestMultimodal(EnvContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {
        "observation": "multimodal",
        "cameras": ["front", "wrist"],
        "image_size": SMALL,
        "past_actions": 2,
    }


class TestParametersOfPixels(ParameterContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {"observation": "pixels", "image_size": SMALL, "horizon": 20}


@pytest.mark.slow
class TestParametersOfDepth(ParameterContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {"observation": "depth", "image_size": SMALL, "horizon": 20}


class TestParametersOfMultimodal(ParameterContract):
    env_id = "PandaReach-v0"
    env_options: ClassVar[dict[str, Any]] = {"observation": "multimodal", "cameras": ["wrist"], "image_size": SMALL}


class TestParametersOfRenderedPictures(ParameterContract):
    env_id = "PandaPush-v0"
    env_options: ClassVar[dict[str, Any]] = {"render_mode": "rgb_array", "render_size": [48, 36]}


def made(name: str = "PandaPush-v0", **options: Any) -> Any:
    """Return an environment without its wrappers."""
    return sim2real_envs.make(name, **options).unwrapped


def test_shapes_and_types_are_as_documented() -> None:
    cameras = ["front", "side", "wrist"]
    pixels = made(observation="pixels", cameras=cameras, image_size=(40, 30)).reset(seed=0)[0]
    depth = made(observation="depth", cameras=cameras, image_size=(40, 30)).reset(seed=0)[0]
    assert (pixels.shape, pixels.dtype) == ((30, 40, 9), np.uint8)
    assert (depth.shape, depth.dtype) == ((30, 40, 3), np.float32)
    seen = made(observation="multimodal", image_size=(40, 30), past_actions=2).reset(seed=0)[0]
    shapes = {name: array.shape for name, array in seen.items()}
    assert shapes == {
        "proprioception": (7 + 7 + 3 + 2 * 2,),
        "touch": (2, 3),
        "gripper_force": (1,),
        "rgb": (30, 40, 3),
        "depth": (30, 40, 1),
        "task": (4,),
    }


def test_the_pictures_do_not_touch_the_physics() -> None:
    plain, pictured = made(), made(observation="multimodal", image_size=SMALL)
    for env in (plain, pictured):
        env.reset(seed=3)
        for _ in range(12):
            env.step(env.expert_action())
    assert (plain.state().object_poses["object"] == pictured.state().object_poses["object"]).all()
    assert (plain.state().joint_position == pictured.state().joint_position).all()


def test_touch_is_the_force_on_the_fingers_and_the_state_has_the_pictures() -> None:
    env = made(observation="multimodal", cameras=["front", "wrist"], image_size=SMALL)
    env.reset(seed=3)
    strongest = 0.0
    for _ in range(30):
        observation, *_, info = env.step(env.expert_action())
        strongest = max(strongest, float(np.abs(observation["touch"]).max()))
        if "outcome" in info:
            break
    assert 0.5 < strongest < 100.0  # pushing 0.2 kg at friction 0.5 takes 1 N
    state = env.state()
    assert list(state.images) == list(state.depths) == ["front", "wrist"]
    assert (state.images["wrist"] == observation["rgb"][..., 3:]).all()
    assert (state.depths["front"] == observation["depth"][..., 0]).all()


def test_the_goal_is_in_the_picture() -> None:
    env = made("PandaReach-v0", observation="pixels")
    first, second = (
        env.reset(seed=0, options={"start": {"goal": np.array([0.5, y, 0.2])}})[0].astype(int) for y in (-0.15, 0.15)
    )
    assert 10 < (np.abs(first - second).max(axis=-1) > 40).sum() < 1000


def test_render_shows_the_same_world_at_its_own_size() -> None:
    env = made(observation="pixels", image_size=SMALL, render_mode="rgb_array", render_size=(160, 120))
    env.reset(seed=0)
    before = env.render()
    assert before.shape == (120, 160, 3)
    assert before.std() > 10.0
    for _ in range(10):
        env.step(env.expert_action())
    assert (env.render() != before).any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cameras": ["front"]}, OptionError, "are for pictures"),
        ({"image_size": (84, 84)}, OptionError, "are for pictures"),
        ({"observation": "pixels", "cameras": "front"}, OptionError, "must be a list of names"),
        ({"observation": "pixels", "cameras": ["frnt"]}, UnknownNameError, "Did you mean 'front'?"),
        ({"observation": "pixels", "cameras": []}, OptionError, "one or more different cameras"),
        ({"observation": "pixels", "image_size": 84}, OptionError, "`image_size` must be (width, height)"),
        ({"observation": "pixels", "image_size": (0, 84)}, OptionError, "from 1 to 4096"),
        ({"observation": "pixels", "past_actions": 2}, OptionError, "`past_actions` cannot be part of pictures"),
        ({"observation": "pixels", "goal_conditioned": True}, OptionError, "needs observation='state'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        made(**options)
    assert message in str(caught.value)
