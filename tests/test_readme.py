"""What the READMEs show in Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def snippets(file: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("code", snippets("envs/README.md"))
def test_the_environments_are_used_as_their_readme_says(code: str) -> None:
    exec(compile(code, "envs/README.md", "exec"), {})


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
