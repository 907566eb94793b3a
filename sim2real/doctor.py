"""What a machine has and lacks for experiments, each with what to do about it.

Engines and learning libraries are tried in a process of their own: a broken
installation may crash, and then this must still be able to say so.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

PROBE_TIMEOUT_S = 120
_TORCH_PROBE = "import torch; print(torch.__version__, torch.get_num_threads())"
_RENDER_PROBE = (
    "import sim2real_envs; env = sim2real_envs.make('PandaPush-v0', render_mode='rgb_array'); env.reset(seed=0); "
    "picture = env.render(); env.close(); print(*picture.shape, int(picture.max()) - int(picture.min()))"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Args:
        what: What was looked for.
        state: ``"ok"``; ``"missing"``: experiments run, but something does not; ``"broken"``: experiments do not run.
        found: What was found.
        remedy: What to do; empty where all is well.
    """

    what: str
    state: Literal["ok", "missing", "broken"]
    found: str
    remedy: str = ""


def examine(output: Path) -> tuple[Finding, ...]:
    """Look at Python, dependencies, processors, data, tools, the output folder and the engine.

    Args:
        output: Where run folders would go; it is not created.
    """
    return (
        _python(),
        *_dependencies(),
        _processors(),
        _torch(),
        _engine(),
        _writable(output),
        *_data(),
        _tool("git", "`sim2real data fetch` needs it to bring recordings: install git"),
        _ffmpeg(),
        *_optional(),
    )


def _python() -> Finding:
    found = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    if sys.version_info[:2] == (3, 11):
        return Finding("Python", "ok", found)
    remedy = "tested with 3.11 alone; PyBullet has no wheels beyond it, newer Pythons compile it from source"
    return Finding("Python", "missing", found, remedy)


def _dependencies() -> Iterator[Finding]:
    """Yield one finding for every package that the base installation asks for."""
    try:
        requirements = metadata.requires("sim2real") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "sim2real", "broken", "not installed", "run `make install`, or `pip install -e .` in the checkout"
        )
        return
    for requirement in requirements:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match is None or "extra ==" in requirement:
            continue
        name = match.group()
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "broken", "not installed", f"pip install -c constraints.txt {name}")


def _processors() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if usable >= 2:
        return Finding("processor cores", "ok", str(usable))
    return Finding("processor cores", "missing", str(usable), "training is tuned for two or more; one takes longer")


def _torch() -> Finding:
    words, problem = _probe(_TORCH_PROBE)
    if len(words) != 2:
        return Finding("torch", "broken", problem, "the README says how to install torch's CPU build")
    return Finding("torch starts", "ok", f"{words[0]}, {words[1]} threads by default, 1 while collecting")


def _engine() -> Finding:
    words, problem = _probe(_RENDER_PROBE)
    if len(words) != 4 or int(words[3]) == 0:
        found = problem if len(words) != 4 else "an empty picture"
        return Finding(
            "PandaPush-v0 renders", "broken", found, "reinstall pybullet: pip install --force-reinstall pybullet"
        )
    return Finding("PandaPush-v0 renders", "ok", f"{words[1]} x {words[0]} pixels")


def _writable(output: Path) -> Finding:
    what = f"output folder {output}"
    place = output.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(what, "broken", error.strerror or str(error), "choose another with --output DIR")
    return Finding(what, "ok", "writable" if output.exists() else "can be made")


def _data() -> Iterator[Finding]:
    """Yield one finding for every data set of recordings."""
    from sim2real.recordings.data_sets import FOLDER_VARIABLE, status

    for entry in status():
        what = f"recordings {entry.data_set.name}"
        if entry.present:
            yield Finding(what, "ok", str(entry.path))
        else:
            remedy = f"`sim2real data fetch {entry.data_set.command_name}` brings them, or set {FOLDER_VARIABLE}"
            yield Finding(what, "missing", f"not in {entry.path.parent}", remedy)


def _tool(name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, "ok", path) if path else Finding(name, "missing", "not found", remedy)


def _ffmpeg() -> Finding:
    try:
        import imageio_ffmpeg

        return Finding("ffmpeg", "ok", str(imageio_ffmpeg.get_ffmpeg_exe()))
    except (ImportError, RuntimeError) as error:
        return Finding("ffmpeg", "missing", str(error), "videos need it: pip install 'imageio[ffmpeg]'")


def _optional() -> Iterator[Finding]:
    """Yield one finding for every package of an extra: its module, its name, and what is not there without it."""
    for module, package, extra, purpose in (
        ("mujoco", "mujoco", "mujoco", "targets of type mujoco and backend='mujoco' need it"),
        ("onnx", "onnx", "export", "`sim2real export` writes no ONNX without it"),
        ("onnxruntime", "onnxruntime", "export", "`sim2real export` checks no ONNX without it"),
        ("minari", "minari", "minari", "`sim2real data convert --to minari` needs it"),
        ("SALib", "SALib", "sensitivity", "`sim2real sensitivity` needs it"),
        ("panda_gym", "panda-gym", "dev", "only `sim2real bench` compares with it"),
    ):
        if importlib.util.find_spec(module) is not None:
            yield Finding(package, "ok", metadata.version(package))
        else:
            yield Finding(package, "missing", "not installed", f"{purpose}: pip install 'sim2real[{extra}]'")


def _probe(code: str) -> tuple[list[str], str]:
    """Run code in a process of its own; return the words it printed, or how it failed."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [], f"no answer within {PROBE_TIMEOUT_S} s"
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return [], last[0]
    lines = done.stdout.strip().splitlines()
    return (lines[-1].split() if lines else []), "no output"
