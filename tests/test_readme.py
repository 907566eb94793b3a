"""What the READMEs show in Python runs as it stands there."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def snippets(file: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("code", snippets("envs/README.md"))
def test_the_environments_are_used_as_their_readme_says(code: str) -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "envs/README.md", "exec"), names)
    if "train" in names:  # what learns is run, but not for minutes
        names["train"](
            **({"steps": 700} if "steps" in inspect.signature(names["train"]).parameters else {"updates": 1})
        )


def test_the_readme_of_the_environments_shows_at_least_five_ways_of_using_them() -> None:
    code = "\n".join(snippets("envs/README.md"))
    for way in ("gymnasium.make(", "make_vec(", "HerReplayBuffer", "VectorWorlds(", "RandomizeOnReset("):
        assert way in code


def test_the_tables_of_the_environments_are_what_the_environments_are() -> None:
    text = (ROOT / "envs" / "README.md").read_text()
    assert env_tables().written(text) == text, "run: python scripts/env_tables.py"


def env_tables() -> Any:
    """Return the script that writes the tables."""
    spec = importlib.util.spec_from_file_location("env_tables", ROOT / "scripts" / "env_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_environment_is_randomized_and_read_back_as_the_readme_says() -> None:
    (code,) = (snippet for snippet in snippets("README.md") if "applied_domain" in snippet)
    names: dict[str, object] = {}
    exec(compile(code + "\napplied = env.unwrapped.applied_domain()\nenv.close()", "README.md", "exec"), names)
    applied = names["applied"]
    assert isinstance(applied, dict)
    assert (applied["object.friction"], applied["actuator.delay"]) == (0.2, 0.05)


def test_the_experiment_in_the_readme_is_a_valid_one(tmp_path: Path) -> None:
    from sim2real.experiment.spec import load_spec

    (code,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    file = tmp_path / "experiment.yaml"
    file.write_text(code)
    assert [method.label for method in load_spec(file).methods] == ["fixed", "uniform", "particles"]
