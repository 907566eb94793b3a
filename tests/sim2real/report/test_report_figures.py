from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2real.errors import RunFolderError
from sim2real.report.figures import draw
from sim2real.report.run import Run
from sim2real.report.style import TRUTH, Drawing


@pytest.fixture(scope="module")
def train_drawings(finished_train_run: Path) -> dict[str, Drawing]:
    return drawings_of(finished_train_run)


@pytest.fixture(scope="module")
def identify_drawings(finished_identify_run: Path) -> dict[str, Drawing]:
    return drawings_of(finished_identify_run)


def drawings_of(folder: Path) -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in draw(Run(folder))}


def summary_of(folder: Path) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    return dict(json.loads((folder / "summary.json").read_text()))


def test_a_training_run_has_all_its_figures(train_drawings: dict[str, Drawing]) -> None:
    assert list(train_drawings) == [
        "final_success",
        "success_per_round",
        "distributions",
        "joint_posterior_slippery_particles",
        "failure_modes",
        "learning_curves",
    ]


def test_an_identification_has_all_its_figures(identify_drawings: dict[str, Drawing]) -> None:
    assert list(identify_drawings) == [
        "joint_posterior_tosses_particles",
        "paths_from_above_tosses_particles",
        "motion_over_time_tosses_particles",
        "error_over_time_tosses_particles",
        "distributions",
    ]


def test_final_success_shows_the_numbers_of_the_summary(
    train_drawings: dict[str, Drawing], finished_train_run: Path
) -> None:
    drawing = train_drawings["final_success"]
    methods = summary_of(finished_train_run)["methods"]
    for row in drawing.table.to_dict("records"):
        expected = methods[row["method"]][row["side"]]
        assert {key: row[key] for key in ("k", "n", "rate", "low", "high")} == pytest.approx(expected)
    drawn = {float(line.get_xdata()[0]) for line in drawing.figure.axes[0].lines if line.get_marker() == "o"}  # type: ignore[index, arg-type]
    assert drawn == {methods[method]["real"]["rate"] for method in methods}


def test_rounds_pool_the_seeds_and_end_with_the_final_evaluation(
    train_drawings: dict[str, Drawing], finished_train_run: Path
) -> None:
    table = train_drawings["success_per_round"].table
    rounds = pd.read_csv(finished_train_run / "rounds.csv")
    first = rounds[(rounds["method"] == "particles") & (rounds["round"] == 0)]
    row = table[(table["method"] == "particles") & (table["round"] == "0") & (table["side"] == "real")].iloc[0]
    assert (row["k"], row["n"]) == (first["real_k"].sum(), 30)
    final = table[(table["method"] == "particles") & (table["round"] == "final") & (table["side"] == "real")].iloc[0]
    assert final["k"] == summary_of(finished_train_run)["methods"]["particles"]["real"]["k"]


def test_the_hidden_truth_is_marked_where_it_is_and_called_pseudo_real(
    train_drawings: dict[str, Drawing], finished_train_run: Path
) -> None:
    drawing = train_drawings["distributions"]
    truth = json.loads((finished_train_run / "pieces/PandaPush-v0-slippery-fixed-s0/truth.json").read_text())
    for axis, name in zip(drawing.figure.axes, ("object.friction", "actuator.delay", "object.mass"), strict=False):
        marks = [line.get_ydata() for line in axis.lines if line.get_color() == TRUTH]
        assert axis.get_title(loc="left").startswith(name)
        assert [float(mark[0]) for mark in marks] == [truth[name]]  # type: ignore[index, arg-type]
    assert "pseudo-real" in drawing.caption
    assert "hidden truth (pseudo-real)" in {text.get_text() for text in drawing.figure.legends[0].get_texts()}


def test_a_method_that_never_changes_has_one_column_and_one_that_learns_has_one_per_round(
    train_drawings: dict[str, Drawing],
) -> None:
    axis = train_drawings["distributions"].figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["", "", "0", "1", "2", ""]
    assert [text.get_text() for text in axis.texts] == ["fixed", "uniform", "particles", "oracle"]


def test_the_joint_posterior_shows_the_particles(train_drawings: dict[str, Drawing]) -> None:
    drawing = train_drawings["joint_posterior_slippery_particles"]
    below = drawing.figure.axes[3]  # second row, first column
    points = max(below.lines, key=lambda line: len(np.asarray(line.get_xdata())))
    friction, delay = np.asarray(points.get_xdata()), np.asarray(points.get_ydata())
    assert len(friction) == 400
    assert np.median(friction) < 0.35  # the truth is 0.1, the middle of the range 0.525
    assert delay.mean() == pytest.approx(0.08, abs=0.01)
    assert delay.std() < 0.03  # 0.043 over the whole range


