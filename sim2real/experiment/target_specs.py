"""The targets of an experiment file: one section for each ``type``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from sim2real.experiment.sections import Number, Section, Seed
from sim2real.experiment.strict_yaml import Value
from sim2real_envs.flaws import preset
from sim2real_envs.parameters import ParameterSpace

Log: TypeAlias = Literal["sensors", "outcomes"]
_LOG = Field(description="What its episodes contain.")


def world_options_of(entry: Mapping[str, Value]) -> dict[str, Value]:
    """Return how the environment of a simulated target is made otherwise than the training simulator's."""
    if entry.get("type") == "mujoco":
        return {"backend": "mujoco"}
    return {"flaws": entry.get("preset")} if entry.get("type") == "preset" else {}


class HiddenTarget(Section):
    """A pseudo-real robot: a simulator with a domain that neither agent nor randomizer sees."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["hidden"]
    domain: Annotated[Mapping[str, Number], Field(description="Where it differs from nominal.")]
    log: Annotated[Log, _LOG] = "sensors"

    @property
    def world_options(self) -> dict[str, Value]:
        """How its environment is made otherwise than the training simulator's."""
        return {}

    def truth(self, space: ParameterSpace) -> dict[str, float]:
        """Return where it differs from nominal in its own ``space``."""
        return dict(self.domain)


class MujocoTarget(Section):
    """A pseudo-real robot in another physics engine."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["mujoco"]
    domain: Annotated[
        Mapping[str, Number], Field(description="Where it differs from nominal, too.", default_factory=dict)
    ]
    log: Annotated[Log, _LOG] = "sensors"

    @property
    def world_options(self) -> dict[str, Value]:
        """How its environment is made otherwise than the training simulator's."""
        return world_options_of({"type": self.type})

    def truth(self, space: ParameterSpace) -> dict[str, float]:
        """Return where it differs from nominal in its own ``space``."""
        return dict(self.domain)


class PresetTarget(Section):
    """A pseudo-real robot with flaws that the training simulator cannot express."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["preset"]
    preset: Annotated[Literal["fresh", "worn", "hostile"], Field(description="How bad it is.")]
    domain: Annotated[Mapping[str, Number], Field(description="What replaces its numbers.", default_factory=dict)]
    log: Annotated[Log, _LOG] = "sensors"

    @property
    def world_options(self) -> dict[str, Value]:
        """How its environment is made otherwise than the training simulator's."""
        return world_options_of({"type": self.type, "preset": self.preset})

    def truth(self, space: ParameterSpace) -> dict[str, float]:
        """Return where it differs from nominal in its own ``space``."""
        return preset(self.preset).domain_in(space) | dict(self.domain)


class RecordingTarget(Section):
    """Recordings of a real system, replayed open loop; there is no policy."""

    experiment_kind: ClassVar[str] = "identify"

    type: Literal["recording"]
    data: Annotated[str, Field(min_length=1, description="A data set, such as cube_toss, or the path of a log.")]
    fit: Annotated[int, Field(ge=1, description="Recordings to learn from; the others are predicted.")] = 30
    split_seed: Seed = 0
    window: Annotated[float | None, Field(gt=0.0, description="Length of a log's windows [s].")] = None


PseudoReal: TypeAlias = HiddenTarget | MujocoTarget | PresetTarget
TargetSpec: TypeAlias = Annotated[PseudoReal | RecordingTarget, Field(discriminator="type")]
SECTIONS: Mapping[str, type[PseudoReal | RecordingTarget]] = {
    "hidden": HiddenTarget,
    "mujoco": MujocoTarget,
    "preset": PresetTarget,
    "recording": RecordingTarget,
}
"""Every ``type`` of a target."""
