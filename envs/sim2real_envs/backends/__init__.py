"""Physics worlds behind one small interface; an engine is imported when a backend is made."""

from __future__ import annotations

from sim2real_envs.backends.base import Backend
from sim2real_envs.errors import MissingDependencyError, UnknownNameError
from sim2real_envs.scene import Scene

BACKENDS = ("bullet", "mujoco")

__all__ = ["BACKENDS", "Backend", "make_backend"]


def make_backend(name: str, scene: Scene, period: float, timestep: float, *, render: bool = False) -> Backend:
    """Build ``scene`` in the engine called ``name``.

    Args:
        name: One of ``BACKENDS``.
        scene: What stands where.
        period: Control period [s].
        timestep: Nominal physics step [s]; snapped to a whole fraction of the period.
        render: Whether pictures will be asked for.

    Raises:
        UnknownNameError: If there is no such backend.
        MissingDependencyError: If its engine is not installed.
    """
    if name == "bullet":
        try:
            from sim2real_envs.backends.bullet import BulletBackend
        except ImportError as error:
            raise MissingDependencyError(
                "The backend 'bullet' needs PyBullet: pip install pybullet (wheels exist up to Python 3.11)."
            ) from error
        return BulletBackend(scene, period, timestep, render=render)
    if name == "mujoco":
        try:
            from sim2real_envs.backends.mujoco import MujocoBackend
        except ImportError as error:
            raise MissingDependencyError(
                "The backend 'mujoco' needs MuJoCo, and PyBullet's meshes: pip install 'sim2real[mujoco]'."
            ) from error
        return MujocoBackend(scene, period, timestep)
    raise UnknownNameError(name, "a backend", BACKENDS)
