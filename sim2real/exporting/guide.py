"""The README of a bundle: what each file is and how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

USES = {
    "policy/run_policy.py": ("bash", "python policy/run_policy.py   # repeats the logged actions with NumPy alone"),
    "policy/policy.npz": (
        "python",
        "import sys\n\nsys.path.insert(0, 'policy')\nfrom run_policy import load\n\n"
        "action = load()(observation)   # what the numbers are: policy/schema.json",
    ),
    "policy/policy.onnx": (
        "python",
        "import onnxruntime\n\nsession = onnxruntime.InferenceSession('policy/policy.onnx')\n"
        "(actions,) = session.run(['action'], {'observation': observation[None]})",
    ),
    "robot/scene.xml": ("bash", "python -m mujoco.viewer --mjcf=robot/scene.xml"),
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
    ]
    for name, (language, text) in USES.items():
        if name in files:
            lines += ["", f"```{language}", text, "```"]
    lines += [
        "",
        "## Checked",
        "",
        *(f"- {check}" for check in checks or ["nothing here can be checked by running it"]),
    ]
    lines += ["", "## Not exported", "", *(f"- {note}" for note in notes or ["nothing was left out"])]
    return "\n".join(lines) + "\n"
