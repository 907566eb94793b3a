"""The identified domain: ``domain.yaml``, to be read by people and pasted into experiments, and its joint samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real import randomizers
from sim2real.experiment.strict_yaml import Value, dump
from sim2real.randomizers.cloud import Cloud
from sim2real.report.posterior import learned, space_of
from sim2real.report.run import Piece, Run, Snapshot, Table
from sim2real_envs.parameters import Array

FILE, SAMPLES = "domain.yaml", "domain_samples.csv"
_NEAR = 0.02  # of a range
DRAWS = 1000
"""Joint draws of a posterior that is not made of particles."""
ARM = "arm"
"""The rig whose parameters are those of the environments with that arm."""
NOT_ASKED = "not identified"


@dataclass(frozen=True)
class IdentifiedDomain:
    """What a piece learned of its uncertain parameters.

    Args:
        snapshot: The randomizer after its last update.
        method_class: Name or import path of its class.
    """

    snapshot: Snapshot
    method_class: str

    @property
    def learned(self) -> bool:
        """Whether the method identifies, and had evidence."""
        return learned(self.snapshot)

    def verdict(self, name: str) -> str:
        """Return the verdict on one parameter."""
        verdict = self.snapshot.description["parameters"][name].get("verdict") if self.learned else None
        return str(verdict or NOT_ASKED)

    def is_nominal(self, name: str) -> bool:
        """Whether nothing better than the nominal value is known of one parameter."""
        return self.verdict(name) not in ("identified", "bounded")

    def values(self) -> dict[str, float]:
        """Return the domain: the posterior mean of what was identified or bounded, else the nominal value."""
        marginals, space = self.snapshot.description["parameters"], self.snapshot.space
        return {
            name: float(space[name]["nominal"] if self.is_nominal(name) else marginals[name]["mean"]) for name in space
        }

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the 90 % interval of what was identified or bounded, else the range of the experiment.

        An interval that ends near an end of the range goes on to it: the truth may lie there, or beyond.
        """
        marginals, space = self.snapshot.description["parameters"], self.snapshot.space
        source = {name: space[name] if self.is_nominal(name) else marginals[name] for name in space}
        return {name: _to_the_ends(source[name], space[name]) for name in space}

    def samples(self) -> Array | None:
        """Return joint posterior samples (k, n) SI, or None where there is no posterior."""
        if not self.learned:
            return None
        space = space_of(self.snapshot)
        randomizer = randomizers.resolve(self.method_class).from_dict(space, self.snapshot.state)
        if isinstance(randomizer, Cloud):
            return space.from_unit(randomizer.unit)
        return randomizer.sample(np.random.default_rng(0), DRAWS).values


def identified_domain(run: Run, piece: Piece) -> IdentifiedDomain:
    """Return what ``piece`` learned."""
    return IdentifiedDomain(piece.snapshots[-1], run.method_classes[piece.method])


def write_domain(domain: IdentifiedDomain, run: Run, piece: Piece, folder: Path) -> None:
    """Write ``domain.yaml`` and, where there is a posterior, its joint samples as CSV, one row a sample."""
    samples = domain.samples()
    if samples is not None:
        names = list(domain.snapshot.space)
        rows = [",".join(names), *(",".join(map(repr, row)) for row in samples.tolist())]
        (folder / SAMPLES).write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / FILE).write_text(_text(domain, run, piece, None if samples is None else len(samples)), encoding="utf-8")


def _text(domain: IdentifiedDomain, run: Run, piece: Piece, samples: int | None) -> str:
    kind = run.targets[piece.target]
    head: dict[str, Value] = {
        "env": _plain(run.spec["env"]),
        "target": piece.target,
        "target_kind": kind,
        "method": piece.method,
        "seed": piece.seed,
        "samples": None if samples is None else {"file": SAMPLES, "rows": samples},
    }
    identified: dict[str, Value] = {name: _entry(domain, name) for name in domain.snapshot.space}
    ranges: dict[str, Value] = {name: {"low": low, "high": high} for name, (low, high) in domain.ranges().items()}
    text = (
        f"# What '{piece.method}' learned of the {kind} target '{piece.target}' in {run.name}. SI units; 90 % lies\n"
        "# between low and high. `value` is the mean of what was identified or bounded, else the nominal value.\n"
        f"{dump(head)}identified:\n{_indented(identified)}"
        "\n# Ranges to train or to identify with; put this in place of `parameters:` in an experiment.\n"
        f"parameters:\n{_indented(ranges)}"
    )
    if run.identifies and piece.env != ARM:
        return text + "\n# A rig has no `targets:` of type hidden; its domain is what `value` says above.\n"
    gains = [name for name in ("stiffness", "damping") if name in run.spec["env"]]
    if gains:
        text += f"\n# Scales of gains count from the `{'`, `'.join(gains)}` of `env` above, not from the arm's own.\n"
    values: dict[str, Value] = dict(domain.values())
    return text + (
        "\n# A pseudo-real target of these values; put this into `targets:` of an experiment.\n"
        f"targets:\n  {piece.target}_identified:\n    type: hidden\n    domain:\n{_indented(values, 6)}"
    )


def _to_the_ends(interval: Table, whole: Table) -> tuple[float, float]:
    low, high, least, most = (float(table[end]) for table in (interval, whole) for end in ("low", "high"))
    near = _NEAR * (most - least)
    return (least if low - least < near else low), (most if most - high < near else high)


def _entry(domain: IdentifiedDomain, name: str) -> dict[str, Value]:
    parameter, marginal = domain.snapshot.space[name], domain.snapshot.description["parameters"][name]
    entry: dict[str, Value] = {
        "value": domain.values()[name],
        "unit": parameter["unit"],
        "verdict": domain.verdict(name),
    }
    if domain.learned:
        entry |= {key: float(marginal[key]) for key in ("mean", "low", "high", "contraction")}
    if domain.is_nominal(name):
        entry["value_is"] = "nominal"
    return entry | {"nominal": float(parameter["nominal"])}


def _indented(value: Mapping[str, Value], by: int = 2) -> str:
    """Return one line per entry, so that a line can be taken out."""
    lines = [
        f"{name}: {{{', '.join(_pair(*item) for item in entry.items())}}}"
        if isinstance(entry, dict)
        else _pair(name, entry)
        for name, entry in value.items()
    ]
    return "".join(f"{' ' * by}{line}\n" for line in lines)


def _pair(name: str, value: Value) -> str:
    """Return ``name: value`` on one line."""
    return " ".join(dump({name: value}).split()).removeprefix("{").removesuffix("}")


def _plain(value: Any) -> Value:
    plain: Value = {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value
    return plain
