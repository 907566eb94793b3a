"""What a pseudo-real robot has that no parameter of the training simulator can express.

A number that is off (a friction, a delay) can be found by any method that searches over numbers. Reality is worse: the
*form* of the model is wrong. These records describe such flaws; an environment is given them when it is made
(``flaws="worn"``), and neither agent nor randomizer sees them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from sim2real_envs.errors import OptionError


class _Checked:
    """Refuses fields below 0 or not finite."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, float) and not (math.isfinite(value) and value >= 0.0):
                raise OptionError(
                    f"`{field.name} >= 0` must hold for {type(self).__name__}, but got {field.name}={value!r}."
                )


@dataclass(frozen=True)
class JointFlaws(_Checked):
    """Flaws between a motor and its link.

    Args:
        windup: Twist between motor and link at the joint's torque limit [rad]: the flexibility of its gear.
        gear_backlash: Free play between motor and link [rad].
        rotor_inertia: Inertia of the motor behind the gear, as the joint sees it [kg m2].
        stribeck: Static friction as a multiple of the Coulomb friction ``joint.friction``, at least 1.
        stribeck_speed: Speed at which that excess has fallen to 1/e [rad/s].
        load_friction: Friction for each Nm that the gear carries [-].
        encoder_step: Step of the encoder, which sits on the motor [rad]; 0 reads exactly.
    """

    windup: float
    gear_backlash: float
    rotor_inertia: float = 0.04
    stribeck: float = 1.0
    stribeck_speed: float = 0.1
    load_friction: float = 0.0
    encoder_step: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.windup < 1e-3:
            raise OptionError(f"`windup >= 0.001` must hold, a gear ten times stiffer than most, got {self.windup!r}.")
        if self.rotor_inertia < 0.01:
            raise OptionError(f"`rotor_inertia >= 0.01` must hold, but got {self.rotor_inertia!r}.")
        if self.stribeck < 1.0:
            raise OptionError(f"`stribeck >= 1` must hold, but got {self.stribeck!r}.")


@dataclass(frozen=True)
class CommandFlaws(_Checked):
    """Flaws of the line between controller and drives.

    Args:
        jitter: Mean of the extra, exponentially distributed delay of each command [s].
        lost: Probability that a command never arrives.
    """

    jitter: float = 0.0
    lost: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lost >= 1.0:
            raise OptionError(f"`lost < 1` must hold, or no command ever arrives, but got {self.lost!r}.")


@dataclass(frozen=True)
class SightFlaws(_Checked):
    """Flaws of what sees the objects: drift that is correlated in time, and a camera off its calibration.

    Args:
        drift: Standard deviation of the drift along x and along y [m].
        drift_time: Time in which the drift forgets where it was [s].
        camera_yaw: Turn of the camera about the vertical against its calibration [rad].
        camera_shift: Its shift along x and y [m].
        camera_scale: Relative error of its lengths.
    """

    drift: float = 0.0
    drift_time: float = 1.0
    camera_yaw: float = 0.0
    camera_shift: tuple[float, float] = (0.0, 0.0)
    camera_scale: float = 0.0


@dataclass(frozen=True)
class Flaws:
    """All that is wrong with a pseudo-real robot, beside the numbers of its domain."""

    joints: JointFlaws
    commands: CommandFlaws = CommandFlaws()
    sight: SightFlaws = SightFlaws()
