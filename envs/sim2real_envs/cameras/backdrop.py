"""What stands still behind arm and objects, the table and the room, drawn here ray by ray.

A large surface is what a software renderer is slowest at, and a plane is what NumPy is fastest at; a camera that does
not move draws its backdrop once an episode. Shadows fall on the table: its pixels know which cell of a shadow map
(``SHADOW_CELLS`` x ``SHADOW_CELLS`` over the table top) they belong to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.cameras.appearance import clutter, grain, room_colour
from sim2real_envs.cameras.camera import CameraPose, Image
from sim2real_envs.cameras.light import Light
from sim2real_envs.scene import Body, Colour

SHADOW_CELLS = 96
_OUTSIDE = SHADOW_CELLS * SHADOW_CELLS  # the cell that is never in a shadow
_FLOOR_SHADE = 0.72  # of the room's colour below the horizon


class Scenery(NamedTuple):
    """A backdrop as one camera sees it, for h x w pixels.

    ``depth`` (h, w) m along the optical axis, ``far`` for the room; ``lit`` (h, w, 3) in 0 … 255 without shadows;
    ``shadow_loss`` (h, w, 3): what a full shadow takes away; ``cell`` (h, w): index into a flat shadow map.
    The last three are None where no colours are wanted.
    """

    depth: Image
    lit: Image | None
    shadow_loss: Image | None
    cell: NDArray[np.intp] | None


class Backdrop:
    """A table and the room around it.

    Args:
        table: The table, a box; its colour is the nominal one.
    """

    def __init__(self, table: Body) -> None:
        self._centre, self._half = table.position, table.half_extents
        self.table_colour: Colour = table.colour
        self.table_texture = 0.0
        self.background = 0.0
        self.background_texture = 0.0

    @property
    def area(self) -> tuple[float, float, float, float]:
        """Ends of the table top: x from, x to, y from, y to [m]."""
        (x, y, _), (half_x, half_y, _) = self._centre, self._half
        return x - half_x, x + half_x, y - half_y, y + half_y

    @property
    def height(self) -> float:
        """Height of the table top [m]."""
        return self._centre[2] + self._half[2]

    def draw(self, rays: Image, pose: CameraPose, far: float, light: Light | None) -> Scenery:
        """Return what a camera at ``pose`` sees.

        Args:
            rays: Where each pixel looks in the camera's frame (h, w, 3), scaled to z = -1.
            pose: The camera's, world frame.
            far: Depth of what is not the table [m].
            light: None where only depth is wanted.
        """
        directions = rays @ pose.rotation.T.astype(np.float32)  # (h, w, 3)
        eye = pose.position.astype(np.float32)
        x_from, x_to, y_from, y_to = self.area
        falling = np.minimum(directions[..., 2], np.float32(-1e-6))
        depth = (np.float32(self.height) - eye[2]) / falling
        x, y = eye[0] + depth * directions[..., 0], eye[1] + depth * directions[..., 1]
        top = (x >= x_from) & (x <= x_to) & (y >= y_from) & (y <= y_to) & (depth > 0.0) & (depth < far)
        depth[~top] = far
        sides = [] if self._is_above(pose) else self._sides(directions, pose, top, depth)
        if light is None:
            return Scenery(depth, None, None, None)
        return self._coloured(directions, x, y, top, depth, sides, light)

    def _is_above(self, pose: CameraPose) -> bool:
        """Whether no side of the table can be seen."""
        x_from, x_to, y_from, y_to = self.area
        return bool(x_from <= pose.position[0] <= x_to and y_from <= pose.position[1] <= y_to)

    def _sides(
        self, directions: Image, pose: CameraPose, top: NDArray[np.bool_], depth: Image
    ) -> list[tuple[NDArray[np.bool_], tuple[float, float, float]]]:
        """Put the visible sides of the table into ``depth``; return their pixels (h, w) and normals."""
        found = []
        low, high = np.subtract(self._centre, self._half), np.add(self._centre, self._half)
        for axis, other in ((0, 1), (1, 0)):
            place = float(pose.position[axis])
            if low[axis] <= place <= high[axis]:
                continue
            outward = 1.0 if place > high[axis] else -1.0
            edge = high[axis] if outward > 0.0 else low[axis]
            towards = np.float32(outward) * np.minimum(directions[..., axis] * np.float32(outward), np.float32(-1e-6))
            reach = np.float32(edge - place) / towards
            across = pose.position[other] + reach * directions[..., other]
            height = pose.position[2] + reach * directions[..., 2]
            side = (across >= low[other]) & (across <= high[other]) & (height >= low[2]) & (height <= high[2])
            side &= ~top & (reach < depth)
            depth[side] = reach[side]
            found.append((side, (outward, 0.0, 0.0) if axis == 0 else (0.0, outward, 0.0)))
        return found

    def _coloured(
        self,
        directions: Image,
        x: Image,
        y: Image,
        top: NDArray[np.bool_],
        depth: Image,
        sides: list[tuple[NDArray[np.bool_], tuple[float, float, float]]],
        light: Light,
    ) -> Scenery:
        height, width = depth.shape
        table = 255.0 * np.array(self.table_colour)
        beam = light.beam((0.0, 0.0, 1.0))
        brightness = top.astype(np.float32)
        if self.table_texture > 0.0:
            brightness *= grain(x, y, self.table_texture)
        lit = brightness[..., None] * (table * (light.glow() + beam)).astype(np.float32)
        dark = brightness[..., None] * (table * (light.glow() + (1.0 - light.shadow) * beam)).astype(np.float32)
        room = ~top
        for side, normal in sides:
            lit[side] = table * (light.glow() + light.beam(normal))
            room &= ~side
        if room.any():
            lit[room] = self._room(directions[room], light)
        np.minimum(lit, np.float32(255.0), out=lit)
        loss = lit - np.minimum(dark, lit)  # a sensor saturates, so bright light fills a shadow
        x_from, x_to, y_from, y_to = self.area
        column = ((x - np.float32(x_from)) * np.float32(SHADOW_CELLS / (x_to - x_from)))[top]
        row = ((np.float32(y_to) - y) * np.float32(SHADOW_CELLS / (y_to - y_from)))[top]
        cell = np.full((height, width), _OUTSIDE, dtype=np.intp)
        last = SHADOW_CELLS - 1
        cell[top] = np.minimum(row.astype(np.intp), last) * SHADOW_CELLS + np.minimum(column.astype(np.intp), last)
        return Scenery(depth, lit, loss, cell)

    def _room(self, directions: Image, light: Light) -> Image:
        """Return the colours (n, 3) of the room in ``directions`` (n, 3)."""
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        shade = np.where(unit[:, 2] < -0.42, np.float32(_FLOOR_SHADE), 1.0 + np.float32(0.1) * unit[:, 2])
        if self.background_texture > 0.0:
            shade = shade * clutter(unit, self.background_texture)
        walls = 0.6 * light.intensity * (light.diffuse + light.specular) * np.array(light.colour)
        colour = 255.0 * np.array(room_colour(self.background)) * (light.glow() + walls)
        return shade[:, None].astype(np.float32) * colour.astype(np.float32)
