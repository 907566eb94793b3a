"""The cameras of an environment: from a tool pose to the images that a policy gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.cameras.backdrop import Scenery
from sim2real_envs.cameras.camera import (
    Camera,
    Image,
    camera_named,
    fov_of_projection,
    moved,
    projection_matrix,
    turned_by,
)
from sim2real_envs.cameras.image_sensors import COLOUR_PARAMETERS, DEPTH_PARAMETERS, ColourSensor, DepthSensor
from sim2real_envs.cameras.look import Look
from sim2real_envs.cameras.studio import Lens, Photographer, Studio
from sim2real_envs.errors import OptionError
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.parameters import Domain, Parameter, ParameterSpace
from sim2real_envs.scene import Scene

PLACE_PARAMETERS = ParameterSpace(
    [
        *(
            Parameter(
                f"camera.position_offset_{axis}", 0.0, -0.03, 0.03, (-0.5, 0.5), "m",
                doc=f"Where the cameras really are, along {axis} of their mount: the world, or the tool.",
            )
            for axis in "xyz"
        ),
        Parameter(
            "camera.rotation_offset", 0.0, -0.05, 0.05, (-1.0, 1.0), "rad",
            doc="Turn of the cameras about the diagonal of their own axes: pans, tilts and rolls alike.",
        ),
        Parameter("camera.fov", 1.0, 0.93, 1.07, (0.5, 1.5), "-", doc="*U on the nominal vertical field of view."),
    ]
)  # fmt: skip
STREAM_PARAMETERS = ParameterSpace(
    [
        Parameter(
            "camera.latency", 0.0, 0.0, 0.08, (0.0, 0.4), "s",
            doc="Age of the images when they arrive, rounded to whole control periods.",
        ),
        Parameter(
            "camera.dropped_frames", 0.0, 0.0, 0.2, (0.0, 0.95), "-",
            doc="Probability that a camera's frame is lost and its last one is held.",
        ),
    ]
)  # fmt: skip


class Images(NamedTuple):
    """Images of c cameras side by side in the last axis: ``rgb`` (h, w, 3 c) uint8, ``depth`` (h, w, c) float32 m."""

    rgb: NDArray[np.uint8] | None
    depth: Image | None


class Cameras:
    """The cameras of an environment; they own ``camera.*``, ``light.*`` and ``appearance.*``.

    Which parameters there are depends on what is imaged: light and appearance only with ``rgb``, the room only where
    it can be seen, hues only of what is not grey.

    Args:
        photographer: The engine's.
        scene: What stands where.
        cameras: Names of shipped cameras, or cameras.
        size: Width and height of each image [pixel].
        period: Control period [s].
        rgb: Whether colours are wanted.
        depth: Whether depth is wanted.

    Raises:
        OptionError: If there is no camera, two have one name, or neither colours nor depth are wanted.
        UnknownNameError: If a named camera does not exist.
    """

    def __init__(
        self,
        photographer: Photographer,
        scene: Scene,
        cameras: Sequence[str | Camera],
        size: tuple[int, int],
        period: float,
        *,
        rgb: bool = True,
        depth: bool = False,
    ) -> None:
        self._cameras = tuple(map(camera_named, cameras))
        names = [camera.name for camera in self._cameras]
        if not names or len(set(names)) != len(names):
            raise OptionError(f"`cameras` must name one or more different cameras, but got {names}.")
        if not (rgb or depth):
            raise OptionError("Cameras must give colours or depth: set `rgb`, `depth`, or both.")
        self._size, self._period, self._rgb, self._depth = size, period, rgb, depth
        self._studio = Studio(photographer, scene.table, scene.objects)
        self._look = Look(self._studio, scene, sees_room=any(camera.sees_room for camera in self._cameras))
        self._colours, self._depths = ColourSensor(), DepthSensor()
        self._nominal = [camera.pose() for camera in self._cameras]
        self._latency, self._dropped = 0, 0.0
        self._space = self._parameters_of()
        self._lenses: list[Lens] = []
        self._place(self._space.nominal())
        self._rays: list[Image] = []
        self._sceneries: list[Scenery | None] = []
        self._history: list[Images] = []
        self._streams: list[np.random.Generator] = []

    # -- parameters ---------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> ParameterSpace:
        """What matters for the images that are delivered."""
        return self._space

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cameras, in the order of the images."""
        return tuple(camera.name for camera in self._cameras)

    @property
    def studio(self) -> Studio:
        """What draws the pictures, in the light and colours in force: for ``render``."""
        return self._studio

    def apply(self, domain: Domain) -> None:
        """Set every parameter. Called after the backend's own ``apply``, which may have replaced bodies."""
        self._place(domain)
        self._latency = round(domain["camera.latency"] / self._period)
        self._dropped = domain["camera.dropped_frames"]
        if self._depth:
            self._depths.apply(domain)
        if self._rgb:
            self._colours.apply(domain)
            self._look.apply(domain)

    def applied(self) -> dict[str, float]:
        """Read every value back from poses, matrices, the light, the sensors, and the engine's colours."""
        nominal, lens = self._nominal[0], self._lenses[0]
        offset = (lens.pose.position - nominal.position).tolist()
        values = {f"camera.position_offset_{axis}": value for axis, value in zip("xyz", offset, strict=True)}
        values["camera.rotation_offset"] = turned_by(nominal, lens.pose)
        values["camera.fov"] = fov_of_projection(lens.projection) / lens.camera.fov_deg
        values["camera.latency"] = self._latency * self._period
        values["camera.dropped_frames"] = self._dropped
        if self._depth:
            values |= self._depths.applied()
        if self._rgb:
            values |= self._colours.applied() | self._look.applied()
        return {name: float(values[name]) for name in self._space}

    # -- episodes -----------------------------------------------------------------------------------------------

    def reset(self, tool: ToolPose, rng: np.random.Generator) -> Images:
        """Forget the past and take the first images of an episode; ``rng`` seeds all noise of it."""
        seeds = rng.integers(2**63, size=4)
        self._streams = [np.random.Generator(np.random.SFC64(int(seed))) for seed in seeds]
        self._rays = [self._studio.rays(lens, self._size) for lens in self._lenses]
        self._sceneries = [
            None if lens.camera.mount == "wrist" else self._studio.scenery(lens, rays, tool, colours=self._rgb)
            for lens, rays in zip(self._lenses, self._rays, strict=True)
        ]
        self._history = []
        return self.capture(tool)

    def capture(self, tool: ToolPose) -> Images:
        """Return the images that arrive now; the tool is at ``tool`` and the engine's world as it is."""
        fresh = self._take(tool)
        lost = self._streams[0].random(len(self._cameras)) < self._dropped
        if self._history and lost.any():
            self._hold(fresh, self._history[-1], lost)
        self._history.append(fresh)
        del self._history[: -1 - self._latency]
        arrived = self._history[0]
        if arrived is fresh and self._latency == 0 and self._dropped == 0.0:
            return fresh  # nobody needs it again
        return Images(
            None if arrived.rgb is None else arrived.rgb.copy(), None if arrived.depth is None else arrived.depth.copy()
        )

    # -- inside -------------------------------------------------------------------------------------------------

    def _parameters_of(self) -> ParameterSpace:
        space = ParameterSpace()
        if self._rgb:
            space |= COLOUR_PARAMETERS
        if self._depth:
            space |= DEPTH_PARAMETERS
        space |= PLACE_PARAMETERS | STREAM_PARAMETERS
        return space | self._look.parameters if self._rgb else space

    def _place(self, domain: Domain) -> None:
        """Put the cameras where ``domain`` has them."""
        offset = [domain[f"camera.position_offset_{axis}"] for axis in "xyz"]
        width, height = self._size
        self._lenses = [
            Lens(
                camera,
                moved(nominal, offset, domain["camera.rotation_offset"]),
                projection_matrix(camera.fov_deg * domain["camera.fov"], width / height, camera.near, camera.far),
            )
            for camera, nominal in zip(self._cameras, self._nominal, strict=True)
        ]

    def _take(self, tool: ToolPose) -> Images:
        """Return fresh images with the sensors' faults."""
        width, height = self._size
        count = len(self._cameras)
        rgb = np.empty((height, width, 3 * count), dtype=np.uint8) if self._rgb else None
        depth = np.empty((height, width, count), dtype=np.float32) if self._depth else None
        shadows = self._studio.shadows() if self._rgb else None
        _, colour_noise, depth_noise, holes = self._streams
        for index, (lens, rays, drawn) in enumerate(zip(self._lenses, self._rays, self._sceneries, strict=True)):
            scenery = drawn or self._studio.scenery(lens, rays, tool, colours=self._rgb)
            colours, distance = self._studio.shoot(lens, rays, scenery, tool, shadows)
            if rgb is not None and colours is not None:
                rgb[..., 3 * index : 3 * index + 3] = self._colours.sense(colours, colour_noise)
            if depth is not None:
                depth[..., index] = self._depths.sense(distance, lens.camera.far, depth_noise, holes)
        return Images(rgb, depth)

    def _hold(self, fresh: Images, last: Images, lost: NDArray[np.bool_]) -> None:
        """Put the last frames of the cameras that ``lost`` theirs (c,) into ``fresh``."""
        for index in np.flatnonzero(lost).tolist():
            if fresh.rgb is not None and last.rgb is not None:
                fresh.rgb[..., 3 * index : 3 * index + 3] = last.rgb[..., 3 * index : 3 * index + 3]
            if fresh.depth is not None and last.depth is not None:
                fresh.depth[..., index] = last.depth[..., index]
