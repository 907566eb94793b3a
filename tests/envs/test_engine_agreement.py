"""PyBullet and MuJoCo agree with closed forms and with each other, as far as envs/README.md says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mujoco")
ROOT = Path(__file__).parents[2]


def engine_agreement() -> Any:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("engine_agreement", ROOT / "scripts" / "engine_agreement.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["engine_agreement"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


SCRIPT = engine_agreement()
ROWS = SCRIPT.rows()
README = (ROOT / "envs" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_both_engines_agree(row: Any) -> None:
    if row.tolerance is None:
        assert row.worst > 20.0, "The table says that the engines differ here: give it a tolerance."
    else:
        assert row.worst <= row.tolerance


def test_the_readme_has_every_row_of_the_table() -> None:
    table = README.split("<!-- begin engines -->")[1].split("<!-- end engines -->")[0].strip().splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == [f"| {row.what}" for row in ROWS]
    assert len(README.split("<!-- begin experts -->")[1].split("<!-- end experts -->")[0].strip().splitlines()) == 14
