"""The files around the code: versions agree, pins are pins, targets do something, set-up says what it misses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TASKS = ROOT / "scripts" / "tasks"
TARGETS = (
    "install",
    "quickstart",
    "test",
    "test-envs",
    "test-robots",
    "test-slow",
    "check",
    "notebooks",
    "build",
    "clean",
)


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def package_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def test_the_version_is_the_same_everywhere(pyproject: dict[str, Any]) -> None:
    version = pyproject["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert citation["license"] == pyproject["project"]["license"] == "MIT"
    headings = re.findall(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version in headings


def test_constraints_hold_exact_versions_and_nothing_of_a_machine() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line


def test_every_direct_dependency_is_pinned_and_allowed_by_its_range(pyproject: dict[str, Any]) -> None:
    from packaging.requirements import Requirement

    project = pyproject["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    found = pins()
    for requirement in map(Requirement, wanted):
        version = found.get(package_name(requirement.name))
        assert version is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(version), f"{requirement} does not allow {version}"


def test_both_packages_go_into_the_wheel(pyproject: dict[str, Any]) -> None:
    assert pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["sim2real", "envs/sim2real_envs"]
    for package in ("sim2real", "envs/sim2real_envs"):
        assert (ROOT / package / "py.typed").exists()
    assert not (ROOT / "envs" / "__init__.py").exists(), "a package called envs collides with other people's code"


def test_make_and_the_script_behind_it_have_the_same_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) == {"help", *TARGETS}
    for target in TARGETS:
        assert f"scripts/tasks {target}\n" in makefile
        assert re.search(rf"^  {target}\) ", TASKS.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("script", ["scripts/tasks", ".ci/run"])
def test_scripts_can_be_run_and_are_valid(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_an_unknown_task_is_refused_with_those_that_exist() -> None:
    done = subprocess.run([TASKS, "tset"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "install|quickstart|test|" in done.stderr


@pytest.mark.parametrize("target", ["quickstart", "test"])
def test_without_python_3_11_set_up_says_so_and_changes_nothing(tmp_path: Path, target: str) -> None:
    """A checkout on a machine whose only Python is another one."""
    checkout, tools = tmp_path / "checkout", tmp_path / "bin"
    (checkout / "scripts").mkdir(parents=True)
    tools.mkdir()
    for file in ("scripts/tasks", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, checkout / file)
    for name in ("python3", "python"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")  # what `sys.exit(sys.version_info[:2] != (3, 11))` does there
        (tools / name).chmod(0o755)
    for tool in ("bash", "dirname", "cat", "cksum"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    environment = {"PATH": str(tools), "HOME": str(tmp_path)}
    done = subprocess.run(
        [checkout / "scripts" / "tasks", target], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 is needed, and was not found")
    assert "PyBullet has no wheels for newer versions" in done.stderr
    assert not (checkout / ".venv").exists()


def test_set_up_is_not_repeated_while_its_stamp_holds(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for file in ("scripts/tasks", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, tmp_path / file)
    log, bin_folder = tmp_path / "log", tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").write_text(f'#!/bin/sh\ncase "$*" in *pip*) echo "$*" >> {log};; esac\n')
    (bin_folder / "python").chmod(0o755)

    def install() -> int:
        subprocess.run([tmp_path / "scripts" / "tasks", "install"], check=True, capture_output=True)
        return len(log.read_text().splitlines())

    assert install() == 1
    assert install() == 1
    assert "--constraint constraints.txt --editable .[dev]" in log.read_text()
    with (tmp_path / "constraints.txt").open("a") as constraints:
        constraints.write("# changed\n")
    assert install() == 2


def test_every_experiment_that_ships_says_what_it_is_for() -> None:
    for file in sorted((ROOT / "experiments").glob("*.yaml")):
        assert file.read_text(encoding="utf-8").startswith("# "), file.name


@pytest.mark.parametrize("failing", ["", "check"])
def test_ci_runs_every_target_without_make_and_ends_with_what_was_skipped(tmp_path: Path, failing: str) -> None:
    checkout, tools = tmp_path / "checkout", tmp_path / "bin"
    for folder in (checkout / "scripts", checkout / ".ci", tools):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    (checkout / "scripts" / "tasks").write_text(f'#!/bin/sh\necho "ran $1"\n[ "$1" != "{failing}" ]\n')
    (checkout / "scripts" / "tasks").chmod(0o755)
    for tool in ("bash", "sh", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run(
        [checkout / ".ci" / "run"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert re.findall(r"^ran (\S+)", done.stdout, re.MULTILINE) == [
        "check",
        "build",
        "test",
        "test-envs",
        "test-robots",
    ]
    skipped = done.stdout.partition("Skipped:\n")[2]
    for what in ("tests on real recordings", "sim2real data fetch", "make itself", "notebooks", "slow tests"):
        assert what in skipped
    if failing:
        assert done.returncode == 1
        assert done.stdout.endswith("Failed: check\n")
    else:
        assert done.returncode == 0, done.stderr
        assert re.search(r"Passed in \d+ min \d+ s\.\n$", done.stdout)


def test_ci_finds_recordings_beside_the_checkout(tmp_path: Path) -> None:
    checkout, recordings = tmp_path / "checkout", tmp_path / "shared" / "realdata"
    for folder in (checkout / "scripts", checkout / ".ci", recordings):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    for name in ("scripts/tasks", "make"):
        (checkout / name).write_text('#!/bin/sh\necho "data in $SIM2REAL_DATA"\n')
        (checkout / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "SIM2REAL_DATA"}
    environment["PATH"] = f"{checkout}:{environment['PATH']}"
    done = subprocess.run([checkout / ".ci" / "run"], env=environment, capture_output=True, text=True, check=True)
    assert f"data in {recordings}\n" in done.stdout
    assert "real recordings" not in done.stdout
