"""The figure of held-out error against the number of recordings learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim2real.report import wording
from sim2real.report.figures import draw
from sim2real.report.run import Run
from sim2real.report.style import Drawing

SIZES = (3, 10, 30)
METHODS = ("particles", "simopt")


def with_sizes(folder: Path, held_out: int | None = 334) -> Path:
    """Make of a finished run one that learns from several numbers of tosses by two methods."""
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    done = json.loads((folder / "pieces/cube_toss-tosses-particles-s0/done.json").read_text())
    target: dict[str, Any] = {"type": "recording", "data": "cube_toss", "split_seed": 0, "held_out": held_out}
    spec["methods"] = list(METHODS)
    spec["targets"] = {f"tosses_{size}": {**target, "fit": size} for size in SIZES}
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    for place, method in enumerate(METHODS):
        for size in SIZES:
            name = f"tosses_{size}"
            piece = folder / f"pieces/cube_toss-{name}-{method}-s0"
            piece.mkdir(parents=True)
            error = 12.0 + 6.0 * place + 20.0 / size
            errors = {
                "n": 351,
                "position_error_mm": error,
                "position_error_low_mm": error - 1.0,
                "position_error_high_mm": error + 1.5,
                "median_position_error_mm": error - 2.0,
                "stock_position_error_mm": 95.0,
            }
            found = {**done["result"]["identification"], "held_out": errors, "fitted_on": size}
            result = {**done["result"], "target": name, "method": method, "identification": found}
            (piece / "done.json").write_text(json.dumps({**done, "result": result}))
    return folder


def drawn(folder: Path) -> Drawing | None:
    found = [drawing for drawing in draw(Run(folder)) if drawing.name.startswith("error_by_fit_size")]
    assert len(found) <= 1
    return found[0] if found else None


def test_each_method_has_an_error_with_its_interval_at_each_number(identify_run: Path) -> None:
    drawing = drawn(with_sizes(identify_run))
    assert drawing is not None
    table = drawing.table.set_index(["method", "fit"])
    assert set(table.index) == {(method, size) for method in METHODS for size in SIZES}
    assert table.loc[("simopt", 10), "value"] == pytest.approx(20.0)
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    assert set(table["error"]) == {"position error [mm]"}
    lines = [line for line in drawing.figure.axes[0].get_lines() if len(line.get_xydata()) == len(SIZES)]  # type: ignore[arg-type]
    assert len(lines) == len(METHODS)


def test_it_says_whether_the_held_out_recordings_are_the_same(identify_run: Path) -> None:
    with_sizes(identify_run)
    drawing = drawn(identify_run)
    assert drawing is not None
    assert "are the same at every size" in drawing.caption


def test_it_says_when_the_held_out_recordings_differ(identify_run: Path) -> None:
    drawing = drawn(with_sizes(identify_run, held_out=None))
    assert drawing is not None
    assert "differ from size to size" in drawing.caption


def test_a_run_with_one_number_of_recordings_has_no_such_figure(finished_identify_run: Path) -> None:
    assert drawn(finished_identify_run) is None


def test_an_estimate_without_a_verdict_is_called_one(identify_run: Path) -> None:
    with_sizes(identify_run)
    for file in identify_run.glob("pieces/*-simopt-s0/done.json"):
        done = json.loads(file.read_text())
        for marginal in done["result"]["identification"]["parameters"].values():
            marginal["verdict"] = None
        file.write_text(json.dumps(done))
    sentences = wording.answer(Run(identify_run)).split("simopt on ")
    assert len(sentences) == 1 + len(SIZES)
    assert all("Estimated, without an uncertainty: object.friction" in each for each in sentences[1:])
    assert "90\u202f% interval" not in sentences[1].partition("Estimated")[2].partition("particles")[0]
