"""PyBullet's side of taking pictures: TinyRenderer on the CPU, on a scene that somebody else owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.backends.engine import pybullet
from sim2real_envs.cameras.light import Light
from sim2real_envs.cameras.studio import PlacedBody, Shot
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Colour

_RGBA = 7  # in a row of getVisualShapeData
_HIDDEN = (0.0, 0.0, 0.0, 0.0)  # TinyRenderer skips what is wholly transparent
_LAMP_DISTANCE = 20.0  # [m]


class BulletCamera:
    """Pictures of one PyBullet client.

    Args:
        client: PyBullet's client id.
        table: Body id of the table; it is hidden, because it is drawn with the backdrop.
        bodies: Returns the body id of each free body by name, as it is now: the backend may replace them.
        unshaded: Body ids that cast no shadow, such as a goal marker.
    """

    corner = (0.0, 1.0)  # TinyRenderer samples a pixel at its lower left corner

    def __init__(
        self, client: int, table: int, bodies: Callable[[], Mapping[str, int]], unshaded: tuple[int, ...] = ()
    ) -> None:
        self._client, self._table, self._bodies, self._unshaded = client, table, bodies, unshaded
        self.hide_table()

    def hide_table(self) -> None:
        """Draw the table no more; to be called again where it was made anew."""
        pybullet.changeVisualShape(self._table, -1, rgbaColor=_HIDDEN, physicsClientId=self._client)

    def photograph(self, view: Array, projection: Array, size: tuple[int, int], light: Light) -> Shot:
        """Return a picture of ``size`` (width, height) for OpenGL matrices (16,)."""
        rgb, buffer, body = self._render(size, view.tolist(), projection.tolist(), light)
        near = float(projection[14]) / (float(projection[10]) - 1.0)
        far = float(projection[14]) / (float(projection[10]) + 1.0)
        depth = np.multiply(buffer, np.float32(near - far))
        depth += np.float32(far)
        np.divide(np.float32(near * far), depth, out=depth)
        return Shot(rgb[:, :, :3], depth, body)

    def shade(
        self, area: tuple[float, float, float, float], height: float, cells: int, light: Light
    ) -> NDArray[np.float32]:
        """Return which cells of a horizontal plane the lamp does not reach, (cells, cells) of 0 and 1.

        One look through a matrix that slides every point along the light down to the plane. TinyRenderer leaves out
        faces that turn away from the origin of the view, so that is put into the lamp; and it takes near and far
        from the matrix as if it were a perspective one, so its depth is scaled to lie between what they come out as.
        """
        x_from, x_to, y_from, y_to = area
        to_middle = -1.0 / cells  # from the corner of a pixel, where it is sampled
        slide = np.zeros((4, 4))
        slide[0, 0], slide[1, 1], slide[3, 3] = 2.0 / (x_to - x_from), 2.0 / (y_to - y_from), 1.0
        slide[:2, 2] = -np.diag(slide)[:2] * np.array(light.direction[:2]) / light.direction[2]
        slide[0, 3] = -slide[0, 0] * (x_from + x_to) / 2.0 - slide[0, 2] * height + to_middle
        slide[1, 3] = -slide[1, 1] * (y_from + y_to) / 2.0 - slide[1, 2] * height + to_middle
        view, back = np.eye(4), np.eye(4)
        back[:3, 3] = _LAMP_DISTANCE * np.array(light.direction)
        view[:3, 3] = -back[:3, 3]
        projection = slide @ back
        projection[2, 2:] = -0.5, _LAMP_DISTANCE
        _, _, body = self._render((cells, cells), view.T.ravel().tolist(), projection.T.ravel().tolist(), light)
        shaded = body >= 0
        for other in self._unshaded:
            shaded &= body != other
        return shaded.astype(np.float32)

    def paint(self, name: str, colour: Colour) -> None:
        """Give a body a colour."""
        pybullet.changeVisualShape(self._bodies()[name], -1, rgbaColor=(*colour, 1.0), physicsClientId=self._client)

    def painted(self, name: str) -> Colour:
        """Return a body's colour, read from the engine."""
        shape = pybullet.getVisualShapeData(self._bodies()[name], physicsClientId=self._client)[0]
        red, green, blue, _ = shape[_RGBA]
        return float(red), float(green), float(blue)

    def placed(self, name: str) -> PlacedBody:
        """Return where a body is."""
        body = self._bodies()[name]
        position, orientation = pybullet.getBasePositionAndOrientation(body, physicsClientId=self._client)
        rotation = np.array(pybullet.getMatrixFromQuaternion(orientation)).reshape(3, 3)
        return PlacedBody(body, np.array(position), rotation)

    def _render(
        self, size: tuple[int, int], view: list[float], projection: list[float], light: Light
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
        """Return colours (h, w, 4), the depth buffer (h, w) and body ids (h, w)."""
        width, height = size
        _, _, rgba, depth, body = pybullet.getCameraImage(
            width,
            height,
            view,
            projection,
            lightDirection=light.direction,
            lightColor=light.colour,
            lightAmbientCoeff=light.glow(),
            lightDiffuseCoeff=light.intensity * light.diffuse,
            lightSpecularCoeff=light.intensity * light.specular,
            shadow=0,
            renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        # PyBullet built without NumPy returns flat tuples
        return (
            np.asarray(rgba, dtype=np.uint8).reshape(height, width, 4),
            np.asarray(depth, dtype=np.float32).reshape(height, width),
            np.asarray(body, dtype=np.int32).reshape(height, width),
        )
