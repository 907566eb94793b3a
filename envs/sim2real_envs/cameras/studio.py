"""Pictures without a sensor's faults: what an engine draws, put before the backdrop, with shadows and textures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.cameras.appearance import stripes
from sim2real_envs.cameras.backdrop import SHADOW_CELLS, Backdrop, Scenery
from sim2real_envs.cameras.camera import (
    Camera,
    CameraPose,
    Image,
    on_mount,
    pixel_rays,
    pose_of_view,
    projection_matrix,
    view_matrix,
)
from sim2real_envs.cameras.light import LIGHT_PARAMETERS, Light
from sim2real_envs.errors import EnvError
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Body, Colour

_SHADE_CELL = 2  # cells of the shadow map along an edge of one that the engine draws: an edge is soft anyway


class Shot(NamedTuple):
    """What an engine draws: ``rgb`` (h, w, 3) uint8; ``depth`` (h, w) m along the optical axis, the far plane where
    there is nothing; ``body`` (h, w): the engine's number of the body, -1 for nothing."""  # fmt: skip

    rgb: NDArray[np.uint8]
    depth: Image
    body: NDArray[np.int32]


class PlacedBody(NamedTuple):
    """A body as an engine has it: its ``number`` in a shot, ``position`` (3,) m, ``rotation`` (3, 3)."""

    number: int
    position: Array
    rotation: Array


class Photographer(Protocol):
    """An engine's side of taking pictures; the table is not in them."""

    @property
    def corner(self) -> tuple[float, float]:
        """Where in a pixel the engine samples, from its upper left corner, right and down [pixel]."""

    def photograph(self, view: Array, projection: Array, size: tuple[int, int], light: Light) -> Shot:
        """Return a picture of ``size`` (width, height) for matrices (16,)."""

    def shade(self, area: tuple[float, float, float, float], height: float, cells: int, light: Light) -> Image:
        """Return which cells of a horizontal plane the lamp does not reach, (cells, cells) of 0 and 1.

        Rows run from the far end of y to the near one, columns along x; ``area`` is x from, x to, y from, y to [m].
        """

    def paint(self, name: str, colour: Colour) -> None:
        """Give a body a colour."""

    def painted(self, name: str) -> Colour:
        """Return a body's colour, read from the engine."""

    def placed(self, name: str) -> PlacedBody:
        """Return where a body is."""


class Lens(NamedTuple):
    """A camera with its place: ``pose`` in the mount's frame, ``projection`` (16,)."""

    camera: Camera
    pose: CameraPose
    projection: Array


class Studio:
    """A photographer, a backdrop, a light, and objects with textures.

    Args:
        photographer: The engine's.
        table: The table.
        objects: The free bodies; they get textures.
    """

    def __init__(self, photographer: Photographer, table: Body, objects: Sequence[Body] = ()) -> None:
        self.photographer, self.backdrop = photographer, Backdrop(table)
        self.objects: Mapping[str, Body] = {body.name: body for body in objects}
        self.light = Light.of(LIGHT_PARAMETERS.nominal())
        self.object_texture = 0.0

    def rays(self, lens: Lens, size: tuple[int, int]) -> Image:
        """Return where each pixel of a picture of ``size`` (width, height) looks."""
        return pixel_rays(lens.projection, *size, self.photographer.corner)

    def scenery(self, lens: Lens, rays: Image, tool: ToolPose, *, colours: bool) -> Scenery:
        """Return the backdrop as a camera sees it."""
        pose = on_mount(lens.camera, lens.pose, tool)
        return self.backdrop.draw(rays, pose, lens.camera.far, self.light if colours else None)

    def shadows(self) -> Image | None:
        """Return the shadow map, flat with one free cell at the end, or None where shadows take no light away."""
        if self.light.shadow == 0.0:
            return None
        backdrop = self.backdrop
        coarse = SHADOW_CELLS // _SHADE_CELL
        shade = self.photographer.shade(backdrop.area, backdrop.height, coarse, self.light)
        soft = np.zeros((SHADOW_CELLS + 4, SHADOW_CELLS + 4), dtype=np.float32)
        soft[2:-2, 2:-2] = shade.repeat(_SHADE_CELL, axis=0).repeat(_SHADE_CELL, axis=1)
        for _ in range(2):
            soft = soft[:-2] + soft[1:-1] + soft[2:]
            soft = soft[:, :-2] + soft[:, 1:-1] + soft[:, 2:]
        flat = np.zeros(SHADOW_CELLS * SHADOW_CELLS + 1, dtype=np.float32)
        np.multiply(soft.ravel(), np.float32(1.0 / 81.0), out=flat[:-1])
        return flat

    def shoot(
        self, lens: Lens, rays: Image, scenery: Scenery, tool: ToolPose, shadows: Image | None
    ) -> tuple[Image | None, Image]:
        """Return colours (h, w, 3) in 0 … 255, or None where the scenery has none, and depth (h, w) m."""
        height, width = scenery.depth.shape
        view = view_matrix(on_mount(lens.camera, lens.pose, tool))
        shot = self.photographer.photograph(view, lens.projection, (width, height), self.light)
        front = shot.depth < scenery.depth
        if scenery.lit is None or scenery.shadow_loss is None or scenery.cell is None:
            return None, np.where(front, shot.depth, scenery.depth)
        picture = scenery.lit.copy()
        if shadows is not None:
            picture -= scenery.shadow_loss * shadows[scenery.cell][..., None]
        np.copyto(picture, shot.rgb, where=front[..., None])
        if self.object_texture > 0.0:
            self._stripe(picture, shot, front, rays, view)
        return picture, np.where(front, shot.depth, scenery.depth)

    def picture(self, camera: Camera, tool: ToolPose, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return a faultless picture (height, width, 3) of ``size`` (width, height), in the present light."""
        width, height = size
        projection = projection_matrix(camera.fov_deg, width / height, camera.near, camera.far)
        lens = Lens(camera, camera.pose(), projection)
        rays = self.rays(lens, size)
        colours, _ = self.shoot(lens, rays, self.scenery(lens, rays, tool, colours=True), tool, self.shadows())
        if colours is None:
            raise EnvError("A picture needs a backdrop with colours.")
        return (colours + np.float32(0.5)).clip(0.0, 255.0).astype(np.uint8)

    def _stripe(self, picture: Image, shot: Shot, front: NDArray[np.bool_], rays: Image, view: Array) -> None:
        """Darken the objects' pixels by their texture, in place."""
        eye = pose_of_view(view)
        for name in self.objects:
            body = self.photographer.placed(name)
            seen = (shot.body == body.number) & front
            if not seen.any():
                continue
            in_camera = rays[seen] * shot.depth[seen][:, None]  # (n, 3)
            turn = (body.rotation.T @ eye.rotation).astype(np.float32)
            offset = (body.rotation.T @ (eye.position - body.position)).astype(np.float32)
            picture[seen] *= stripes(in_camera @ turn.T + offset, self.object_texture)[:, None]
