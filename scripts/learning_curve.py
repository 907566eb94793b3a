"""Keep the learning curve of a plain training as a small table: results/curves/<preset>-<algorithm>.csv.

Usage: python scripts/learning_curve.py RUN ...

RUN is the folder of a finished experiment with one piece and no rounds, such as experiments/push.yaml. The table begins
with comments that say what was trained, and how often the policy succeeded on the seeded list of starts at the end.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from sim2real.experiment.files import read_json, write_text
from sim2real.experiment.result import Result
from sim2real.experiment.spec import load_spec

CURVES = Path(__file__).resolve().parent.parent / "results" / "curves"
COLUMNS = "env_steps,seconds,episodes,success,mean_return"


def main(folder: Path) -> Path:
    """Write the table of the run in ``folder`` and return its path; exit with a message if it is no plain training."""
    result, spec = Result(folder), load_spec(folder / "spec.yaml")
    pieces = result.summary["pieces"]
    if len(pieces) != 1 or spec.rounds:
        sys.exit(f"{folder}: has {len(pieces)} pieces and {spec.rounds} rounds, but a curve is of one piece, no round.")
    piece, machine = pieces[0], read_json(folder / "manifest.json")
    command, seconds = machine["command"], _seconds(folder)
    changes = [f" --set {change}" for option, change in pairwise(command) if option == "--set"]
    head = {
        "experiment": f"{spec.name}.yaml{''.join(changes)}, seed {piece['seed']}",
        "env": piece["env"],
        "agent": f"{spec.agent.algorithm}, preset {spec.agent.preset}",
        "env_steps": piece["env_steps"],
        "final": f"{piece['real']['k']} successes in {piece['real']['n']} episodes",
        "machine": f"{machine['machine']['processors']} processors",
        "versions": ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
    }
    rows = [
        f"{point['env_steps']},{seconds[point['env_steps']]:.1f},{point['episodes']},{point['success']:.4f},"
        f"{point['mean_return']:.3f}"
        for point in result.curves.to_dict("records")
    ]
    path = CURVES / f"{spec.agent.preset}-{spec.agent.algorithm.lower()}.csv"
    path.parent.mkdir(exist_ok=True)
    write_text(path, "\n".join([*(f"# {name}: {value}" for name, value in head.items()), COLUMNS, *rows]) + "\n")
    return path


def _seconds(folder: Path) -> dict[int, float]:
    """Return the seconds that training had taken at each point of the curve, as TensorBoard's files tell."""
    times: dict[int, float] = {}
    began = float("inf")
    for file in sorted(folder.glob("**/tensorboard/**/events.*")):
        events: Any = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
        began = min(began, events.FirstEventTimestamp())
        times |= {event.step: event.wall_time for event in events.Scalars("episodes/success")}
    return {step: time - began for step, time in times.items()}


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for run in sys.argv[1:]:
        print(main(Path(run)))