def test_a_method_without_particles_is_drawn_from_the_class_that_wrote_its_state(train_run: Path) -> None:
    piece = train_run / "pieces" / "PandaPush-v0-slippery-uniform-s0" / "randomizer"
    data = json.loads((piece / "round-002.json").read_text())
    data["description"]["parameters"]["object.friction"]["verdict"] = "not identified"
    (piece / "round-002.json").write_text(json.dumps(data))
    drawing = drawings_of(train_run)["joint_posterior_slippery_uniform"]
    points = max(drawing.figure.axes[3].lines, key=lambda line: len(np.asarray(line.get_xdata())))
    assert len(np.asarray(points.get_xdata())) == 500
    assert "500 joint draws" in drawing.caption


def test_failure_shares_add_up(train_drawings: dict[str, Drawing], finished_train_run: Path) -> None:
    table = train_drawings["failure_modes"].table
    shares = table.groupby(["method", "side"])["share"].sum()
    assert len(shares) == 12
    assert shares.to_numpy() == pytest.approx(1.0)
    successes = table[(table["failure_mode"] == "none") & (table["side"] == "real")].set_index("method")["episodes"]
    assert successes["fixed"] == summary_of(finished_train_run)["methods"]["fixed"]["real"]["k"]


def test_learning_curves_join_warm_up_and_rounds(train_drawings: dict[str, Drawing]) -> None:
    drawing = train_drawings["learning_curves"]
    part = drawing.table[(drawing.table["method"] == "uniform") & (drawing.table["seed"] == 1)]
    offsets = part.groupby("training", sort=False)["offset"].first()
    assert list(offsets.index) == ["warm-up", "round-000", "round-001"]
    assert list(offsets) == [0, 148_000, 248_000]


def test_predictions_are_drawn_from_the_best_to_the_worst(identify_drawings: dict[str, Drawing]) -> None:
    drawing = identify_drawings["paths_from_above_tosses_particles"]
    titles = [axis.get_title(loc="left") for axis in drawing.figure.axes]
    errors = [float(title.split(": ")[1].split(" mm")[0]) for title in titles]
    assert len(titles) == 8
    assert errors == sorted(errors)
    assert all("stock" in title for title in titles)


def test_fitted_parameters_are_closer_than_stock_ones_in_the_error_figure(
    identify_drawings: dict[str, Drawing],
) -> None:
    table = identify_drawings["error_over_time_tosses_particles"].table.dropna()
    assert table["time_s"].max() > 0.5
    assert table["predicted_median_mm"].iloc[-1] < 50 < table["stock_median_mm"].iloc[-1]


def test_every_figure_is_saved_as_picture_and_numbers(train_drawings: dict[str, Drawing], tmp_path: Path) -> None:
    for name, drawing in train_drawings.items():
        drawing.save(tmp_path)
        picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        assert len(np.unique(picture[::4, ::4].reshape(-1, 3), axis=0)) > 10, name
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(drawing.table) > 0
        assert drawing.data_uri().startswith("data:image/svg+xml;base64,")


def test_drawing_twice_gives_the_same_picture(identify_run: Path) -> None:
    first, second = (drawings_of(identify_run) for _ in range(2))
    assert {name: drawing.data_uri() for name, drawing in first.items()} == {
        name: drawing.data_uri() for name, drawing in second.items()
    }


@pytest.mark.parametrize(
    ("missing", "absent"),
    [
        ("summary.json", set()),
        ("rounds.csv", {"success_per_round"}),
        ("episodes.parquet", {"failure_modes"}),
        ("pieces", {"final_success", "distributions", "joint_posterior_slippery_particles", "learning_curves"}),
    ],
)
def test_what_is_not_there_yet_is_left_out(
    train_run: Path, train_drawings: dict[str, Drawing], missing: str, absent: set[str]
) -> None:
    path = train_run / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert train_drawings.keys() - drawings_of(train_run).keys() == absent


def test_a_run_that_has_only_begun_has_no_figures(train_run: Path) -> None:
    for path in train_run.iterdir():
        if path.name != "spec.yaml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert drawings_of(train_run) == {}


def test_a_folder_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"it has no spec\.yaml"):
        Run(tmp_path)


def test_drawing_leaves_matplotlibs_global_state_alone() -> None:
    code = (
        "import sys, matplotlib, sim2real.report\n"
        "from sim2real.report.style import STYLE, panels, styled\n"
        "before = [matplotlib.rcParams[key] for key in STYLE]\n"
        "with styled(): panels(1, 1, 2, 2)[0].savefig('/dev/null', format='png')\n"
        "assert [matplotlib.rcParams[key] for key in STYLE] == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert not {'torch', 'pybullet', 'stable_baselines3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
