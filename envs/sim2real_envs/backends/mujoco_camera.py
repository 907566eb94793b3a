"""Pictures of a MuJoCo world without OpenGL: TinyRenderer draws a copy of the scene that stands where MuJoCo's does.

MuJoCo's own renderer needs OpenGL, which servers and CI often lack. The copy is a PyBullet world built from the same
``Scene``; nothing in it ever moves by itself. It is put where MuJoCo's bodies stand before a picture is taken, so
light, camera and appearance mean the same on both engines, and the same scene looks the same.
"""

from __future__ import annotations

from collections.abc import Callable

from sim2real_envs.backends.bullet import BulletBackend
from sim2real_envs.cameras.camera import Image
from sim2real_envs.cameras.light import Light
from sim2real_envs.cameras.studio import PlacedBody, Shot
from sim2real_envs.parameters import Array, Domain
from sim2real_envs.scene import Colour, Scene
from sim2real_envs.state import WorldState

_SEEN = ("object.size", "hole.clearance")  # parameters of a world that change what stands in it


class MujocoCamera:
    """Pictures of a world that lives elsewhere.

    Args:
        scene: What stands where.
        period: Control period [s].
        timestep: Nominal physics step [s].
        world: Returns where everything is now.
    """

    def __init__(self, scene: Scene, period: float, timestep: float, world: Callable[[], WorldState]) -> None:
        self._world, self._stale = world, True
        self._copy = BulletBackend(scene, period, timestep, render=True)
        self._photographer = self._copy.photographer()

    @property
    def corner(self) -> tuple[float, float]:
        """Where in a pixel the renderer samples."""
        return self._photographer.corner

    def apply(self, domain: Domain) -> None:
        """Give the copy's bodies the sizes of ``domain``; may replace them."""
        space = self._copy.parameters
        self._copy.apply(space.complete({name: domain[name] for name in _SEEN if name in space}))
        self._stale = True

    def moved(self) -> None:
        """Take note that the world is not where it was."""
        self._stale = True

    def photograph(self, view: Array, projection: Array, size: tuple[int, int], light: Light) -> Shot:
        """Return a picture of ``size`` (width, height) for OpenGL matrices (16,)."""
        self._follow()
        return self._photographer.photograph(view, projection, size, light)

    def shade(self, area: tuple[float, float, float, float], height: float, cells: int, light: Light) -> Image:
        """Return which cells of a horizontal plane the lamp does not reach, (cells, cells) of 0 and 1."""
        self._follow()
        return self._photographer.shade(area, height, cells, light)

    def paint(self, name: str, colour: Colour) -> None:
        """Give a body a colour."""
        self._photographer.paint(name, colour)

    def painted(self, name: str) -> Colour:
        """Return a body's colour, read from what draws it."""
        return self._photographer.painted(name)

    def placed(self, name: str) -> PlacedBody:
        """Return where a body is."""
        self._follow()
        return self._photographer.placed(name)

    def close(self) -> None:
        """Release the copy; may be called twice."""
        self._copy.close()

    def _follow(self) -> None:
        if self._stale:
            self._copy.reset(self._world())
            self._stale = False
