"""docs/methods.md shows every method as it is, and an example of one's own that runs as it stands there."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim2real.evidence import Need
from sim2real.experiment.spec import load_spec
from sim2real.launch import run
from sim2real.randomizers import METHODS, resolve
from sim2real.testing import SLIDE_SPACE
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PAGE = (ROOT / "docs" / "methods.md").read_text()
SAID = {
    Need.NOTHING: "nothing",
    Need.OUTCOMES: "outcomes",
    Need.TRAJECTORIES: "trajectories",
    Need.STATES: "states",
}


def tables() -> Any:
    """Return the script that writes the tables."""
    spec = importlib.util.spec_from_file_location("method_tables", ROOT / "scripts" / "method_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(method: str) -> str:
    """Return what the page says of one method."""
    found = re.search(rf"^## `{method}`\n(.*?)(?=^## )", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found is not None, f"the page has no section '## `{method}`'"
    return found[1]


def test_the_options_and_examples_are_what_the_code_has() -> None:
    assert tables().written(PAGE) == PAGE, "run: python scripts/method_tables.py"


def test_the_page_has_a_section_for_every_method_and_for_no_other() -> None:
    assert sorted(re.findall(r"^## `(\w+)`$", PAGE, flags=re.MULTILINE)) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_s_options_stand_there_with_their_defaults(method: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", section(method), flags=re.MULTILINE))
    shown = {name: yaml.safe_load(text) for name, text in rows.items()}
    kind = resolve(method)
    if kind.needs_truth or not shown:
        assert "No options." in section(method)
        return
    plain = kind.create(SLIDE_SPACE)
    assert kind.create(SLIDE_SPACE, **shown) == plain
    options = plain.to_dict().get("options")
    if isinstance(options, dict):
        assert shown == options, "every option, and no other"


@pytest.mark.parametrize("method", METHODS)
def test_a_method_s_row_says_what_it_needs(method: str) -> None:
    row = re.search(rf"^\| \[`{method}`\]\(#{method}\) \| (.*?) \|", PAGE, flags=re.MULTILINE)
    assert row is not None, f"the table has no row for {method}"
    kind = resolve(method)
    assert row[1] == ("the truth" if kind.needs_truth else SAID[kind.needs])


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(- .*?)```", PAGE, flags=re.DOTALL))
def test_a_line_of_yaml_on_the_page_is_a_valid_entry(block: str) -> None:
    assert toy(methods=yaml.safe_load(block)).methods


@pytest.fixture
def beside_the_example(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(EXAMPLES)
    yield
    sys.modules.pop("rejection", None)


def test_the_example_keeps_what_every_randomizer_promises(beside_the_example: None) -> None:
    spec = importlib.util.spec_from_file_location("test_rejection", EXAMPLES / "test_rejection.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    contract = module.TestRejection()
    checks = [name for name in dir(contract) if name.startswith("test_")]
    assert len(checks) >= 15
    for name in checks:
        getattr(contract, name)()


def test_the_example_is_named_in_an_experiment_by_its_import_path(beside_the_example: None, tmp_path: Path) -> None:
    spec = load_spec(EXAMPLES / "rejection.yaml")
    assert [entry.label for entry in spec.methods] == ["uniform", "Rejection"]
    entry = {"method": "rejection:Rejection", **spec.methods[1].options}
    result = run(toy(methods=["uniform", entry]), output=tmp_path, trainer=GainSearch(), report=False)
    found = result.summary["methods"]["Rejection"]
    assert found["real_episodes_used"] == 6
    (folder,) = (result.folder / "pieces").glob("*-Rejection-s0")
    learned = json.loads((folder / "randomizer" / "round-001.json").read_text())
    delay = learned["description"]["parameters"]["actuator.delay"]
    first, last = delay["quantiles"][0], delay["quantiles"][-1]
    assert last - first < 0.5 * 0.2, "the box has become narrower than half of the range"
    assert first <= 0.12 <= last, "and holds the truth"
