"""Recorded logs of a servo become windows grouped by gain, and a fault is named by file and row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim2real import recordings
from sim2real.errors import RecordingError
from sim2real.evidence import Evidence
from sim2real.randomizers.least_squares import LeastSquares
from sim2real.recordings import servo
from sim2real.targets import RecordingTarget
from tests.support import servo_log

TRUTH = {"joint.friction": 0.03, "joint.load_friction": 0.1, "motor.delay": 0.008}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    for seed, gain in enumerate((100, 400)):
        servo_log.write(made, servo_log.log(TRUTH, gain, 3.2, seed), kp=gain)
    return made


@pytest.fixture(scope="module")
def real_data() -> Path:
    named = os.environ.get("SIM2REAL_DATA")
    if not named or not (Path(named) / servo.FILE).is_file():
        pytest.skip("SIM2REAL_DATA does not name a folder with the recorded servo")
    return Path(named)


def read(folder: Path) -> tuple[recordings.Recording, ...]:
    return servo.load(folder / servo.FILE)


def test_logs_become_windows_of_a_second_grouped_by_gain(folder: Path) -> None:
    loaded = read(folder)
    assert [each.name for each in loaded] == [
        f"sin_sin at gain {gain}, {start} s" for gain in (100, 400) for start in ("0.0", "1.0", "2.0")
    ]
    assert {each.group for each in loaded} == {"gain 100", "gain 400"}
    window = loaded[4]
    assert window.actions.shape == (184, 2)
    assert (window.actions[:, 1] == 400.0).all()
    assert window.times[0] == 0.0
    assert len(np.unique(np.diff(window.times).round(5))) > 5, "the clock of the recording, not an even one"
    np.testing.assert_array_equal(window.values["joint.position"][0], loaded[3].values["joint.position"][-1])
    assert window.start.commands is not None
    np.testing.assert_array_equal(window.start.commands, loaded[3].actions[-20:])


def test_the_rig_that_made_a_log_follows_it_within_steps_of_the_encoder(folder: Path) -> None:
    target = RecordingTarget("servo", fit=1, workers=0, folder=folder)
    summary = target.predict(TRUTH, rng()).summary(rng())
    target.close()
    assert summary["angle_error_rad"] < 4.0 * servo_log.ENCODER
    assert summary["stock_angle_error_rad"] > 10.0 * servo_log.ENCODER


def test_a_switched_off_servo_has_no_gain(tmp_path: Path) -> None:
    lines = servo_log.log({}, 400.0, 1.2)
    lines[20:] = [line.replace("True", "False") for line in lines[20:]]
    servo_log.write(tmp_path, lines)
    (window,) = read(tmp_path)
    assert (window.actions[:19, 1] == 400.0).all()
    assert (window.actions[19:, 1] == 0.0).all()


def _cell(row: int, column: int, value: str) -> Callable[[list[str]], None]:
    def damage(lines: list[str]) -> None:
        cells = lines[row - 1].split(",")
        cells[column] = value
        lines[row - 1] = ",".join(cells)

    return damage


def _five_rows_lost(lines: list[str]) -> None:
    del lines[39:44]


def _short(lines: list[str]) -> None:
    del lines[100:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cell(7, 0, "inf"), "row 7: 'position' must be a finite number, but is 'inf'"),
        (_cell(7, 6, ""), "row 7: 'goal_position' must be a finite number, but is ''"),
        (_cell(7, 5, "0.001"), "row 7: timestamp must increase, but 0.001 s follows"),
        (_cell(7, 7, "yes"), "row 7: 'torque_enable' must be True or False, but is 'yes'"),
        (_five_rows_lost, "row 40: samples must be at most 0.02 s apart"),
        (_short, "row 100: a log must have 185 rows"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, damage: Callable[[list[str]], None], message: str) -> None:
    lines = servo_log.log({}, 400.0, 1.2)
    damage(lines)
    path = servo_log.write(tmp_path, lines)
    with pytest.raises(RecordingError) as caught:
        read(tmp_path)
    assert str(caught.value).startswith(f"{path}, {message}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mass", 0.8, r"'mass' must be 0\.49 as in the rig, but is 0\.8"),
        ("motor", "mx64", "'motor' must be 'xl330'"),
        ("kp", 0, "'kp' must be a gain above 0, but is 0"),
        ("kp", None, "'kp' must be set"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, name: str, value: object, message: str) -> None:
    path = servo_log.write(tmp_path, servo_log.log({}, 400.0, 1.2))
    place = path.with_name(path.name.replace(".csv.gz", ".json"))
    settings = {**servo_log.SETTINGS, name: value}
    if value is None:
        del settings[name]
    place.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(RecordingError, match=rf"10h28m10\.json: {message}"):
        read(tmp_path)
    place.unlink()
    with pytest.raises(RecordingError, match=r"settings of a log must stand beside it.*data fetch servo"):
        read(tmp_path)


def test_nine_real_logs_have_three_gains_of_eighteen_windows(real_data: Path) -> None:
    loaded = recordings.load("servo", real_data)
    counts = {group: sum(each.group == group for each in loaded) for group in {each.group for each in loaded}}
    assert set(counts) >= {"gain 100", "gain 400", "gain 800"}
    assert {count % 6 for count in counts.values()} == {0}


def test_the_authors_values_predict_real_logs_less_well_than_load_dependent_friction(real_data: Path) -> None:
    target = RecordingTarget("servo", fit=1, split_seed=5, workers=0, folder=real_data)
    assert {episode.label.split(",")[0].split(" at ")[1] for episode in target.fit} == {"gain 400"}
    summary = target.predict(KNOWN, rng()).summary(rng())
    target.close()
    assert 0.08 < summary["stock_angle_error_rad"] < 0.13
    assert summary["angle_error_high_rad"] < summary["stock_angle_error_rad"]


KNOWN = {"joint.load_friction": 0.2}


@pytest.mark.slow
def test_what_is_fitted_at_one_real_gain_predicts_the_others_with_load_dependent_friction_alone(
    real_data: Path,
) -> None:
    errors = {}
    for model, added in (("coulomb-viscous", ()), ("load-dependent", LOAD)):
        target = RecordingTarget("servo", fit=["gain 400"], workers=2, folder=real_data)
        unknown = target.space.subset([*COULOMB_VISCOUS, *added])
        evidence = Evidence(0, target.collect(None, len(target.fit), rng()), (), target.offers, target.replay(unknown))
        learned = LeastSquares.create(unknown).update_from_evidence(evidence, rng()).describe().parameters
        summary = target.predict({name: each.mean for name, each in learned.items()}, rng()).summary(rng())
        target.close()
        errors[model] = summary
    for summary in errors.values():
        assert summary["n"] == 36
        assert 0.08 < summary["stock_angle_error_rad"] < 0.13  # the authors' values
    assert errors["load-dependent"]["angle_error_high_rad"] < errors["coulomb-viscous"]["angle_error_low_rad"]
    assert errors["load-dependent"]["angle_error_rad"] < 0.06


COULOMB_VISCOUS = (
    "motor.constant", "motor.resistance", "motor.armature", "joint.friction", "joint.damping", "joint.position_offset",
)  # fmt: skip
LOAD = ("motor.max_duty", "joint.load_friction", "joint.stribeck_load_friction")
