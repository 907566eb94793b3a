"""The README of a bundle: what each file is and how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

USES = {
    "policy/run_policy.py": "cd policy && python run_policy.py   # NumPy alone; prints the largest difference",
    "policy/policy.onnx": "onnxruntime.InferenceSession('policy/policy.onnx').run(None, {'observation': x[None]})",
    "domain.yaml": "paste its `parameters:` or `targets:` into an experiment; `sim2real run` takes it as it is",
    "robot/scene.xml": "python -m mujoco.viewer --mjcf=robot/scene.xml",
}


def guide(
    piece: str, origin: Mapping[str, Any], files: Mapping[str, str], checks: Sequence[str], notes: Sequence[str]
) -> str:
    """Return the text.

    Args:
        piece: The piece.
        origin: Experiment, run, target, method and seed.
        files: What each file is.
        checks: What was checked, one sentence each.
        notes: What could not be exported, one sentence each.
    """
    lines = [
        f"# {piece}",
        "",
        f"From run `{origin['run']}` of the experiment `{origin['experiment']}`: method {origin['method']}, "
        f"{origin['target_kind']} target {origin['target']}, seed {origin['seed']}. SI units throughout.",
        "`manifest.json` has the SHA-256 of every file and the versions that made them.",
        "",
        *(f"- `{name}`: {what}" for name, what in files.items()),
        "",
        "```bash",
        *(use for name, use in USES.items() if name in files and not use.startswith(("paste", "onnx"))),
        "```",
    ]
    lines += [f"\n`{name}`: {use}" for name, use in USES.items() if name in files and use.startswith(("paste", "onnx"))]
    lines += [
        "",
        "## Checked",
        "",
        *(f"- {check}" for check in checks or ["nothing here can be checked by running it"]),
    ]
    lines += ["", "## Not exported", "", *(f"- {note}" for note in notes or ["nothing was left out"])]
    return "\n".join(lines) + "\n"
