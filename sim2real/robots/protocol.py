"""What a robot is here: anything with the methods of LeRobot's ``Robot``, found by duck typing.

The names, signatures and their meaning are those of ``lerobot.robots.Robot``; LeRobot itself is not needed.
Whether a robot has them is looked up without running anything of it: a property
such as ``is_connected`` may talk to hardware, and a check must not.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from sim2real.errors import RobotError
from sim2real_envs.errors import unknown_name

METHODS = ("connect", "get_observation", "send_action", "disconnect")
PROPERTIES = ("observation_features", "action_features", "is_connected")

_ABSENT = object()


class RobotLike(Protocol):
    """A robot that can be read and commanded, key by key.

    ``observation_features`` and ``action_features`` map each key to a type (``float``) or a shape (``(h, w, 3)``), and
    can be asked before ``connect``. Where one of them is a method instead of a property, it is called.
    """

    @property
    def observation_features(self) -> dict[str, Any]:
        """What ``get_observation`` returns."""

    @property
    def action_features(self) -> dict[str, Any]:
        """What ``send_action`` takes."""

    @property
    def is_connected(self) -> bool:
        """Whether the robot can be read and commanded now."""

    def connect(self, calibrate: bool = True) -> None:
        """Open the connection."""

    def get_observation(self) -> dict[str, Any]:
        """Return the newest measurements.

        Raises:
            ConnectionError: If the robot is not connected.
        """

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Ask for ``action`` and return what was asked of the motors in the end.

        Raises:
            ConnectionError: If the robot is not connected.
        """

    def disconnect(self) -> None:
        """Close the connection."""


def missing_members(robot: object) -> tuple[str, ...]:
    """Return the members of ``RobotLike`` that ``robot`` lacks, without running any code of it.

    What a ``__getattr__`` would make up is not seen.
    """
    lacking = []
    for name in (*METHODS, *PROPERTIES):
        found = inspect.getattr_static(robot, name, _ABSENT)
        callable_member = isinstance(found, staticmethod | classmethod) or callable(found)
        if found is _ABSENT or found is None or (name in METHODS and not callable_member):
            lacking.append(name)
    return tuple(lacking)


def require_robot(robot: object) -> None:
    """Refuse what is not a robot.

    Raises:
        RobotError: With the members that are missing.
    """
    if lacking := missing_members(robot):
        raise RobotError(
            f"{type(robot).__name__} is not a robot: it has no {', '.join(lacking)}. A robot has the methods "
            f"{', '.join(METHODS)} and the properties {', '.join(PROPERTIES)}, as LeRobot's Robot has."
        )


def features(robot: RobotLike, which: Literal["observation_features", "action_features"]) -> dict[str, Any]:
    """Return the features of ``robot``, which may be a property or a method.

    Raises:
        RobotError: If they are not a mapping from text.
    """
    found = getattr(robot, which)
    if callable(found):
        found = found()
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise RobotError(f"`{which}` must map keys (text) to types or shapes, but got {found!r:.120}.")
    return dict(found)


def connected(robot: RobotLike) -> bool:
    """Return whether ``robot`` is connected; ``is_connected`` may be a property or a method."""
    found: Any = robot.is_connected
    return bool(found() if callable(found) else found)


def load(path: str, what: str) -> Any:
    """Return what an import path such as ``"my_lab.arm:make_robot"`` names.

    Args:
        path: ``module:name``.
        what: What it is for, such as ``"robot"``.

    Raises:
        RobotError: If there is no such module or name.
    """
    module_name, colon, name = path.partition(":")
    if not (module_name and colon and name):
        raise RobotError(f"{what} must be an import path such as 'my_lab.arm:make_robot', but got {path!r}.")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RobotError(
            f"{what} {path!r}: {error}. The module must be importable from here: install its package, or start in its "
            "folder with PYTHONPATH=."
        ) from error
    if not hasattr(module, name):
        own = {each: str(getattr(value, "__module__", "")) for each, value in vars(module).items() if callable(value)}
        known = [
            each for each, home in own.items() if f"{home}.".startswith(f"{module_name}.") and not each.startswith("_")
        ]
        raise RobotError(f"{what}: {unknown_name(name, f'in {module_name}', known)}")
    return getattr(module, name)


def make_robot(path: str, options: Mapping[str, Any] | None = None) -> RobotLike:
    """Return the robot that the factory or class at ``path`` makes with ``options``.

    Raises:
        RobotError: If there is no such factory, it does not take the options, or what it makes is not a robot.
    """
    factory = load(path, "robot")
    signature = inspect.signature(factory)
    try:
        signature.bind(**dict(options or {}))
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "none"
        raise RobotError(
            f"robot {path!r} cannot be made with {dict(options or {})!r}: {error}. Its options: {takes}."
        ) from None
    robot = factory(**dict(options or {}))
    require_robot(robot)
    return robot  # type: ignore[no-any-return]
