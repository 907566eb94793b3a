"""Check a wheel: everything of both packages is inside, nothing else is, and it works outside of the checkout.

Usage: python scripts/verify_wheel.py WHEEL VENV

VENV holds the wheel and nothing else; the dependencies are taken from the interpreter that runs this.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = {"sim2real": CHECKOUT / "sim2real", "sim2real_envs": CHECKOUT / "envs" / "sim2real_envs"}
IMPORTS = """
import importlib, sys
from pathlib import Path
for name in ("sim2real", "sim2real_envs", "sim2real.cli", "sim2real.experiment.spec"):
    place = Path(importlib.import_module(name).__file__).resolve()
    if not place.is_relative_to(Path(sys.prefix).resolve()):
        sys.exit(f"{name} was imported from {place}, not from the wheel")
import sim2real_envs
env = sim2real_envs.make("PandaPush-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
env.close()
"""


def main(wheel: Path, venv: Path) -> None:
    """Exit with a message unless the wheel is right."""
    _check_contents(wheel)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    # A path named in a .pth file is searched after the wheel, and the editable installation there is not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with tempfile.TemporaryDirectory() as elsewhere:
        subprocess.run([venv / "bin" / "python", "-c", IMPORTS], cwd=elsewhere, check=True)
        subprocess.run([venv / "bin" / "sim2real", "--version"], cwd=elsewhere, check=True)
        subprocess.run([venv / "bin" / "sim2real", "schema"], cwd=elsewhere, check=True, stdout=subprocess.DEVNULL)
    print(f"{wheel.name} holds both packages and works outside of the checkout.")


def _check_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in _files(folder)
    }
    if missing := sorted(wanted - names):
        sys.exit(f"{wheel.name} lacks: {', '.join(missing)}")
    for package in PACKAGES:
        if f"{package}/py.typed" not in names:
            sys.exit(f"{wheel.name} lacks {package}/py.typed")
    foreign = sorted(name for name in names if name.split("/")[0] not in PACKAGES and ".dist-info/" not in name)
    if foreign:
        sys.exit(f"{wheel.name} holds what it should not: {', '.join(foreign)}")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
