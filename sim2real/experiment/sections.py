"""What every section of an experiment file has in common."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Name: TypeAlias = Annotated[str, Field(pattern=NAME_PATTERN)]
Seed: TypeAlias = Annotated[int, Field(ge=0, le=2**32 - 1)]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class Section(BaseModel):
    """Base of every part of an experiment file: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
