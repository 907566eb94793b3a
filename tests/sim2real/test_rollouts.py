"""Rollouts depend on their jobs alone, and a fault in a worker is told where it belongs."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.episodes import Episode
from sim2real.errors import TooManyDivergences
from sim2real.rollouts import Job, Rollouts, refuse_divergences
from sim2real.workers import Box, WorkerPool
from sim2real_envs.errors import WorkerError
from sim2real_envs.parameters import Array
from tests.support import point_mass
from tests.support.taught_point_mass import PICTURED_ENV_ID


class GivesUp:
    """A policy whose network has blown up."""

    def __call__(self, observation: Array) -> Array:
        return np.array([math.nan])


POLICY = point_mass.PushAndBrake()
FRICTIONS = np.linspace(0.01, 0.3, 23)
JOBS = [
    Job(seed, {"object.friction": float(mu), "sensor.object_position_noise": 0.002})
    for seed, mu in enumerate(FRICTIONS)
]


def logged(array: Array | None) -> Array:
    assert array is not None
    return array


def same(first: Episode, second: Episode) -> bool:
    """Whether two episodes agree to the last bit."""
    return (
        np.array_equal(logged(first.observations), logged(second.observations))
        and np.array_equal(logged(first.actions), logged(second.actions))
        and dict(first.outcome) == dict(second.outcome)
        and first.total_reward == second.total_reward
    )


def rollouts(workers: WorkerPool | int, **options: Any) -> Rollouts:
    return Rollouts(point_mass.ENV_ID, options, workers=workers)


@pytest.fixture(scope="module")
def in_process() -> tuple[Episode, ...]:
    return rollouts(0).run(POLICY, JOBS)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_number_of_workers_does_not_change_an_episode(workers: int, in_process: tuple[Episode, ...]) -> None:
    with rollouts(workers) as pool:
        assert all(map(same, pool.run(POLICY, JOBS), in_process))


def test_spawned_workers_give_the_same_episodes(in_process: tuple[Episode, ...]) -> None:
    with WorkerPool(1, start_method="spawn") as pool:
        assert all(map(same, rollouts(pool).run(POLICY, JOBS), in_process))


def test_the_order_of_jobs_and_what_ran_before_do_not_change_an_episode(in_process: tuple[Episode, ...]) -> None:
    pool = rollouts(0)
    pool.run(POLICY, JOBS[5:9])
    backwards = pool.run(POLICY, JOBS[::-1])
    assert all(map(same, backwards[::-1], in_process))


def test_an_episode_seen_in_pictures_keeps_its_actions_but_no_picture() -> None:
    (episode,) = Rollouts(PICTURED_ENV_ID, {"horizon": 5}, workers=0).run(lambda picture: np.ones(1), JOBS[:1])
    assert episode.observations is None
    assert logged(episode.actions).shape == (5, 1)


def test_an_episode_holds_what_happened(in_process: tuple[Episode, ...]) -> None:
    for job, episode in zip(JOBS, in_process, strict=True):
        assert logged(episode.observations).shape == (episode.steps + 1, 2)
        assert logged(episode.actions).shape == (episode.steps, 1)
        assert episode.domain is not None
        assert episode.domain["object.friction"] == job.domain["object.friction"]
        assert episode.outcome["duration"] == pytest.approx(episode.steps * episode.period)
        assert episode.success == (episode.outcome["success"] == 1.0)
        assert episode.seed == job.seed
    rates = [episode.success for episode in in_process]
    assert any(rates), "the easy worlds must be solvable"
    assert not all(rates), "the hard worlds must not be"


def test_a_log_of_outcomes_has_no_observations() -> None:
    episode = rollouts(0).run(POLICY, JOBS[:1], log="outcomes")[0]
    assert episode.observations is None
    assert episode.actions is None
    assert episode.steps > 0


def test_a_start_that_is_given_is_where_the_episode_begins(in_process: tuple[Episode, ...]) -> None:
    start = in_process[3].start
    episode = rollouts(0).run(POLICY, [Job(99, start=start)])[0]
    assert episode.start is start
    assert logged(episode.observations)[0, 0] == pytest.approx(
        start.values["goal"][0] - start.values["joint.position"][0], abs=1e-6
    )


def test_repeating_the_logged_actions_in_the_same_world_repeats_the_episode() -> None:
    pool = rollouts(0)
    first = pool.run(POLICY, [Job(3, {"object.friction": 0.04})])[0]
    again = pool.run(None, [Job(4, {"object.friction": 0.04}, first.start, first.actions)])[0]
    assert dict(again.outcome) == dict(first.outcome)
    assert again.steps == first.steps


def test_a_job_without_actions_needs_a_policy() -> None:
    with pytest.raises(ValueError, match="needs a policy"):
        rollouts(0).run(None, JOBS[:1])


@pytest.mark.parametrize("workers", [0, 1])
def test_nan_from_a_policy_ends_the_episode_as_diverged(workers: int) -> None:
    with rollouts(workers) as pool:
        broken = pool.run(GivesUp(), JOBS[:2])
        healthy = pool.run(POLICY, JOBS[:2])
    assert [episode.failure_mode for episode in broken] == ["diverged"] * 2
    assert all(math.isnan(value) for value in broken[0].outcome.values())
    assert broken[0].domain is not None
    assert all(math.isfinite(value) for value in healthy[0].outcome.values())


def test_a_world_that_diverged_is_known_by_its_domain() -> None:
    episodes = rollouts(0, diverge_above=0.2).run(POLICY, JOBS)
    assert [e.failure_mode == "diverged" for e in episodes] == [bool(mu > 0.2) for mu in FRICTIONS]


def test_a_few_divergences_pass_and_more_name_the_domain() -> None:
    episodes = rollouts(0, diverge_above=0.25).run(POLICY, JOBS)
    diverged = [e for e in episodes if e.failure_mode == "diverged"]
    healthy = [e for e in episodes if e.failure_mode != "diverged"]
    refuse_divergences([*diverged[:4], *healthy], "simulated")  # 3 and one for the first 20 of 23
    with pytest.raises(TooManyDivergences, match=r"5 of 24 simulated .* the 4 allowed; .*object\.friction=0\.2\d"):
        refuse_divergences([*diverged[:4], diverged[0], *healthy], "simulated")


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_inside_a_world_comes_back_as_itself(workers: int) -> None:
    with rollouts(workers, break_above=0.15) as pool:
        with pytest.raises(RuntimeError, match=r"the rail broke at friction 0\.") as caught:
            pool.run(POLICY, JOBS)
        assert pool.run(POLICY, JOBS[:3])[0].steps > 0, "the pool works again"
    if workers:
        assert "point_mass.py" in "".join(caught.value.__notes__)


def die(box: Box, common: None, item: int) -> int:
    """An errand that takes its worker down, as running out of memory does."""
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def pid(box: Box, common: None, item: int) -> int:
    return os.getpid()


def test_the_death_of_a_worker_is_told_and_the_pool_recovers() -> None:
    with WorkerPool(2) as pool:
        with pytest.raises(WorkerError, match="was killed by SIGKILL"):
            pool.map(die, None, range(8))
        assert pool.map(die, None, [0, 1, 2]) == (0, 1, 2)


def test_workers_are_the_same_processes_from_call_to_call() -> None:
    with WorkerPool(2) as pool:
        first, second = set(pool.map(pid, None, range(40))), set(pool.map(pid, None, range(40)))
        assert first | second == first
        assert os.getpid() not in first


def test_workers_leave_when_the_pool_is_closed() -> None:
    with WorkerPool(2) as pool:
        processes = set(pool.map(pid, None, range(40)))
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def linger(box: Box, common: None, item: int) -> bytes:
    """An errand that ends later, with more than fits into a pipe."""
    time.sleep(1.0)
    return b"frame" * 1_000_000


DOOMED = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from test_rollouts import linger, pid
from sim2real.workers import WorkerPool
pool = WorkerPool(2)
print(*set(pool.map(pid, None, range(40))), flush=True)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
if sys.argv[2] == "busy":
    pool.map(linger, None, range(2))
threading.Event().wait()
"""


@pytest.mark.parametrize("doing", ["idle", "busy"])
def test_workers_leave_when_their_parent_is_killed(doing: str) -> None:
    folders = [str(Path(__file__).parent), str(Path(point_mass.__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", DOOMED, folders[0], doing]
    parent = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    orphans = [int(word) for word in parent.stdout.split()]
    until = time.monotonic() + 10.0
    while any(map(alive, orphans)) and time.monotonic() < until:
        time.sleep(0.05)
    assert orphans
    assert not any(map(alive, orphans))


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_progress_counts_up_to_the_number_of_jobs() -> None:
    for workers in (0, 2):
        seen: list[tuple[int, int]] = []
        with rollouts(workers) as pool:
            pool.run(POLICY, JOBS, progress=lambda done, total, seen=seen: seen.append((done, total)))  # type: ignore[misc]
        assert seen == sorted(seen)
        assert seen[-1] == (len(JOBS), len(JOBS))


def test_what_the_environment_says_of_itself_is_known_before_a_rollout() -> None:
    facts = rollouts(0).facts
    assert facts.space == point_mass.SPACE
    assert (facts.period, facts.horizon) == (point_mass.PERIOD, point_mass.HORIZON)
