"""Sessions on a pseudo-real robot: what the operator presses is what the log has, and it goes on where it ended."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.errors import Interrupted, RunFolderError, SpecError
from sim2real.robots import FakeRobot
from sim2real.trials import Plan, plan_from, run_trials
from sim2real.trials.journal import read_events, written
from sim2real.trials.log import LOG, TrialLog, read_episode, read_trials
from sim2real.trials.rig import TrialRobot
from tests.support.trials import Script, plan_data, small_policy


class LastingRobot(FakeRobot):
    """A pseudo-real robot whose process outlasts a session, for tests that need many."""

    def disconnect(self) -> None:
        """Stay connected."""

    def end(self) -> None:
        """End the process."""
        super().disconnect()


@pytest.fixture(scope="module")
def robot() -> Iterator[LastingRobot]:
    made = LastingRobot(timeout_s=20.0)
    yield made
    made.end()


def folder_in(output: Path) -> Path:
    (folder,) = (output / "reach").iterdir()
    return folder


def counted(folder: Path, plan: Plan) -> list[tuple[int, int, bool | None]]:
    """Return (number, attempt, success) of every trial that counts, as a fresh reader of the log sees them."""
    log = TrialLog(folder, plan)
    try:
        return [(trial.slot.number, trial.attempt, trial.success) for trial in log.history.valid]
    finally:
        log.close()


def test_verdicts_undone_and_spoiled_trials_are_kept_as_they_were_said(robot: LastingRobot, tmp_path: Path) -> None:
    plan = plan_from(plan_data())
    script = Script(
        {
            "place": ["g", "g", "u", "u", "t", "p", "g"],
            "verdict": ["y", "n", "x", "x", "n", "y", "\n"],
            "paused": ["c"],
        },
        texts=(
            "",
            "the goal was moved",
            "new battery",
            "",
            "the light went out",
        ),  # without a reason nothing is spoiled
    )
    done = run_trials(plan, script, output=tmp_path, robot=robot)
    log = TrialLog(done.folder, plan)
    try:
        told = [(t.slot.number, t.attempt, t.success, t.spoiled) for t in log.history.trials]
        assert told[:3] == [(1, 1, True, ""), (2, 1, False, "the goal was moved"), (2, 2, None, "the light went out")]
        assert [entry[:3] for entry in told[3:]] == [
            (2, 3, False),
            (3, 1, True),
            (4, 1, log.history.trials[-1].proposed),
        ]
        for trial in log.history.trials:
            episode = log.read_episode(trial)
            assert episode.steps == trial.steps
            assert trial.success is None or episode.success == trial.success
            assert episode.observations is not None
        notes = [event["event"] for event in log.events]
        assert notes.count("paused") == notes.count("continued") == notes.count("note") == 1
        assert notes[-1] == "finished"
    finally:
        log.close()
    assert done.results.done == 4
    assert sum(done.results.spoiled.values()) == 2
    assert json.loads((done.folder / "summary.json").read_text()) == done.results.to_dict()


def test_nothing_on_a_blind_screen_tells_the_policy(robot: LastingRobot, tmp_path: Path) -> None:
    blind, seeing = Script({}), Script({})
    plan = plan_from(plan_data(trials=1))
    run_trials(plan, blind, output=tmp_path / "blind", robot=robot)
    run_trials(plan, seeing, output=tmp_path / "seeing", robot=robot, blind=False)
    for screen in blind.screens:
        assert "alpha" not in repr(screen)
        assert "beta" not in repr(screen)
        assert screen.progress.rates is None
    assert any("alpha" in screen.trial for screen in seeing.screens)
    assert seeing.screens[-1].progress.rates is not None
    first = [event["blind"] for event in read_events(folder_in(tmp_path / "seeing") / LOG) if "blind" in event]
    assert first == [False]


def test_a_stop_is_a_failure_until_said_otherwise_and_needs_a_name(robot: LastingRobot, tmp_path: Path) -> None:
    plan = plan_from(plan_data(trials=1, target={"success": None, "horizon": 10_000}))
    place = ["b", "g", "b", "g"]  # brought to its start before, it is in the midst of the trial when the key comes
    script = Script({"place": place, "stopped": ["r"]}, texts=("", "Ada"), stops={1: 0.5, 3: 0.5})
    done = run_trials(plan, script, output=tmp_path, robot=robot)
    events = read_events(done.folder / LOG)
    stops = [event for event in events if event["event"] in ("stop", "release")]
    assert [event["event"] for event in stops] == ["stop", "stop", "release"]  # no name, no release
    assert stops[-1]["by"] == "Ada"
    assert stops[-1]["reason"] == "the operator pressed a key"
    trials = [event["trial"] for event in events if event["event"] == "trial"]
    assert [(trial["success"], trial["failure_mode"]) for trial in trials] == [(False, "stopped")] * 2
    assert all(trial["steps"] < 1000 for trial in trials)


def test_ctrl_c_lets_the_robot_hold_still_and_loses_the_trial_in_flight_only(
    robot: LastingRobot, tmp_path: Path
) -> None:
    plan = plan_from(plan_data(trials=1, target={"success": None, "horizon": 10_000}))
    script = Script({"place": ["b", "g"]}, interrupts={1: 0.5})
    with pytest.raises(Interrupted, match="0 of 2 trials are done"):
        run_trials(plan, script, output=tmp_path, robot=robot)
    sent = len(robot.report().commands)
    time.sleep(0.3)
    assert len(robot.report().commands) == sent
    assert counted(folder_in(tmp_path), plan) == []


def test_a_stop_before_the_robot_has_moved_costs_no_trial(robot: LastingRobot, tmp_path: Path) -> None:
    plan = plan_from(plan_data(trials=1))
    script = Script({"stopped": ["r"]}, texts=("Ada",), stops={0: 0.0})
    done = run_trials(plan, script, output=tmp_path, robot=robot)
    assert counted(done.folder, plan)[0][:2] == (1, 1)
    assert done.results.done == 2


def test_a_robot_that_cannot_be_reached_is_told_and_costs_no_trial(tmp_path: Path) -> None:
    silence = {"kind": "silence", "start_s": 0.0, "duration_s": 1000.0}
    plan = plan_from(plan_data(trials=1, target={"options": {"timeout_s": 0.2, "faults": [silence]}}))
    script = Script({"trouble": ["q"]})
    with pytest.raises(Interrupted, match="0 of 2 trials are done"):
        run_trials(plan, script, output=tmp_path)
    assert "gave no measurement to begin with" in script.screens[-1].lines[0]
    trouble = [event["text"] for event in read_events(folder_in(tmp_path) / LOG) if event["event"] == "trouble"]
    assert "gave no measurement to begin with" in trouble[0]


def test_a_session_goes_on_where_it_ended(robot: LastingRobot, tmp_path: Path) -> None:
    plan = plan_from(plan_data(trials=3))
    with pytest.raises(Interrupted, match="3 of 6 trials are done and on disk"):
        run_trials(plan, Script({"place": ["g", "g", "g", "q"]}), output=tmp_path, robot=robot)
    robot_left = Script({"place": ["EOF"]})
    with pytest.raises(Interrupted, match="3 of 6 trials"):
        run_trials(plan, robot_left, output=tmp_path, robot=robot, resume=True)
    done = run_trials(plan, Script({"stopped": ["r"]}, texts=("Ada",) * 9), output=tmp_path, robot=robot, resume=True)
    assert done.folder == folder_in(tmp_path)
    assert [entry[:2] for entry in counted(done.folder, plan)] == [(number, 1) for number in range(1, 7)]
    again = run_trials(plan, Script({}), output=tmp_path, robot=robot, resume=True)
    assert again.results == done.results


def test_a_changed_plan_is_refused_with_the_keys(robot: LastingRobot, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run_trials(plan_from(plan_data()), Script({"place": ["q"]}), output=tmp_path, robot=robot)
    changed = plan_from(plan_data(trials=5, seed=1))
    with pytest.raises(RunFolderError, match=r"the plan has changed since in: trials, seed\. Undo the change"):
        run_trials(changed, Script({}), output=tmp_path, robot=robot, resume=True)
    assert len(list((tmp_path / "reach").iterdir())) == 1


def test_a_policy_from_a_folder_is_tried_and_may_not_change_meanwhile(robot: LastingRobot, tmp_path: Path) -> None:
    shape = TrialRobot(plan_from(plan_data()), robot).env.observation_space.shape
    assert shape is not None
    small_policy(shape[0], 3).save(tmp_path / "trained")
    data = plan_data(trials=1, policies={"trained": str(tmp_path / "trained"), "expert": "expert"})
    with pytest.raises(Interrupted):
        run_trials(plan_from(data), Script({"place": ["g", "q"]}), output=tmp_path, robot=robot)
    small_policy(shape[0], 3, seed=1).save(tmp_path / "trained")
    with pytest.raises(RunFolderError, match=r"the plan has changed since in: policies\.trained"):
        run_trials(plan_from(data), Script({}), output=tmp_path, robot=robot, resume=True)
    small_policy(shape[0], 3).save(tmp_path / "trained")
    done = run_trials(plan_from(data), Script({}), output=tmp_path, robot=robot, resume=True)
    assert {name: rate.n for name, rate in done.results.rates.items()} == {"trained": 1, "expert": 1}


def test_a_policy_that_does_not_fit_the_robot_is_refused_before_anything_moves(tmp_path: Path) -> None:
    small_policy(5, 2).save(tmp_path / "narrow")
    plan = plan_from(plan_data(policies={"narrow": str(tmp_path / "narrow")}))
    with pytest.raises(SpecError, match=r"policies\.narrow: takes 5 numbers and gives 2, but the mapping shows"):
        run_trials(plan, Script({}), output=tmp_path)
    assert not (tmp_path / "reach").exists()


@pytest.fixture(scope="module")
def finished(robot: LastingRobot, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    """A whole session with two undone trials."""
    plan = plan_from(plan_data(trials=3))
    script = Script({"place": ["g", "u", "g", "g", "u", "g"], "verdict": ["y", "n"]}, texts=("one", "two"))
    return run_trials(plan, script, output=tmp_path_factory.mktemp("finished"), robot=robot).folder, plan


def test_a_log_cut_at_any_byte_loses_at_most_the_trial_in_flight(finished: tuple[Path, Plan], tmp_path: Path) -> None:
    folder, plan = finished
    content = (folder / LOG).read_bytes()
    events = read_events(folder / LOG)
    ends = [index + 1 for index, byte in enumerate(content) if byte == 10]
    whole = TrialLog(folder, plan)
    whole.close()
    shutil.copytree(folder / "episodes", tmp_path / "episodes")
    near_ends = (cut for end in ends for cut in (end - 2, end - 1, end, end + 1))
    middles = np.linspace(0, len(content), 23, dtype=int).tolist()  # `test_journal` cuts at every single byte
    for cut in sorted({0, 1, *middles, *near_ends} & set(range(len(content) + 1))):
        (tmp_path / LOG).write_bytes(content[:cut])
        log = TrialLog(tmp_path, plan)
        lines = sum(end <= cut for end in ends)
        assert log.events[1:] == events[1 : max(lines, 1)], (
            "every line that was whole counts, and begun is written anew"
        )
        trials = log.history.trials
        assert len(trials) == sum(event["event"] == "trial" for event in events[:lines])
        for trial in trials:
            log.read_episode(trial)
        undone_next = events[lines : lines + 1] and events[lines]["event"] == "spoiled"
        if len(trials) < len(whole.history.trials) and not undone_next:
            assert log.history.left[0] == whole.history.trials[len(trials)].slot, (
                "the next is that of the whole session"
            )
        log.close()


def test_a_log_that_somebody_edited_is_refused(finished: tuple[Path, Plan], tmp_path: Path) -> None:
    folder, plan = finished
    lines = (folder / LOG).read_text().splitlines(keepends=True)
    index = next(index for index, line in enumerate(lines) if '"success": false' in line)
    lines[index] = lines[index].replace('"success": false', '"success": true')
    (tmp_path / LOG).write_text("".join(lines))
    with pytest.raises(RunFolderError, match=f"line {index + 1} does not follow"):
        TrialLog(tmp_path, plan)


def test_others_read_trials_without_the_plan(finished: tuple[Path, Plan]) -> None:
    folder, plan = finished
    trials = read_trials(folder)
    assert len([trial for trial in trials if not trial.spoiled]) == len(plan.order)
    assert read_episode(folder, trials[0]).steps == trials[0].steps


def test_data_that_is_not_what_was_written_is_refused(finished: tuple[Path, Plan], tmp_path: Path) -> None:
    folder, plan = finished
    shutil.copytree(folder, tmp_path / "copy")
    log = TrialLog(tmp_path / "copy", plan)
    (tmp_path / "copy" / log.history.trials[0].episode).write_bytes(b"something else")
    with pytest.raises(RunFolderError, match="its checksum differs"):
        log.read_episode(log.history.trials[0])
    log.close()


def test_a_log_of_something_else_is_refused(tmp_path: Path) -> None:
    event: dict[str, Any] = {"event": "begun", "schema": 99}
    (tmp_path / LOG).write_bytes(written(event, "sim2real trials")[0])
    with pytest.raises(RunFolderError, match="is not a log of trials of schema 1"):
        TrialLog(tmp_path, plan_from(plan_data()))
