"""Pictures show what is there: engine and backdrop fit together, shadows and textures lie where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pybullet
import pytest
from numpy.typing import NDArray

from sim2real_envs.arms import PANDA
from sim2real_envs.backends.bullet import BulletBackend
from sim2real_envs.backends.bullet_camera import BulletCamera
from sim2real_envs.cameras.camera import CAMERAS, Camera, projection_matrix, view_matrix
from sim2real_envs.cameras.light import LIGHT_PARAMETERS, Light
from sim2real_envs.cameras.studio import Lens, Studio
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.state import WorldState

SIZE = (84, 84)
CUBE = Body("object", (0.025, 0.025, 0.025), (0.0, 0.0, 50.0), 0.1, (0.85, 0.2, 0.2))
PLACE = (0.6, 0.15, 0.025)
HOME = np.array(PANDA.home)
TOOL = Kinematics(PANDA).tool(HOME)
LOW = Camera("low", "world", (1.4, -0.9, 0.15), (0.4, 0.0, 0.0), fov_deg=60.0)  # sees two sides of the table


class World:
    """A Panda, a cube and a goal marker, with a studio."""

    def __init__(self) -> None:
        self.backend = BulletBackend(Scene(PANDA, TABLE, (CUBE,)), 0.04, 0.002, render=True)
        self.photographer = self.backend.photographer()
        self.studio = Studio(self.photographer, TABLE, (CUBE,))
        self.put(PLACE)

    def put(self, cube: tuple[float, float, float], goal: tuple[float, float, float] = (0.4, -0.2, 0.02)) -> None:
        values = {"joint.position": HOME, "object.pose": np.array([*cube, 0.0, 0.0, 0.0, 1.0]), "goal": np.array(goal)}
        self.backend.reset(WorldState(values))

    def light(self, **changes: float) -> Light:
        """Shine another light; ``changes`` are parameter names without ``light.``."""
        self.studio.light = Light.of(LIGHT_PARAMETERS.complete({f"light.{k}": v for k, v in changes.items()}))
        return self.studio.light

    def shoot(self, camera: Camera = CAMERAS["front"], tool: ToolPose = TOOL) -> tuple[Array, Array]:
        """Return colours (h, w, 3) and depth (h, w)."""
        lens = Lens(camera, camera.pose(), projection_matrix(camera.fov_deg, 1.0, camera.near, camera.far))
        rays = self.studio.rays(lens, SIZE)
        scenery = self.studio.scenery(lens, rays, tool, colours=True)
        colours, depth = self.studio.shoot(lens, rays, scenery, tool, self.studio.shadows())
        assert colours is not None
        return colours.astype(np.float64), depth.astype(np.float64)


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    made = World()
    yield made
    made.backend.close()


@pytest.fixture
def world(shared: World) -> World:
    shared.put(PLACE)
    shared.light()
    shared.studio.object_texture = 0.0
    return shared


def pixel_of(point: tuple[float, float, float], camera: Camera) -> Array:
    """Return column and row [pixel] of a point, as TinyRenderer samples pixels."""
    projection = projection_matrix(camera.fov_deg, 1.0, camera.near, camera.far).reshape(4, 4).T
    clip = projection @ view_matrix(camera.pose()).reshape(4, 4).T @ [*point, 1.0]
    right, up = clip[:2] / clip[3]
    return np.array([(right + 1.0) / 2.0 * SIZE[0], (1.0 - up) / 2.0 * SIZE[1] - 1.0])


def red(colours: Array) -> NDArray[np.bool_]:
    """Return which pixels (h, w) show the cube."""
    marked: NDArray[np.bool_] = (colours[..., 0] > 1.8 * colours[..., 1]) & (colours[..., 0] > 60.0)
    return marked


@pytest.mark.parametrize("camera", [CAMERAS["front"], CAMERAS["side"], CAMERAS["top"], LOW], ids=lambda c: c.name)
@pytest.mark.parametrize(
    "light", [{}, {"specular": 0.5, "red": 0.6, "direction_elevation": 0.7}, {"intensity": 0.6, "ambient": 0.9}]
)
def test_the_backdrop_is_what_the_engine_would_have_drawn(camera: Camera, light: dict[str, float]) -> None:
    client = pybullet.connect(pybullet.DIRECT)
    shape = pybullet.createVisualShape(
        pybullet.GEOM_BOX, halfExtents=TABLE.half_extents, rgbaColor=(*TABLE.colour, 1.0), physicsClientId=client
    )
    table = pybullet.createMultiBody(0.0, -1, shape, TABLE.position, physicsClientId=client)
    photographer = BulletCamera(client, table, dict)
    pybullet.changeVisualShape(
        table, -1, rgbaColor=(*TABLE.colour, 1.0), physicsClientId=client
    )  # not hidden, for once
    studio = Studio(photographer, TABLE)
    studio.light = Light.of(LIGHT_PARAMETERS.complete({f"light.{k}": v for k, v in light.items()}))
    lens = Lens(camera, camera.pose(), projection_matrix(camera.fov_deg, 1.0, camera.near, camera.far))
    shot = photographer.photograph(view_matrix(lens.pose), lens.projection, SIZE, studio.light)
    drawn = studio.scenery(lens, studio.rays(lens, SIZE), TOOL, colours=True)
    pybullet.disconnect(client)
    both = (shot.body == table) & (drawn.depth < camera.far)
    assert (both == (shot.body == table)).mean() > 0.995  # they may differ along an edge
    assert both.mean() > 0.2
    np.testing.assert_allclose(drawn.depth[both], shot.depth[both], rtol=2e-3)
    assert np.median(np.abs(drawn.depth[both] - shot.depth[both])) < 1e-5
    assert drawn.lit is not None
    difference = np.abs(drawn.lit[both] - shot.rgb[both]).max(axis=1)
    assert np.quantile(difference, 0.99) <= 2.5  # the engine rounds twice


@pytest.mark.parametrize("camera", [CAMERAS["front"], CAMERAS["side"]], ids=lambda camera: camera.name)
def test_a_cube_is_seen_where_it_is_and_as_far_as_it_is(world: World, camera: Camera) -> None:
    colours, depth = world.shoot(camera)
    rows, columns = np.nonzero(red(colours))
    assert len(rows) > 10
    np.testing.assert_allclose([columns.mean(), rows.mean()], pixel_of(PLACE, camera), atol=1.0)
    distance = -(camera.pose().rotation.T @ (np.array(PLACE) - camera.pose().position))[2]
    assert depth[rows, columns].min() == pytest.approx(distance - 0.03, abs=0.015)


def test_the_table_has_the_colour_that_its_light_gives_it(world: World) -> None:
    light = world.light(shadow=0.0, ambient=0.4, diffuse=0.3, specular=0.1, green=0.5, direction_elevation=0.8)
    colours, _ = world.shoot(CAMERAS["top"])
    facing = np.sin(0.8)
    lamp = (0.3 * facing + 0.1 * facing**2) * np.array([1.0, 0.5, 1.0])
    np.testing.assert_allclose(colours[-1, 0], 255.0 * np.array(TABLE.colour) * (0.4 + lamp), rtol=1e-5)
    np.testing.assert_allclose(light.beam((0.0, 0.0, 1.0)), lamp, rtol=1e-12)


def test_a_shadow_falls_away_from_the_lamp_as_far_as_its_thing_is_high(world: World) -> None:
    world.put((0.6, 0.3, 0.25))
    light = world.light(direction_azimuth=2.0, direction_elevation=0.9)  # away from the arm
    area = (0.45, 0.85, -0.1, 0.4)
    shade = world.photographer.shade(area, 0.0, 160, light)
    world.put((0.6, 0.3, 50.0))
    rows, columns = np.nonzero(shade > world.photographer.shade(area, 0.0, 160, light))  # not the arm's
    centre = np.array([0.45 + (columns.mean() + 0.5) * 0.4 / 160, 0.4 - (rows.mean() + 0.5) * 0.5 / 160])
    reach = 0.25 / np.tan(0.9)
    wanted = np.array([0.6, 0.3]) - reach * np.array([np.cos(2.0), np.sin(2.0)])
    np.testing.assert_allclose(centre, wanted, atol=0.002)


def test_a_full_shadow_leaves_the_glow_and_half_a_shadow_half_of_the_lamp(world: World) -> None:
    camera = CAMERAS["top"]
    taken = {}
    for share in (0.0, 0.5, 1.0):
        world.light(shadow=share)
        taken[share] = world.shoot(camera)[0]
    changed = np.abs(taken[1.0] - taken[0.0]).max(axis=2) > 1.0
    assert 0.02 < changed.mean() < 0.3
    np.testing.assert_allclose(taken[0.5], (taken[0.0] + taken[1.0]) / 2.0, atol=1e-3)
    glow = 255.0 * np.array(TABLE.colour) * world.studio.light.glow()
    np.testing.assert_allclose(taken[1.0][changed].min(axis=0), glow, rtol=1e-5)


def test_a_goal_marker_casts_no_shadow(world: World) -> None:
    light = world.light()
    area = (0.2, 0.9, -0.6, 0.6)
    world.put((0.6, 0.15, 60.0), goal=(0.4, -0.2, 5.0))
    without = world.photographer.shade(area, 0.0, 96, light)
    world.put((0.6, 0.15, 60.0), goal=(0.5, 0.1, 0.1))
    np.testing.assert_array_equal(world.photographer.shade(area, 0.0, 96, light), without)


def test_stripes_stick_to_the_cube_and_touch_nothing_else(world: World) -> None:
    camera = replace(CAMERAS["front"], eye=(0.85, 0.15, 0.3), target=PLACE, fov_deg=25.0)
    plain, _ = world.shoot(camera)
    world.studio.object_texture = 1.0
    striped, _ = world.shoot(camera)
    cube = red(plain)
    assert not np.array_equal(striped[cube], plain[cube])
    np.testing.assert_array_equal(striped[~cube], plain[~cube])
    shift = np.array([-0.05, -0.05, 0.0])
    world.put((PLACE[0] + shift[0], PLACE[1] + shift[1], PLACE[2]))
    eye, target = np.array(camera.eye) + shift, np.array(camera.target) + shift
    moved, _ = world.shoot(replace(camera, eye=tuple(eye), target=tuple(target)))
    np.testing.assert_allclose(moved[cube & red(moved)], striped[cube & red(moved)], atol=6.0)


def test_a_wrist_camera_sees_another_place_where_the_arm_has_moved(world: World) -> None:
    joints = HOME + np.array([0.25, 0, 0, 0, 0, 0, 0])
    first, _ = world.shoot(CAMERAS["wrist"])
    world.backend.reset(WorldState({"joint.position": joints, "object.pose": np.array([*PLACE, 0, 0, 0, 1.0])}))
    second, _ = world.shoot(CAMERAS["wrist"], Kinematics(PANDA).tool(joints))
    assert red(first).any()
    assert red(second).any()
    before, after = (np.argwhere(red(colours)).mean(axis=0) for colours in (first, second))
    assert np.linalg.norm(after - before) > 10.0
    hand = np.abs(first[-8:, 38:46] - second[-8:, 38:46])  # the fingers ride along
    assert np.median(hand) < 20.0


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=lambda camera: camera.name)
def test_a_camera_knows_whether_it_sees_the_room(world: World, camera: Camera) -> None:
    _, depth = world.shoot(camera)
    assert (depth == camera.far).any() == camera.sees_room


def test_a_picture_for_people_has_the_size_asked_for(world: World) -> None:
    picture = world.studio.picture(CAMERAS["front"], TOOL, (120, 90))
    assert picture.shape == (90, 120, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
