"""What the world looks like: its light, and the colours and textures of table, objects and room."""

from __future__ import annotations

from sim2real_envs.cameras.appearance import (
    OBJECT_APPEARANCE,
    ROOM_APPEARANCE,
    TABLE_APPEARANCE,
    hue_between,
    hue_moved,
    is_grey,
)
from sim2real_envs.cameras.light import LIGHT_PARAMETERS, Light
from sim2real_envs.cameras.studio import Studio
from sim2real_envs.parameters import Domain, ParameterSpace
from sim2real_envs.scene import Scene


class Look:
    """Owns ``light.*`` and ``appearance.*``: whatever takes pictures in this studio shows them.

    Args:
        studio: Where pictures are taken.
        scene: What stands where; only what has a colour has a hue.
        sees_room: Whether any camera sees more than the table.
    """

    def __init__(self, studio: Studio, scene: Scene, *, sees_room: bool) -> None:
        self._studio, self._table = studio, scene.table
        space = LIGHT_PARAMETERS | TABLE_APPEARANCE
        if sees_room:
            space |= ROOM_APPEARANCE
        if scene.objects:
            space |= OBJECT_APPEARANCE
        grey = {f"appearance.{b.name}_hue" for b in (scene.table, *scene.objects[:1]) if is_grey(b.colour)}
        self._space = space.subset(name for name in space if name not in grey)

    @property
    def parameters(self) -> ParameterSpace:
        """Light, table and objects; the room where it is seen."""
        return self._space

    def apply(self, domain: Domain) -> None:
        """Set every parameter. Called after the backend's own ``apply``, which may have replaced bodies."""
        studio, backdrop = self._studio, self._studio.backdrop
        studio.light = Light.of(domain)
        backdrop.table_colour = hue_moved(self._table.colour, domain.get("appearance.table_hue", 0.0))
        backdrop.table_texture = domain["appearance.table_texture"]
        backdrop.background = domain.get("appearance.background", 0.0)
        backdrop.background_texture = domain.get("appearance.background_texture", 0.0)
        studio.object_texture = domain.get("appearance.object_texture", 0.0)
        for name, body in studio.objects.items():
            studio.photographer.paint(name, hue_moved(body.colour, domain.get("appearance.object_hue", 0.0)))

    def applied(self) -> dict[str, float]:
        """Read every value back from the light, the backdrop, and the engine's colours."""
        studio, backdrop = self._studio, self._studio.backdrop
        values = studio.light.domain() | {
            "appearance.table_hue": hue_between(self._table.colour, backdrop.table_colour),
            "appearance.table_texture": backdrop.table_texture,
            "appearance.background": backdrop.background,
            "appearance.background_texture": backdrop.background_texture,
            "appearance.object_texture": studio.object_texture,
        }
        for name, body in list(studio.objects.items())[:1]:
            values["appearance.object_hue"] = hue_between(body.colour, studio.photographer.painted(name))
        return {name: float(values[name]) for name in self._space}
