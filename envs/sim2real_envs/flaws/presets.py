"""Three pseudo-real robots: as delivered, after years of work, and in the state in which nobody should use it.

Where the numbers come from:

* Gear flexibility (``windup``): harmonic drives and torque sensors of light arms have 6e3 to 1.5e4 Nm/rad at joints of
  100 to 200 Nm (Albu-Schaeffer, Ott, Hirzinger, "A Unified Passivity-based Control Framework", IJRR 2007), that is 0.01
  to 0.02 rad at the limit; industrial gears are some times stiffer.
* Play: strain-wave gears are sold as free of it; 1 arcmin (0.0003 rad) is a good planetary gear, 3 to 7 arcmin (0.001
  to 0.002 rad) a common or a worn one (catalogues of makers; from memory).
* Stribeck: static friction 1.2 to 2 times the Coulomb one, falling within 0.05 to 0.2 rad/s; friction that grows with
  the load by a few per cent of it (Bittencourt and Gunnarsson 2012; Duclusaud et al. 2025, arXiv:2410.08650).
* Encoders: 4e-5 rad (UR10e), 3.8e-4 rad (mjbots), 1.5e-3 rad (Dynamixel XL330), measured in their logs.
* Jitter of the control line: 0.2 ms (Franka's FCI, largest 9 ms, 6 % of samples repeated), 1 ms (UR10e), 1.7 ms
  (Feetech bus), measured in logs. Delay of position-tracking arms: 14 to 48 ms (Barrett WAM).
* Pose of objects: 0.02 mm (Vicon, smoothed tags) to a few mm (one camera); tags tracked by one camera have a scale of
  their own, off by 1 to 2 %; hand-eye calibration is good to 1 to 3 mm and 0.2 to 1 degree (from memory).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.flaws.base import CommandFlaws, Flaws, JointFlaws, SightFlaws
from sim2real_envs.parameters import Domain, ParameterSpace


@dataclass(frozen=True)
class Preset:
    """A pseudo-real robot.

    Args:
        flaws: What no parameter can express.
        domain: Where its parameters differ from nominal, of all that any environment may have.
        doc: What it stands for, in one sentence.
    """

    flaws: Flaws
    domain: Domain
    doc: str

    def domain_in(self, space: ParameterSpace) -> dict[str, float]:
        """Return the part of the domain that ``space`` has."""
        return {name: value for name, value in self.domain.items() if name in space}


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "fresh": Preset(
            Flaws(
                JointFlaws(windup=0.004, gear_backlash=0.0002, stribeck=1.2, load_friction=0.005, encoder_step=4e-5),
                CommandFlaws(jitter=0.0002),
                SightFlaws(drift=0.0003, camera_yaw=0.003, camera_shift=(0.001, -0.001)),
            ),
            {
                "joint.armature": 0.06,
                "joint.friction": 0.1,
                "actuator.delay": 0.006,
                "object.friction": 0.45,
                "object.com_offset_x": 0.002,
                "sensor.object_position_noise": 0.0003,
                "camera.position_offset_x": 0.001,
                "camera.rotation_offset": 0.003,
            },
            "A good arm as delivered, calibrated last week.",
        ),
        "worn": Preset(
            Flaws(
                JointFlaws(windup=0.01, gear_backlash=0.001, stribeck=1.6, load_friction=0.03, encoder_step=3.8e-4),
                CommandFlaws(jitter=0.002, lost=0.02),
                SightFlaws(
                    drift=0.002, drift_time=1.5, camera_yaw=0.01, camera_shift=(0.016, 0.022), camera_scale=0.01
                ),
            ),
            {
                "joint.armature": 0.06,
                "joint.friction": 0.4,
                "actuator.delay": 0.05,
                "actuator.stiffness_scale": 0.85,
                "object.friction": 0.2,
                "object.com_offset_x": 0.006,
                "object.com_offset_y": -0.004,
                "sensor.object_position_noise": 0.001,
                "camera.position_offset_x": 0.016,
                "camera.position_offset_y": 0.022,
                "camera.rotation_offset": 0.01,
            },
            "The same after years of work: play, stiction, a slow line, a table polished by use, a camera knocked.",
        ),
        "hostile": Preset(
            Flaws(
                JointFlaws(windup=0.02, gear_backlash=0.004, stribeck=2.0, load_friction=0.08, encoder_step=1.5e-3),
                CommandFlaws(jitter=0.008, lost=0.08),
                SightFlaws(drift=0.004, drift_time=1.0, camera_yaw=0.03, camera_shift=(0.02, -0.02), camera_scale=0.02),
            ),
            {
                "joint.armature": 0.06,
                "joint.friction": 1.0,
                "actuator.delay": 0.07,
                "actuator.stiffness_scale": 0.7,
                "object.friction": 0.12,
                "object.mass": 0.35,
                "object.com_offset_x": 0.01,
                "object.com_offset_y": 0.01,
                "sensor.object_position_noise": 0.002,
                "sensor.dropout": 0.05,
                "camera.position_offset_x": 0.02,
                "camera.position_offset_y": -0.02,
                "camera.rotation_offset": 0.03,
            },
            "A cheap arm with loose gears, a bad bus and a camera that nobody calibrated.",
        ),
    }
)


def preset(name: str) -> Preset:
    """Return the preset called ``name``.

    Raises:
        UnknownNameError: If there is none.
    """
    if name not in PRESETS:
        raise UnknownNameError(name, "a preset of a pseudo-real robot", PRESETS)
    return PRESETS[name]


def as_flaws(value: object) -> Flaws | None:
    """Return the option ``flaws`` as flaws: None, ``Flaws``, or the name of a preset.

    Raises:
        OptionError: If it is none of these.
        UnknownNameError: If there is no such preset.
    """
    if value is None or isinstance(value, Flaws):
        return value
    if isinstance(value, str):
        return preset(value).flaws
    raise OptionError(f"`flaws` must be None, Flaws or one of {', '.join(PRESETS)}, but got {value!r}.")
