"""What a run writes is whole or not there, and reads back to the last bit."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.episodes import Episode
from sim2real.errors import PolicyError, RunFolderError
from sim2real.experiment.codecs import EpisodesCodec, LessonCodec, RandomizerCodec
from sim2real.experiment.files import read_json, replacing, sweep, write_json, write_text
from sim2real.experiment.stages import Stages
from sim2real.experiment.watch import Watch
from sim2real.randomizers import resolve
from sim2real.randomizers.fixed import Fixed
from sim2real.training.base import CurvePoint, Lesson
from sim2real_envs.state import WorldState
from tests.support import point_mass
from tests.support.gain_search import linear_policy

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def episode(value: float = 0.1, **changes: object) -> Episode:
    fields: dict[str, object] = {
        "start": WorldState(
            {"joint.position": np.array([value])}, {"joint.position": np.array([0.1])}, np.ones((2, 1))
        ),
        "outcome": {"success": 0.0, "object_x": value},
        "success": False,
        "failure_mode": "timeout",
        "steps": 2,
        "total_reward": value,
        "period": 0.04,
        "domain": {"object.friction": value},
        "observations": np.full((3, 2), value),
        "actions": np.full((2, 1), value),
        "seed": 7,
    }
    return Episode(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_file_that_could_not_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_text(path, "old")

    def die_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        die_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_an_old_one_as_a_whole(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with replacing(tmp_path / "policy") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [path.name for path in (tmp_path / "policy").iterdir()] == ["new"]


def test_what_a_killed_process_left_half_written_is_swept_away(tmp_path: Path) -> None:
    write_text(tmp_path / "pieces" / "kept.json", "{}")
    (tmp_path / "pieces" / ".lost.json.123.tmp").write_text("{")
    (tmp_path / ".policy.123.tmp").mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept.json", "pieces"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"file/summary\.json' cannot be written: "):
        write_json(tmp_path / "file" / "summary.json", {})


def test_a_damaged_json_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "done.json").write_text('{"result":')
    with pytest.raises(RunFolderError, match=r"done\.json' cannot be read"):
        read_json(tmp_path / "done.json")


def test_summaries_hold_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "summary.json", {"rate": math.nan})
    assert list(tmp_path.iterdir()) == []


@given(value=NUMBERS)
def test_episodes_read_back_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    path = tmp_path_factory.mktemp("episodes") / "real.npz"
    measured = episode(value, domain=None, seed=None, observations=None, actions=None)
    recorded = episode(value, path={"object.pose": np.full((4, 7), value)}, times=np.arange(4.0), label="toss-17")
    lost = episode(value, outcome={"success": math.nan, "object_x": math.nan}, failure_mode="diverged")
    written = (episode(value), measured, recorded, lost)
    EpisodesCodec().write(path, written)
    for before, after in zip(written, EpisodesCodec().read(path), strict=True):
        for name in ("success", "failure_mode", "steps", "total_reward", "period", "seed", "label", "domain"):
            assert getattr(after, name) == getattr(before, name)
        np.testing.assert_equal(dict(after.outcome), dict(before.outcome))
        np.testing.assert_equal(dict(after.path), dict(before.path))
        np.testing.assert_equal(dict(after.start.values), dict(before.start.values))
        np.testing.assert_equal(dict(after.start.spread), dict(before.start.spread))
        for array in ("observations", "actions", "times"):
            np.testing.assert_equal(getattr(after, array), getattr(before, array))
        np.testing.assert_equal(after.start.commands, before.start.commands)
    path.unlink()


def test_no_episodes_are_a_result_too(tmp_path: Path) -> None:
    EpisodesCodec().write(tmp_path / "real.npz", ())
    assert EpisodesCodec().read(tmp_path / "real.npz") == ()


@pytest.mark.parametrize("method", ["fixed", "uniform", "particles", "feedback"])
def test_a_randomizer_reads_back_equal_and_draws_the_same(tmp_path: Path, method: str) -> None:
    randomizer = resolve(method).create(point_mass.SPACE)
    codec = RandomizerCodec(type(randomizer), point_mass.SPACE, method, 0)
    codec.write(tmp_path / "round-000.json", randomizer)
    again = codec.read(tmp_path / "round-000.json")
    assert again == randomizer
    before, after = (each.sample(np.random.default_rng(3), 50).values for each in (randomizer, again))
    np.testing.assert_array_equal(after, before)


def test_a_randomizer_on_disk_says_everything_that_a_report_draws(tmp_path: Path) -> None:
    randomizer = Fixed.create(point_mass.SPACE, domain={"object.friction": 0.2})
    RandomizerCodec(Fixed, point_mass.SPACE, "fixed", 3).write(tmp_path / "round-003.json", randomizer)
    data = json.loads((tmp_path / "round-003.json").read_text())
    assert (data["method"], data["round"]) == ("fixed", 3)
    assert data["space"]["object.friction"] == {"low": 0.01, "high": 0.3, "nominal": 0.05, "unit": "-", "log": False}
    marginal = data["description"]["parameters"]["object.friction"]
    assert marginal["mean"] == 0.2
    assert len(marginal["quantiles"]) == 21
    assert np.shape(data["description"]["correlation"]) == (3, 3)


def test_a_lesson_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    curve = (CurvePoint(100, 3, 1 / 3, -0.1), CurvePoint(200, 4, 0.5, 0.2))
    lesson = Lesson(linear_policy(np.array([4.1, -1.7])), Fixed.create(point_mass.SPACE), 200, curve)
    codec = LessonCodec(Fixed, point_mass.SPACE)
    codec.write(tmp_path / "lesson", lesson)
    again = codec.read(tmp_path / "lesson")
    observation = np.array([0.0123, -0.3])
    np.testing.assert_array_equal(again.policy(observation), lesson.policy(observation))
    assert (again.env_steps, again.curve, again.randomizer) == (200, curve, lesson.randomizer)


def test_a_policy_that_a_run_cannot_keep_is_refused_by_name(tmp_path: Path) -> None:
    lesson = Lesson(point_mass.PushAndBrake(), Fixed.create(point_mass.SPACE), 1, ())
    with pytest.raises(PolicyError, match="returned a PushAndBrake; return its network as an MlpPolicy"):
        LessonCodec(Fixed, point_mass.SPACE).write(tmp_path / "lesson", lesson)


def test_a_stage_runs_once_and_keeps_its_cost(tmp_path: Path) -> None:
    calls: list[int] = []

    def collect(count: int) -> tuple[Episode, ...]:
        calls.append(count)
        return (episode(),) * count

    for _ in range(2):
        stages = Stages(tmp_path, "piece", "fixed", Watch())
        found = stages.once(
            "stages/final/real.npz", EpisodesCodec(), lambda: collect(3), lambda value: {"env_steps": 10 * len(value)}
        )
        assert len(found) == 3
        assert stages.spent["env_steps"] == 30
    assert calls == [3]


def test_a_stage_that_failed_runs_again(tmp_path: Path) -> None:
    def fail() -> tuple[Episode, ...]:
        raise ZeroDivisionError

    stages = Stages(tmp_path, "piece", "fixed", Watch())
    with pytest.raises(ZeroDivisionError):
        stages.episodes("final/real", fail)
    assert len(stages.episodes("final/real", lambda: (episode(),))) == 1
