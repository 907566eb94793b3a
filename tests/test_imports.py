"""Who may import what, seen from the source and from fresh processes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLKIT, ENVS = ROOT / "sim2real", ROOT / "envs" / "sim2real_envs"
LEARNING = {"torch", "stable_baselines3", "sb3_contrib"}
ENGINES = {"pybullet", "pybullet_data", "pybullet_utils", "mujoco"}


def sources() -> list[Path]:
    return sorted([*TOOLKIT.rglob("*.py"), *ENVS.rglob("*.py")])


def imported(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the top-level package of every import statement, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node


def importers(packages: set[str]) -> set[str]:
    """Return the files that import one of the packages, as paths from the checkout."""
    return {
        file.relative_to(ROOT).as_posix()
        for file in sources()
        if packages & {name for name, _ in imported(ast.parse(file.read_text(encoding="utf-8")))}
    }


def loaded_after(code: str) -> set[str]:
    """Return the modules that are loaded in a fresh process after ``code``."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split())


# -- In the source -----------------------------------------------------------------------------------------------


def test_learning_libraries_are_imported_in_the_training_room_and_the_converters_alone() -> None:
    found = importers(LEARNING)
    assert found, "the search must find what it looks for"
    assert [name for name in found if not name.startswith(("sim2real/training/", "sim2real/recordings/convert/"))] == []


def test_converters_import_torch_inside_a_function() -> None:
    for file in sorted((TOOLKIT / "recordings" / "convert").glob("*.py")):
        at_top = ast.Module([node for node in ast.parse(file.read_text()).body if not _is_definition(node)], [])
        assert not LEARNING & {name for name, _ in imported(at_top)}, file


def _is_definition(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def test_engines_are_imported_in_the_backends_alone() -> None:
    found = importers(ENGINES)
    assert found
    assert [name for name in found if not name.startswith("envs/sim2real_envs/backends/")] == []


def test_the_environments_never_import_the_toolkit() -> None:
    assert [name for name in importers({"sim2real"}) if name.startswith("envs/")] == []
    assert importers({"sim2real_envs"}) - {name for name in importers({"sim2real_envs"}) if name.startswith("envs/")}


def test_the_environments_import_numpy_and_gymnasium_and_nothing_else_but_engines() -> None:
    allowed = {*sys.stdlib_module_names, "sim2real_envs", "numpy", "gymnasium", *ENGINES}
    for file in sorted(ENVS.rglob("*.py")):
        foreign = {name for name, _ in imported(ast.parse(file.read_text(encoding="utf-8")))} - allowed
        assert not foreign, f"{file.relative_to(ROOT)} imports {', '.join(sorted(foreign))}"


# -- In a fresh process ------------------------------------------------------------------------------------------


def test_importing_the_environments_loads_no_engine_and_no_learning_library() -> None:
    heavy = LEARNING | ENGINES | {"sim2real", "pandas", "scipy", "matplotlib", "pydantic", "rich", "typer"}
    assert not heavy & loaded_after("import sim2real_envs")


def test_importing_the_toolkit_loads_no_engine_and_no_learning_library() -> None:
    assert not (LEARNING | ENGINES) & loaded_after("import sim2real")


def test_reading_an_experiment_loads_no_learning_library() -> None:
    code = f"import sim2real; sim2real.load_spec({str(ROOT / 'experiments' / 'quickstart.yaml')!r})"
    assert not LEARNING & loaded_after(code)


def test_importing_the_environments_takes_less_than_half_a_second() -> None:
    """Best of three in processor time, which does not count what else the machine is doing."""

    def seconds() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-c", "import sim2real_envs"], check=True, timeout=60)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("name", ["sim2real", "sim2real_envs"])
def test_everything_that_a_package_names_is_there(name: str) -> None:
    code = f"import {name} as package\nfor name in package.__all__: getattr(package, name)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


@pytest.mark.slow
def test_every_module_can_be_imported_by_itself() -> None:
    """A circle of imports shows only where the module comes first that happens to close it."""
    for base, package in ((ROOT, TOOLKIT), (ROOT / "envs", ENVS)):
        for file in sorted(package.rglob("*.py")):
            name = ".".join(file.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
            done = subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
