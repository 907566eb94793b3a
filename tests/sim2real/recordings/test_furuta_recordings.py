"""Recorded rollouts of a rotary pendulum become windows that a rig can replay, and a fault is named by file and row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sim2real import recordings
from sim2real.errors import RecordingError
from sim2real.evidence import Evidence
from sim2real.randomizers.least_squares import LeastSquares
from sim2real.recordings import furuta
from sim2real.targets import RecordingTarget
from sim2real_envs.rigs.furuta import FurutaRig
from sim2real_envs.state import WorldState
from tests.support import pendulum

TRUTH = {"motor.delay": 0.006, "cable.stiffness": 1e-3, "cable.offset": -0.4, "arm.mass": 0.13, "pole.damping": 1e-5}
LATER = "qq_chrip_10to0Hz_p1.5V_250Hz_10s__2021-04-14_18-54-23"
SWING_UP = "qq-su_ectrl_250Hz_5s__2021-04-14_18-34-53"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    pendulum.write(made, pendulum.rollout(TRUTH, 2.0))
    pendulum.write(made, pendulum.rollout(TRUTH, 2.1, seed=1), LATER)
    pendulum.write(made, pendulum.rollout(TRUTH, 1.0, seed=2), SWING_UP)
    return made


@pytest.fixture(scope="module")
def real_data() -> Path:
    named = os.environ.get("SIM2REAL_DATA")
    if not named or not (Path(named) / furuta.FILE).is_file():
        pytest.skip("SIM2REAL_DATA does not name a folder with the recorded rotary pendulum")
    return Path(named)


def test_rollouts_become_windows_of_half_a_second_grouped_by_rollout(folder: Path) -> None:
    loaded = recordings.load("furuta", folder)
    assert [each.name for each in loaded][:5] == [
        *(f"chirp 18:53:40, {start} s" for start in ("0.0", "0.5", "1.0", "1.5")),
        "chirp 18:54:23, 0.0 s",
    ]
    assert [each.group for each in loaded].count("chirp 18:54:23") == 4  # the last tenth of a second is no window
    assert [each.name for each in loaded][-2:] == ["swing-up 18:34:53, 0.0 s", "swing-up 18:34:53, 0.5 s"]
    assert len({each.motion for each in loaded}) == len(loaded) == 10
    window = loaded[1]
    assert window.actions.shape == (125, 1)
    assert window.values["joint.position"].shape == (126, 2)
    np.testing.assert_array_equal(window.values["joint.position"][0], loaded[0].values["joint.position"][-1])
    assert loaded[3].values["joint.position"].shape == (125, 2)  # without the last sample, which was read late
    assert window.start.commands is not None
    np.testing.assert_array_equal(window.start.commands, loaded[0].actions[-25:])


def test_the_chirps_can_be_had_alone(folder: Path) -> None:
    loaded = recordings.load("furuta-chirps", folder)
    assert {each.group for each in loaded} == {"chirp 18:53:40", "chirp 18:54:23"}


def test_a_start_is_known_within_a_step_of_the_encoder(folder: Path) -> None:
    rig = FurutaRig()
    whole = [each for each in recordings.load("furuta", folder) if each.group == "chirp 18:53:40"]
    start = WorldState({"joint.position": np.zeros(2), "joint.velocity": np.zeros(2)}, commands=np.zeros((1, 1)))
    actions = np.concatenate([each.actions for each in whole])  # but for the last
    times = np.arange(len(actions) + 1) / 250.0
    true = rig.simulate(TRUTH, start, actions, times).values
    for number, window in enumerate(whole[1:], start=1):
        at = 125 * number
        position, velocity = (window.start.values[f"joint.{what}"] for what in ("position", "velocity"))
        np.testing.assert_allclose(position, true["joint.position"][at], atol=pendulum.ENCODER)
        np.testing.assert_allclose(velocity, true["joint.velocity"][at], atol=0.3)
        assert (window.start.spread["joint.velocity"] < 0.3).all()


def _cell(row: int, column: int, value: str) -> Callable[[list[str]], None]:
    def damage(lines: list[str]) -> None:
        cells = lines[row - 1].split(",")
        cells[column] = value
        lines[row - 1] = ",".join(cells)

    return damage


def _without_column(lines: list[str]) -> None:
    lines[0] = lines[0].replace("alpha,", "beta,", 1)


def _short(lines: list[str]) -> None:
    del lines[100:]


def _half_a_row(lines: list[str]) -> None:
    lines[40] = lines[40][:12]


def _row_lost(lines: list[str]) -> None:
    del lines[40]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cell(7, 1, "nan"), "row 7: 'theta' must be a finite number, but is 'nan'. Correct that cell"),
        (_cell(7, 2, "broken"), "row 7: 'alpha' must be a finite number, but is 'broken'"),
        (_cell(7, 6, ""), "row 7: 'volt_applied' must be a finite number, but is ''"),
        (_cell(7, 0, "0"), "row 7: t must increase, but 0 s follows 0.016 s"),
        (_row_lost, "row 41: samples must be 0.004 s apart, but t goes on by 0.008 s"),
        (_without_column, "row 1: 'alpha' must be among the columns"),
        (_short, "row 100: a rollout must have 126 rows"),
        (_half_a_row, "row 41: must have 7 cells like the first line"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, damage: Callable[[list[str]], None], message: str) -> None:
    lines = pendulum.rollout({}, 0.6)
    damage(lines)
    path = pendulum.write(tmp_path, lines)
    with pytest.raises(RecordingError) as caught:
        recordings.load("furuta", tmp_path)
    assert str(caught.value).startswith(f"{path}, {message}")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, share: float) -> None:
    path = pendulum.write(tmp_path, pendulum.rollout({}, 0.6))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RecordingError, match=r"furuta_quanser/qq_chrip.*(cut off|among the columns)"):
        recordings.load("furuta", tmp_path)


@pytest.fixture(scope="module")
def real_target(real_data: Path) -> Iterator[RecordingTarget]:
    target = RecordingTarget("furuta_chirps", fit=3, workers=0, folder=real_data)
    yield target
    target.close()


def test_ten_real_rollouts_have_a_hundred_and_fifty_windows(real_data: Path) -> None:
    loaded = recordings.load("furuta", real_data)
    assert len({each.group for each in loaded}) == 10
    assert len(loaded) == 150
    assert max(float(each.start.spread["joint.position"].max()) for each in loaded) < 0.005


def test_no_real_sample_is_read_late(real_data: Path) -> None:
    for window in recordings.load("furuta_chirps", real_data):
        steps = np.abs(np.diff(window.values["joint.position"], axis=0)).max(axis=1)
        assert steps[-1] < 1.5 * steps[-6:-1].max() + pendulum.ENCODER, window.name


def test_a_known_domain_predicts_real_chirps_far_better_than_the_authors_values(real_target: RecordingTarget) -> None:
    summary = real_target.predict(KNOWN, rng()).summary(rng())
    assert summary["n"] == 40
    assert summary["arm_angle_error_rad"] < 0.03
    assert summary["pole_angle_error_rad"] < 0.02
    assert summary["stock_arm_angle_error_rad"] > 0.12
    assert summary["stock_pole_angle_error_rad"] > 0.05


KNOWN = {
    "motor.resistance": 9.1,
    "motor.dead_zone_low": -0.16,
    "motor.dead_zone_high": 0.16,
    "motor.delay": 0.008,
    "arm.mass": 0.136,
    "arm.friction": 4.6e-4,
    "pole.mass": 0.0218,
    "pole.length": 0.1232,
    "pole.damping": 7e-6,
    "cable.stiffness": 1.16e-3,
    "cable.offset": -0.5,
}
FREE = (
    "motor.resistance", "motor.dead_zone_low", "motor.dead_zone_high", "motor.delay", "arm.mass", "arm.damping",
    "arm.friction", "pole.length", "pole.damping", "pole.friction", "cable.stiffness", "cable.offset",
)  # fmt: skip


@pytest.mark.slow
def test_three_real_chirps_identify_what_predicts_the_others(real_data: Path) -> None:
    target = RecordingTarget("furuta_chirps", fit=3, workers=2, folder=real_data)
    unknown = target.space.subset(FREE)
    real = target.collect(None, len(target.fit), rng())
    evidence = Evidence(0, real, (), target.offers, target.replay(unknown))
    learned = LeastSquares.create(unknown).update_from_evidence(evidence, rng()).describe().parameters
    for name in ("motor.delay", "pole.length", "cable.stiffness"):
        assert learned[name].verdict == "identified", name
    for name in ("motor.dead_zone_low", "motor.dead_zone_high"):  # Coulomb friction explains nearly the same
        assert learned[name].verdict != "not identified", name
    domain = {name: marginal.mean for name, marginal in learned.items()}
    summary = target.predict(domain, rng()).summary(rng())
    target.close()
    assert summary["arm_angle_error_high_rad"] < 0.12  # the plain fit to beat: 0.110
    assert summary["pole_angle_error_high_rad"] < 0.14  # 0.134
    assert summary["arm_angle_error_rad"] < 0.03
    assert summary["pole_angle_error_rad"] < 0.02
