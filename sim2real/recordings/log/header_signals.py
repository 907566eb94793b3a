"""The signals of a header: what each means, and where and in which unit its numbers are stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.recordings.log.findings import Findings
from sim2real.recordings.log.json_fields import Fields
from sim2real.recordings.log.names import CANONICAL, Canonical
from sim2real.recordings.log.records import KINDS, Signal
from sim2real.units import QUATERNION, UNITS, Unit
from sim2real_envs.errors import nearest_name
from sim2real_envs.parameters import Array

_KEYS = ("kind", "unit", "shape", "columns", "names", "frame", "rate", "scale", "offset", "description")
_WORLD_FRAMES = ("world", "base")


@dataclass(frozen=True)
class Stored:
    """A signal as it lies in the file.

    Its value in SI is ``unit.to_si(scale * stored + offset)``, its components in the order of ``order``.
    """

    signal: Signal
    columns: tuple[str, ...]
    units: tuple[Unit, ...]
    scale: float
    offset: float
    order: tuple[int, ...]

    def to_si(self, stored: Array) -> Array:
        """Return stored numbers (rows, size) as SI (rows, *shape)."""
        values = stored if (self.scale, self.offset) == (1.0, 0.0) else self.scale * stored + self.offset
        kinds = set(self.units)
        if len(kinds) == 1:
            values = self.units[0].to_si(values)
        elif any(unit != Unit(unit.si) for unit in kinds):
            values = np.stack([unit.to_si(values[:, index]) for index, unit in enumerate(self.units)], axis=1)
        if self.order != tuple(range(len(self.order))):
            values = values[:, self.order]
        return values.reshape(len(values), *self.signal.shape)


def read_signals(data: object, findings: Findings, frames: Mapping[str, str]) -> dict[str, Stored]:
    """Return every signal that is described well enough to be read; mistakes are added to ``findings``."""
    if not isinstance(data, Mapping) or not data:
        example = '{"joint.position": {"kind": "observation", "unit": "rad", "shape": [7]}}'
        fix = f'Describe every column, as in "signals": {example}.'
        findings.error("missing-key", "must be an object with at least one signal.", fix, signal="signals")
        return {}
    found: dict[str, Stored] = {}
    for name, entry in data.items():
        stored = _signal(str(name), Fields.of(entry, findings, f"signals.{name}", _KEYS), frames)
        if stored is not None:
            found[str(name)] = stored
    return found


def columns_named(data: object) -> frozenset[str]:
    """Return every column that the signals of a header name, however wrong what they say of it."""
    if not isinstance(data, Mapping):
        return frozenset()
    columns = [entry.get("columns") for entry in data.values() if isinstance(entry, Mapping)]
    listed = [str(column) for each in columns if isinstance(each, list) for column in each]
    return frozenset([*map(str, data), *listed])


def _signal(name: str, entry: Fields | None, frames: Mapping[str, str]) -> Stored | None:
    if entry is None:
        return None
    canonical = CANONICAL.get(name)
    kinds = f'Say it, as in "kind": "{canonical.kind if canonical else "observation"}".'
    kind = entry.choice("kind", KINDS, fix=kinds)
    columns = entry.texts("columns") or (name,)
    shape = _shape(entry, columns)
    units = None if shape is None else _units(entry, math.prod(shape), canonical)
    scale, offset = entry.number("scale"), entry.number("offset")
    if shape is None or units is None:
        return None
    order = _xyzw(units)
    if order is None:
        entry.refuse("unit", "must have qx, qy, qz, qw side by side, each once", "List them in the order of the file.")
        return None
    if len(columns) not in (1, math.prod(shape)):
        law = f"must name one column, or one for each of {math.prod(shape)} components"
        entry.refuse("columns", law, "Name as many as `shape` says.", rule="shape")
        return None
    if canonical is not None and not _canonical_shape(entry, shape, canonical):
        return None
    names = entry.texts("names")
    if names and len(names) != math.prod(shape):
        entry.refuse("names", f"must name all of {math.prod(shape)} components", "Name every one.", rule="shape")
        names = ()
    frame = _frame(entry, canonical, frames)
    si = tuple(units[index].si for index in order)
    signal = Signal(
        kind=kind or (canonical.kind if canonical else "action"),
        unit=si[0] if len(set(si)) == 1 else si,
        shape=shape,
        frame=frame,
        names=tuple(names[index] for index in order) if names else (),
        rate=entry.number("rate", positive=True),
        description=entry.text("description") or "",
    )
    return Stored(signal, columns, units, 1.0 if scale is None else scale, offset or 0.0, order)


def _shape(entry: Fields, columns: tuple[str, ...]) -> tuple[int, ...] | None:
    numbers = entry.numbers("shape")
    if entry.get("shape") is None:
        return () if len(columns) == 1 else (len(columns),)
    if any(number < 1 or number != int(number) for number in numbers) or (entry.get("shape") and not numbers):
        entry.refuse("shape", "must be whole numbers above 0", "Write [7] for seven numbers a row.", rule="shape")
        return None
    return tuple(int(number) for number in numbers)


def _units(entry: Fields, size: int, canonical: Canonical | None) -> tuple[Unit, ...] | None:
    asked = entry.get("unit")
    wanted = "" if canonical is None else canonical.unit if isinstance(canonical.unit, str) else list(canonical.unit)
    example = repr(wanted or "rad").replace("'", '"')
    if asked is None or asked == "":
        entry.findings.error(
            "missing-unit", "must be there: a unit, or a list with one for each component.",
            f'Say it, as in "unit": {example}; a pure number has "-".', signal=entry.key("unit"),
        )  # fmt: skip
        return None
    texts = [asked] * size if isinstance(asked, str) else asked
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        entry.refuse("unit", "must be text, or a list of text", f'Write "unit": {example}.')
        return None
    if len(texts) != size:
        law = f"must be one unit, or one for each of {size} components"
        entry.refuse("unit", law, "List as many as `shape` says.", rule="shape")
        return None
    unknown = next((text for text in texts if text not in UNITS), None)
    if unknown is not None:
        guess = nearest_name(unknown, UNITS)
        hint = f"Did you mean {guess!r}? " if guess else ""
        fix = f"{hint}Use `scale` and `offset` for any other, such as encoder counts."
        entry.refuse("unit", f"must be one of {', '.join(UNITS)}", fix, rule="unknown-unit")
        return None
    units = tuple(UNITS[text] for text in texts)
    if canonical is not None and _dimension(units) != _dimension_of(canonical, size):
        law = f"must be a unit of {canonical.doc.rstrip('.').lower()}, such as {example}"
        entry.refuse("unit", law, "Correct the unit, or give the signal another name.", rule="wrong-unit")
        return None
    return units


def _dimension(units: tuple[Unit, ...]) -> list[str]:
    return sorted(unit.si for unit in units)


def _dimension_of(canonical: Canonical, size: int) -> list[str]:
    return sorted([canonical.unit] * size if isinstance(canonical.unit, str) else canonical.unit)


def _canonical_shape(entry: Fields, shape: tuple[int, ...], canonical: Canonical) -> bool:
    wanted = canonical.shape
    fits = len(shape) == len(wanted) and all(w in (None, s) for w, s in zip(wanted, shape, strict=True))
    if not fits:
        words = ", ".join("n" if each is None else str(each) for each in wanted)
        entry.findings.error(
            "shape", f"must be [{words}], but is {list(shape)}.",
            "Correct the shape, or give the signal another name.", signal=entry.key("shape"), value=str(list(shape)),
        )  # fmt: skip
    return fits


def _xyzw(units: tuple[Unit, ...]) -> tuple[int, ...] | None:
    """Return the order of components in which a quaternion stands as xyzw; None where it is no whole one."""
    names = [unit.si for unit in units]
    places = [index for index, name in enumerate(names) if name in QUATERNION]
    if not places:
        return tuple(range(len(names)))
    first = places[0]
    if places != list(range(first, first + 4)) or sorted(names[first : first + 4]) != sorted(QUATERNION):
        return None
    turned = [first + names[first : first + 4].index(name) for name in QUATERNION]
    return (*range(first), *turned, *range(first + 4, len(names)))


def _frame(entry: Fields, canonical: Canonical | None, frames: Mapping[str, str]) -> str:
    frame = entry.text("frame") or ""
    if canonical is not None and canonical.in_a_frame and not frame:
        entry.findings.warn(
            "no-frame", "should name the frame that its numbers are in.",
            'Say it, as in "frame": "base".', signal=entry.key("frame"),
        )  # fmt: skip
    elif frame and frame not in frames and frame not in _WORLD_FRAMES:
        entry.findings.warn(
            "no-frame", f"should be explained in `frames`, but {frame!r} is not.",
            f'Add it, as in "frames": {{"{frame}": "…"}}.', signal=entry.key("frame"), value=frame,
        )  # fmt: skip
    return frame


def signal_to_json(signal: Signal) -> dict[str, Any]:
    """Return the entry of a signal that is stored in SI, in one column of its own name."""
    unit = signal.unit if isinstance(signal.unit, str) else list(signal.unit)
    entry: dict[str, Any] = {"kind": signal.kind, "unit": unit, "shape": list(signal.shape)}
    said = {"frame": signal.frame, "names": list(signal.names), "rate": signal.rate, "description": signal.description}
    return entry | {name: value for name, value in said.items() if value}
