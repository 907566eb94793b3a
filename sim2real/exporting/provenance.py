"""Where a bundle comes from and what is in it: ``manifest.json``."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from sim2real.errors import RunFolderError
from sim2real.experiment.files import read_json
from sim2real.experiment.manifest import versions
from sim2real.report.run import Piece, Run

KIND, SCHEMA = "sim2real bundle", 1
MANIFEST = "manifest.json"


def origin_of(run: Run, piece: Piece) -> dict[str, Any]:
    """Return where a bundle comes from, without anything of the machine."""
    made = run.manifest
    return {
        "experiment": run.name,
        "run": run.folder.resolve().name,
        "env": piece.env,
        "target": piece.target,
        "target_kind": run.targets[piece.target],
        "method": piece.method,
        "seed": piece.seed,
        "run_versions": made.get("versions"),
        "run_commit": (made.get("git") or {}).get("commit"),
        "result": read_json(piece.folder / "done.json")["result"],
    }


def bundle_manifest(run: Run, piece: Piece, folder: Path, notes: Sequence[str]) -> dict[str, Any]:
    """Return the manifest: origin, versions, what is missing, and the SHA-256 of every file in ``folder``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "from": origin_of(run, piece),
        "exported_with": versions() | _extras(),
        "not_exported": list(notes),
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in contents.items()
        },
    }


def _extras() -> dict[str, str]:
    """Return the versions of the optional packages that wrote or checked files."""
    found = {}
    for package in ("onnx", "onnxruntime", "mujoco"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def is_bundle(folder: Path) -> bool:
    """Return whether ``folder`` is a bundle, which may be replaced by a newer one."""
    try:
        found = read_json(folder / MANIFEST)
    except RunFolderError:
        return False
    return isinstance(found, dict) and found.get("kind") == KIND
