"""VectorWorlds, with a closed-form environment whose observations tell how it was reset."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2real_envs.errors import ClosedError, OptionError, StateError, UnknownNameError, WorkerError
from sim2real_envs.parameters import Parameter, ParameterSpace
from sim2real_envs.vector import Transition, VectorWorlds

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # spawned workers cannot import a test module


class Drift(gymnasium.Env[Any, Any]):
    """Position moves by slope + action + noise; ends beyond 1 or after 12 steps. Observes (position, slope, length)."""

    def __init__(self, *, diverge_above: float = np.inf, die: str = "") -> None:
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)
        self.parameter_space = ParameterSpace(
            [
                Parameter("drift.slope", 0.0, -1.0, 1.0, (-10.0, 10.0), "m"),
                Parameter("drift.length", 1.0, 0.5, 2.0, (0.1, 10.0), "m"),
            ]
        )
        self._diverge_above, self._die = diverge_above, die

    def _observe(self) -> Any:
        return np.array([self._position, self._domain["drift.slope"], self._domain["drift.length"]], dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._domain = self.parameter_space.complete((options or {}).get("domain", {}))
        self._position, self._steps = self.np_random.uniform(-0.1, 0.1), 0
        return self._observe(), {"domain": self._domain}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._position += 0.1 * self._domain["drift.slope"] + 0.1 * float(action[0]) + self.np_random.normal(0.0, 0.01)
        self._steps += 1
        if self._die and self._steps == 3:
            self._fail()
        observation = self._observe()
        if abs(self._position) > self._diverge_above:
            observation[0] = np.nan
        success = self._position > self._domain["drift.length"]
        truncated = self._steps >= 12
        info = {"is_success": bool(success), "failure_mode": "timeout" if truncated and not success else "none"}
        return observation, -abs(self._position), bool(success), truncated, info

    def _fail(self) -> None:
        if self._die == "exception":
            raise ValueError("the slope gave way")
        os.kill(os.getpid(), signal.SIGKILL)


def run(
    workers: int, *, worlds: int = 5, steps: int = 60, start_method: str | None = None, make: Callable[[], Any] = Drift
) -> list[Transition]:
    """Step with fixed actions; every finished world gets the next domain of one stream."""
    stream, actions = np.random.default_rng(0), np.random.default_rng(1)
    drawn = 0

    def assign(env: VectorWorlds, which: list[int]) -> None:
        nonlocal drawn
        for world in which:
            values = [[stream.uniform(-1, 1), stream.uniform(0.5, 2.0)]]
            env.assign([world], values, [int(stream.integers(2**31))], [drawn])
            drawn += 1

    with_columns = ("drift.slope", "drift.length")
    env = VectorWorlds(make, worlds, workers, columns=with_columns, start_method=start_method)
    try:
        assign(env, list(range(worlds)))
        first, _ = env.reset()
        assign(env, list(range(worlds)))
        none = np.zeros(worlds, dtype=bool)
        transitions = [Transition(first, np.zeros(worlds), none, none, ())]
        for _ in range(steps):
            env.step_async(actions.uniform(-1, 1, (worlds, 1)))
            transitions.append(env.step_wait())
            assign(env, [episode.world for episode in transitions[-1].finished])
    finally:
        env.close()
    return transitions


def flat(transitions: list[Transition]) -> list[Any]:
    """Everything that came back, as bytes and numbers that can be compared bit by bit."""
    return [
        [array.tobytes() for array in step[:4]]
        + [
            (e.world, e.tag, e.total_reward, e.steps, e.success, e.failure_mode, e.observation.tobytes())
            for e in step[4]
        ]
        for step in transitions
    ]


@pytest.fixture(scope="module")
def in_this_process() -> list[Transition]:
    return run(0)


@pytest.mark.parametrize(
    ("workers", "start_method"), [(1, "fork"), (2, "fork"), (3, "fork"), (9, "fork"), (2, "spawn")]
)
def test_results_are_bit_equal_for_any_number_of_workers(
    in_this_process: list[Transition], workers: int, start_method: str
) -> None:
    assert flat(run(workers, start_method=start_method)) == flat(in_this_process)


def test_some_episodes_succeed_and_some_time_out(in_this_process: list[Transition]) -> None:
    modes = {(e.success, e.failure_mode) for step in in_this_process for e in step.finished}
    assert modes == {(True, "none"), (False, "timeout")}


def test_domains_arrive_in_the_order_in_which_worlds_finish(in_this_process: list[Transition]) -> None:
    stream, drawn = np.random.default_rng(0), []
    for _ in range(200):
        drawn.append((np.float32(stream.uniform(-1, 1)), np.float32(stream.uniform(0.5, 2.0))))
        stream.integers(2**31)
    finished = [e for step in in_this_process for e in step.finished]
    assert len(finished) > 15
    for episode in finished:
        assert tuple(episode.observation[1:]) == drawn[episode.tag]
    handed_out = 10  # five at the start, five waiting
    for step in in_this_process:
        for episode in step.finished:
            assert episode.tag < handed_out
        handed_out += len(step.finished)


def test_a_world_equals_a_single_environment_reset_the_same_way() -> None:
    env, alone = VectorWorlds(Drift, 2, 2, columns=("drift.slope",)), Drift()
    try:
        env.assign([0, 1], [[0.3], [0.9]], [7, 8], [0, 1])
        observations, _ = env.reset()
        for world, (slope, seed) in enumerate([(0.3, 7), (0.9, 8)]):
            expected, _ = alone.reset(seed=seed, options={"domain": {"drift.slope": slope}})
            assert (observations[world] == expected).all()
        total, length = 0.0, 0
        while True:
            observations, rewards, terminations, truncations, infos = env.step(np.full((2, 1), 0.5))
            expected, reward, terminated, truncated, info = alone.step(np.array([0.5], dtype=np.float32))
            total, length = total + reward, length + 1
            assert (rewards[1], terminations[1], truncations[1]) == (reward, terminated, truncated)
            if terminated or truncated:
                break
            assert (observations[1] == expected).all()
        assert (infos["final_obs"][1] == expected).all()
        assert infos["final_info"]["episode"]["r"][1] == total
        assert infos["final_info"]["episode"]["l"][1] == length
        assert infos["final_info"]["is_success"][1] == info["is_success"]
        assert infos["final_info"]["tag"][1] == 1
    finally:
        env.close()


def test_an_assigned_domain_stays_until_the_next_and_a_seed_is_used_once() -> None:
    env = VectorWorlds(Drift, 1, columns=("drift.slope",))
    env.assign([0], [[1.0]], [3], [5])
    first, _ = env.reset()
    again, _ = env.reset()
    assert first[0, 1] == again[0, 1] == 1.0
    assert first[0, 0] != again[0, 0]
    tags = set()
    for _ in range(30):
        env.step_async([[1.0]])
        tags |= {episode.tag for episode in env.step_wait().finished}
    assert tags == {-1}
    env.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_it_equals_gymnasiums_own_vector_env_on_an_env_without_parameters(workers: int) -> None:
    def make() -> gymnasium.Env[Any, Any]:
        return gymnasium.make("CartPole-v1")

    ours = VectorWorlds(make, 3, workers)
    theirs = SyncVectorEnv([make] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        assert ours.observation_space == theirs.observation_space
        assert ours.action_space == theirs.action_space
        np.testing.assert_array_equal(ours.reset(seed=4)[0], theirs.reset(seed=4)[0])
        actions = np.random.default_rng(0)
        ended = 0
        for _ in range(120):
            chosen = actions.integers(0, 2, 3)
            got, wanted = ours.step(chosen), theirs.step(chosen)
            for mine, yours in zip(got[:4], wanted[:4], strict=True):
                np.testing.assert_array_equal(mine, yours)
            ended += int((got[2] | got[3]).sum())
            if "final_obs" in wanted[4]:
                for mine, yours in zip(got[4]["final_obs"], wanted[4]["final_obs"], strict=True):
                    np.testing.assert_array_equal(mine, yours)
        assert ended > 5
    finally:
        ours.close()
        theirs.close()


def test_a_state_that_is_not_finite_ends_the_episode_as_diverged() -> None:
    transitions = run(0, make=lambda: Drift(diverge_above=0.4))
    diverged = [e for step in transitions for e in step.finished if e.failure_mode == "diverged"]
    assert diverged
    assert all(e.terminated and np.isfinite(e.observation).all() and np.isfinite(e.total_reward) for e in diverged)
    assert all(np.isfinite(step.observations).all() and np.isfinite(step.rewards).all() for step in transitions)


def test_an_exception_in_a_worker_comes_back_with_its_text() -> None:
    with pytest.raises(WorkerError, match=r"Worker 0 \(worlds 0 to 2\) failed:(.|\n)*the slope gave way"):
        run(2, make=lambda: Drift(die="exception"))


def test_an_exception_without_workers_comes_through_as_it_is() -> None:
    with pytest.raises(ValueError, match="the slope gave way"):
        run(0, make=lambda: Drift(die="exception"))


def test_a_dead_worker_is_named() -> None:
    with pytest.raises(WorkerError, match=r"Worker \d \(worlds \d to \d\), process \d+, died: signal SIGKILL"):
        run(2, make=lambda: Drift(die="kill"))


def test_an_environment_that_cannot_be_made_is_told_and_leaves_no_process() -> None:
    here = os.getpid()

    def make() -> Drift:
        if os.getpid() != here:
            raise RuntimeError("no engine in this worker")
        return Drift()

    with pytest.raises(WorkerError, match="no engine in this worker"):
        VectorWorlds(make, 4, 2, start_method="fork")
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_closing_twice_is_allowed_and_leaves_neither_processes_nor_memory(start_method: str) -> None:
    memory = Path("/dev/shm")
    before = set(memory.iterdir()) if memory.is_dir() else set()
    env = VectorWorlds(Drift, 4, 2, start_method=start_method)
    env.reset(seed=0)
    env.step_async(np.zeros((4, 1)))  # closing in the middle of a step is allowed, too
    env.close()
    env.close()
    assert multiprocessing.active_children() == []
    assert (set(memory.iterdir()) if memory.is_dir() else set()) <= before
    with pytest.raises(ClosedError):
        env.step(np.zeros((4, 1)))


def test_a_forgotten_vector_env_closes_its_workers() -> None:
    env = VectorWorlds(Drift, 2, 1)
    del env
    gc.collect()
    assert multiprocessing.active_children() == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worlds=st.integers(1, 7), workers=st.integers(0, 4), steps=st.integers(1, 30))
def test_any_shape_of_the_crew_gives_the_same_numbers(worlds: int, workers: int, steps: int) -> None:
    fork = "fork" if workers else None
    assert flat(run(workers, worlds=worlds, steps=steps, start_method=fork)) == flat(run(0, worlds=worlds, steps=steps))


def test_misuse_is_refused_with_the_law_and_the_value() -> None:
    with pytest.raises(OptionError, match="`worlds >= 1`"):
        VectorWorlds(Drift, 0)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'drift.slope'"):
        VectorWorlds(Drift, 1, columns=("drift.slop",))
    with pytest.raises(OptionError, match="'thread' is not a start method"):
        VectorWorlds(Drift, 1, 1, start_method="thread")
    env = VectorWorlds(Drift, 2, columns=("drift.slope",))
    with pytest.raises(StateError, match=r"shape \(2, 1\)"):
        env.assign([0, 1], [[0.0]], [1, 2], [0, 1])
    with pytest.raises(StateError, match="finite"):
        env.assign([0], [[np.nan]], [1], [0])
    with pytest.raises(OptionError, match="takes no options"):
        env.reset(options={"domain": {}})
    env.close()


CTRL_C = """
    import os, signal, sys, time
    import numpy as np
    sys.path.insert(0, {folder!r})
    from test_vector import Drift, VectorWorlds

    env = VectorWorlds(Drift, 4, 2)
    env.reset(seed=0)
    try:
        print("ready", flush=True)
        while True:
            env.step(np.zeros((4, 1)))
    except KeyboardInterrupt:
        env.close()
        print("closed cleanly", flush=True)
"""


def start_script() -> subprocess.Popen[str]:
    script = textwrap.dedent(CTRL_C.format(folder=str(Path(__file__).parent)))
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_ctrl_c_reaches_the_main_process_alone() -> None:
    child = start_script()
    os.killpg(child.pid, signal.SIGINT)  # what a terminal does: every process of the group
    out, err = child.communicate(timeout=30)
    assert (out, err, child.returncode) == ("closed cleanly\n", "", 0)


def test_workers_end_when_the_main_process_is_killed() -> None:
    child = start_script()
    child.kill()
    child.communicate(timeout=10)  # returns when the last worker has let go of the output
