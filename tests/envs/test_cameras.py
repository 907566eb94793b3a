"""The cameras of an environment own parameters that all matter, and deliver frames late, lost and noisy as asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim2real_envs.arms import PANDA
from sim2real_envs.backends.bullet import BulletBackend
from sim2real_envs.cameras import Camera, Cameras, Images
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.state import WorldState

PERIOD = 0.04
SIZE = (48, 36)
CUBE = Body("object", (0.025, 0.025, 0.025), (0.0, 0.0, 50.0), 0.1, (0.85, 0.2, 0.2))
SCENE = Scene(PANDA, TABLE, (CUBE,))
KINEMATICS = Kinematics(PANDA)
HOME = np.array(PANDA.home)


class World:
    """A Panda and a cube that the cameras look at; ``move`` turns the whole arm a little."""

    def __init__(self) -> None:
        self.backend = BulletBackend(SCENE, PERIOD, 0.002, render=True)
        self.photographer = self.backend.photographer()

    def move(self, step: int) -> ToolPose:
        joints = HOME + step * np.array([0.03, 0, 0, 0, 0, 0, 0])
        cube = np.array([0.57, 0.08, 0.025, 0.0, 0.0, 0.0, 1.0])
        self.backend.reset(
            WorldState({"joint.position": joints, "object.pose": cube, "goal": np.array([0.5, -0.1, 0])})
        )
        return KINEMATICS.tool(joints)

    def cameras(self, *names: str, **options: Any) -> Cameras:
        return Cameras(self.photographer, SCENE, names or ("front",), SIZE, PERIOD, **options)

    def film(self, cameras: Cameras, domain: dict[str, float], frames: int = 3, seed: int = 0) -> list[Images]:
        """Return the images of an episode in ``domain``, in which the arm moves a step at a time."""
        complete = self.backend.parameters.nominal() | cameras.parameters.complete(domain)
        self.backend.apply(complete)
        cameras.apply(complete)
        film = [cameras.reset(self.move(0), np.random.default_rng(seed))]
        return film + [cameras.capture(self.move(step)) for step in range(1, frames)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.backend.close()


def bits(film: list[Images]) -> bytes:
    return b"".join(array.tobytes() for images in film for array in images if array is not None)


def rgb(images: Images) -> Any:
    assert images.rgb is not None
    return images.rgb


MODES = {
    "pixels": (("front",), {"rgb": True}),
    "depth": (("side",), {"rgb": False, "depth": True}),
    "both": (("front", "wrist"), {"rgb": True, "depth": True}),
    "wrist": (("wrist",), {"rgb": True}),
    "top": (("top",), {"rgb": True, "depth": True}),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_parameter_matters_and_is_read_back(world: World, mode: str) -> None:
    names, options = MODES[mode]
    cameras = world.cameras(*names, **options)
    assert list(cameras.applied()) == list(cameras.parameters)
    for name, parameter in cameras.parameters.items():
        films = []
        for value in (parameter.low, parameter.high):
            films.append(bits(world.film(cameras, {name: value}, frames=8 if name == "camera.dropped_frames" else 3)))
            assert cameras.applied()[name] == pytest.approx(value, rel=1e-10, abs=1e-12), name
        assert films[0] != films[1], f"{name} changes nothing"


@pytest.mark.parametrize("mode", MODES)
def test_a_parameter_leaves_the_others_as_they_are(world: World, mode: str) -> None:
    names, options = MODES[mode]
    cameras = world.cameras(*names, **options)
    nominal = cameras.parameters.nominal()
    for name, parameter in cameras.parameters.items():
        domain = cameras.parameters.complete({name: parameter.high})
        cameras.apply(domain)
        assert cameras.applied() == pytest.approx(domain, rel=1e-10, abs=1e-12)
    cameras.apply(nominal)
    assert cameras.applied() == pytest.approx(nominal, rel=1e-10, abs=1e-12)


def test_there_are_only_parameters_of_what_is_imaged(world: World) -> None:
    depth = set(world.cameras(rgb=False, depth=True).parameters)
    colour = set(world.cameras(rgb=True).parameters)
    assert {name.split(".")[0] for name in depth} == {"camera"}
    assert not depth & {"camera.noise_std", "camera.blur", "camera.exposure", "camera.white_balance"}
    assert not colour & {"camera.depth_noise_std", "camera.disparity_noise", "camera.depth_holes"}
    assert "appearance.background" in colour
    assert "appearance.background" not in world.cameras("top", "wrist").parameters
    alone = Cameras(world.photographer, Scene(PANDA, TABLE), ("front",), SIZE, PERIOD)
    assert "appearance.object_hue" not in alone.parameters
    grey = Scene(PANDA, replace(TABLE, colour=(0.6, 0.6, 0.6)), (replace(CUBE, colour=(0.1, 0.1, 0.1)),))
    hueless = Cameras(world.photographer, grey, ("front",), SIZE, PERIOD)
    assert set(world.cameras().parameters) - set(hueless.parameters) == {
        "appearance.table_hue",
        "appearance.object_hue",
    }
    hueless.apply(hueless.parameters.nominal())
    assert hueless.applied() == pytest.approx(hueless.parameters.nominal())


def test_images_have_the_shapes_and_kinds_promised(world: World) -> None:
    images = world.film(world.cameras("front", "side", "wrist", rgb=True, depth=True), {})[0]
    assert images.depth is not None
    assert rgb(images).shape == (36, 48, 9)
    assert rgb(images).dtype == np.uint8
    assert images.depth.shape == (36, 48, 3)
    assert images.depth.dtype == np.float32
    assert world.film(world.cameras(rgb=False, depth=True), {})[0].rgb is None
    assert world.film(world.cameras(), {})[0].depth is None


def test_same_seed_same_bits_and_another_seed_other_noise(world: World) -> None:
    cameras = world.cameras("front", "wrist", rgb=True, depth=True)
    noisy = {"camera.noise_std": 0.02, "camera.depth_noise_std": 0.005, "camera.depth_holes": 0.1}
    first = bits(world.film(cameras, noisy))
    world.film(cameras, {"camera.latency": 0.08, "camera.dropped_frames": 0.3}, frames=5, seed=9)
    assert bits(world.film(cameras, noisy)) == first
    assert bits(world.film(world.cameras("front", "wrist", rgb=True, depth=True), noisy)) == first
    assert bits(world.film(cameras, noisy, seed=1)) != first


def test_a_parameter_of_one_kind_moves_no_noise_of_another(world: World) -> None:
    cameras = world.cameras("front", rgb=True, depth=True)
    first = world.film(cameras, {"camera.noise_std": 0.02})
    second = world.film(cameras, {"camera.noise_std": 0.02, "camera.depth_noise_std": 0.01, "camera.depth_holes": 0.1})
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(rgb(one), rgb(other))


@pytest.mark.parametrize(("latency", "periods"), [(0.0, 0), (0.019, 0), (0.021, 1), (0.08, 2), (0.13, 3)])
def test_latency_is_whole_control_periods_and_the_first_frame_lasts(world: World, latency: float, periods: int) -> None:
    cameras = world.cameras("front", "wrist")
    fresh = world.film(cameras, {}, frames=7)
    late = world.film(cameras, {"camera.latency": latency}, frames=7)
    assert cameras.applied()["camera.latency"] == pytest.approx(periods * PERIOD, abs=1e-12)
    for step, images in enumerate(late):
        np.testing.assert_array_equal(rgb(images), rgb(fresh[max(0, step - periods)]))


def test_a_dropped_frame_is_the_last_one_again_for_each_camera_by_itself(world: World) -> None:
    cameras = world.cameras("front", "wrist")
    steps, chance = 60, 0.3
    fresh = world.film(cameras, {}, frames=steps)
    lossy = world.film(cameras, {"camera.dropped_frames": chance}, frames=steps)
    lost = np.zeros((steps, 2), dtype=bool)
    for camera in range(2):
        part = slice(3 * camera, 3 * camera + 3)
        shown = 0  # which frame
        for step in range(1, steps):
            images = rgb(lossy[step])[..., part]
            lost[step, camera] = not np.array_equal(images, rgb(fresh[step])[..., part])
            shown = shown if lost[step, camera] else step
            np.testing.assert_array_equal(images, rgb(fresh[shown])[..., part])
    assert lost.mean() == pytest.approx(chance, abs=4.0 * np.sqrt(chance * (1 - chance) / lost.size))
    assert (lost[:, 0] != lost[:, 1]).any()


def test_images_belong_to_the_caller(world: World) -> None:
    cameras = world.cameras("front", rgb=True, depth=True)
    domain = {"camera.latency": 0.08, "camera.dropped_frames": 0.5}
    before = bits(world.film(cameras, domain, frames=6))
    cameras.apply(cameras.parameters.complete(domain))
    film = []
    for step in range(6):
        tool = world.move(step)
        images = cameras.reset(tool, np.random.default_rng(0)) if step == 0 else cameras.capture(tool)
        film.append(Images(rgb(images).copy(), None if images.depth is None else images.depth.copy()))
        rgb(images)[:] = 0
    assert bits(film) == before


def test_the_colour_of_the_cube_survives_its_replacement(world: World) -> None:
    cameras = world.cameras("front")
    domain = world.backend.parameters.nominal() | cameras.parameters.complete({"appearance.object_hue": 0.3})
    for size in (1.3, 0.8, 1.0):
        world.backend.apply(domain | {"object.size": size})
        assert world.photographer.painted("object") == pytest.approx(
            CUBE.colour, abs=1e-6
        )  # a new body, not yet painted
        cameras.apply(domain)
        assert cameras.applied()["appearance.object_hue"] == pytest.approx(0.3, abs=1e-12)
    images = rgb(cameras.reset(world.move(0), np.random.default_rng(0))).astype(int)
    green = (images[..., 1] > 1.8 * images[..., 0]) & (images[..., 1] > 60)
    assert green.sum() > 5


def test_a_bundle_that_cannot_be_is_refused(world: World) -> None:
    with pytest.raises(OptionError, match="one or more different cameras, but got \\['front', 'front'\\]"):
        world.cameras("front", "front")
    with pytest.raises(OptionError, match="one or more different cameras, but got \\[\\]"):
        Cameras(world.photographer, SCENE, (), SIZE, PERIOD)
    with pytest.raises(OptionError, match="set `rgb`, `depth`, or both"):
        world.cameras(rgb=False)
    with pytest.raises(UnknownNameError, match="'back' is not a camera\\. Available: front, side, top, wrist"):
        world.cameras("back")


def test_a_camera_of_ones_own_is_as_good_as_a_shipped_one(world: World) -> None:
    mine = Camera("mine", "world", (0.9, 0.6, 0.5), (0.5, 0.0, 0.0), fov_deg=50.0)
    cameras = Cameras(world.photographer, SCENE, (mine,), SIZE, PERIOD)
    assert rgb(world.film(cameras, {"camera.fov": 1.05})[0]).std() > 10.0
    assert cameras.applied()["camera.fov"] == pytest.approx(1.05, abs=1e-12)
