"""One object of a JSON header: its keys read by type, what is wrong with them collected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from sim2real.recordings.log.findings import Findings
from sim2real_envs.errors import nearest_name

T = TypeVar("T", bound=str)


@dataclass(frozen=True)
class Fields:
    """Reads the keys of one JSON object; a key that is absent, or wrong and said so, is None or empty.

    Args:
        data: The object.
        findings: Where mistakes go.
        place: Its place in the header, such as ``"signals.joint.position"``; empty for the header itself.
    """

    data: Mapping[str, Any]
    findings: Findings
    place: str

    @classmethod
    def of(cls, data: object, findings: Findings, place: str, known: Sequence[str]) -> Self | None:
        """Return the reader of an object, or None where it is none; keys beside ``known`` are mistakes."""
        if not isinstance(data, Mapping):
            findings.error(
                "value", f"must be an object with the keys {', '.join(known)}, but is {_short(data)}.",
                "Write { … } there.", signal=place,
            )  # fmt: skip
            return None
        fields = cls(data, findings, place)
        for key in data:
            if key not in known:
                guess = nearest_name(str(key), known)
                fix = f"Did you mean {guess!r}?" if guess else 'Leave it out, or put it into "extra".'
                findings.error(
                    "unknown-key", f"is not a key here. Allowed: {', '.join(known)}.", fix,
                    signal=fields.key(str(key)), value=_short(data[key]),
                )  # fmt: skip
        return fields

    def get(self, key: str) -> Any:
        """Return the bare value, None where there is none."""
        return self.data.get(key)

    def refuse(self, key: str, law: str, fix: str, *, rule: str = "value") -> None:
        """Add an error about ``key``: ``law`` says what must hold."""
        value = _short(self.data.get(key))
        self.findings.error(rule, f"{law}, but is {value}.", fix, signal=self.key(key), value=value)

    def text(self, key: str, *, required: bool = False, fix: str = "") -> str | None:
        """Return a string."""
        value: str | None = self._typed(key, str, "text", required, fix)
        return value

    def number(
        self, key: str, *, required: bool = False, positive: bool = False, whole: bool = False, fix: str = ""
    ) -> float | None:
        """Return a finite number, one above 0, or a whole number that is not below 0."""
        what = "a number above 0" if positive else "a whole number" if whole else "a number"
        value = self._typed(key, (int, float), what, required, fix)
        if value is None:
            return None
        if not math.isfinite(value) or (positive and value <= 0.0) or (whole and (value < 0 or value != int(value))):
            self.refuse(key, f"must be {what}", fix or "Correct it.")
            return None
        return float(value)

    def numbers(self, key: str, *, required: bool = False) -> tuple[float, ...]:
        """Return a list of finite numbers."""
        values = self._typed(key, list, "a list of numbers", required, "")
        if values is None:
            return ()
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values):
            self.refuse(key, "must be a list of numbers", "Correct it.")
            return ()
        return tuple(float(value) for value in values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._typed(key, list, "a list of text", False, "")
        if values is None:
            return ()
        if not all(isinstance(value, str) for value in values):
            self.refuse(key, "must be a list of text", "Correct it.")
            return ()
        return tuple(values)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return an object."""
        return dict(self._typed(key, dict, "an object", False, "") or {})

    def named_texts(self, key: str) -> dict[str, str]:
        """Return an object whose values are strings."""
        values = self.mapping(key)
        if not all(isinstance(value, str) for value in values.values()):
            self.refuse(key, "must give text for every name", "Correct it.")
            return {}
        return values

    def named_numbers(self, key: str) -> dict[str, float]:
        """Return an object whose values are numbers."""
        values = self.mapping(key)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values.values()):
            self.refuse(key, "must give a number for every name", "Leave out what could not be measured.")
            return {}
        return {name: float(value) for name, value in values.items()}

    def choice(self, key: str, allowed: Sequence[T], *, fix: str) -> T | None:
        """Return one of ``allowed``; it is required."""
        value = self.text(key, required=True, fix=fix)
        found = next((each for each in allowed if each == value), None)
        if value is not None and found is None:
            self.refuse(key, f"must be one of {', '.join(allowed)}", fix)
        return found

    def _typed(self, key: str, kind: Any, what: str, required: bool, fix: str) -> Any:
        if self.data.get(key) is None:
            if required:
                message = f"must be there: {what}."
                self.findings.error("missing-key", message, fix or "Add it.", signal=self.key(key))
            return None
        value = self.data[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            self.refuse(key, f"must be {what}", fix or "Correct it.")
            return None
        return value

    def key(self, key: str) -> str:
        """Return the place of ``key`` in the header."""
        return f"{self.place}.{key}" if self.place else key


def _short(value: object) -> str:
    text = "not there" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
