"""What happens when processes fork, die or leave without closing, and when environments share one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.errors import ClosedError, WorkerError
from sim2real_envs.vector import VectorWorlds

ENV_ID, STEPS = "PandaPush-v0", 6


def make_push() -> Any:
    return sim2real_envs.make(ENV_ID)


def actions(seed: int) -> Any:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (STEPS, 2)).astype(np.float32)


def episode(seed: int) -> list[bytes]:
    """An episode in an environment of its own, as bytes."""
    env = make_push()
    seen = [env.reset(seed=seed)[0].tobytes()]
    seen += [env.step(action)[0].tobytes() for action in actions(seed)]
    env.close()
    return seen


def send_episode(pipe: Connection, seed: int) -> None:
    pipe.send(episode(seed))


def test_two_environments_in_one_process_do_not_disturb_each_other() -> None:
    expected = [episode(1), episode(2)]
    envs = [make_push(), make_push()]
    light, heavy = {"object.mass": 0.05}, {"object.mass": 0.4, "object.friction": 0.9}
    envs[0].reset(seed=9, options={"domain": light})
    envs[1].reset(seed=9, options={"domain": heavy})
    assert envs[0].unwrapped.applied_domain()["object.mass"] == 0.05
    assert envs[1].unwrapped.applied_domain()["object.mass"] == 0.4
    seen = [[env.reset(seed=seed)[0].tobytes()] for seed, env in enumerate(envs, start=1)]
    for both in zip(actions(1), actions(2), strict=True):
        for env, action, told in zip(envs, both, seen, strict=True):
            told.append(env.step(action)[0].tobytes())
    assert seen == expected
    envs[0].close()
    envs[1].reset(seed=2)  # closing one leaves the other
    assert envs[1].step(actions(2)[0])[0].tobytes() == expected[1][1]
    envs[1].close()


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_an_environment_in_a_worker_gives_the_same_numbers(start_method: str) -> None:
    here = make_push()  # one that is open while the process forks
    here.reset(seed=0)
    context: Any = multiprocessing.get_context(start_method)
    ours, theirs = context.Pipe()
    worker = context.Process(target=send_episode, args=(theirs, 3))
    worker.start()
    theirs.close()
    assert ours.recv() == episode(3)
    worker.join()
    assert worker.exitcode == 0
    here.step(np.zeros(2, np.float32))  # and that goes on as before
    here.close()


def test_an_environment_that_was_open_at_a_fork_can_be_used_on_both_sides() -> None:
    env = make_push()
    env.reset(seed=3)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        status = 1
        try:
            os.write(writer, b"".join(env.step(action)[0].tobytes() for action in actions(3)))
            env.close()
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    here = b"".join(env.step(action)[0].tobytes() for action in actions(3))
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == here == b"".join(episode(3)[1:])
    assert os.waitpid(child, 0)[1] == 0
    env.close()


def test_closing_twice_is_allowed_and_what_follows_is_told() -> None:
    env = make_push()
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ClosedError, match="closed"):
        env.reset()
    with pytest.raises(ClosedError, match="closed"):
        env.unwrapped.step(np.zeros(2))
    worlds = VectorWorlds(make_push, 2, 1)
    worlds.close()
    worlds.close()
    with pytest.raises(ClosedError, match="closed"):
        worlds.reset()


SCRIPTS = {
    "one environment": "env = push(); env.reset(seed=0); env.step(env.action_space.sample())",
    "one that was never reset": "env = sim2real_envs.make('PandaReach-v0')",
    "one with a camera": "env = push(render_mode='rgb_array'); env.reset(); env.render()",
    "worlds in this process": "env = VectorWorlds(push, 2); env.reset(seed=0); env.step(env.action_space.sample())",
    "worlds in workers": "env = VectorWorlds(push, 4, 2); env.reset(seed=0); env.step(env.action_space.sample())",
    "a step that nobody waits for": "env = VectorWorlds(push, 2, 2); env.reset(); env.step_async(np.zeros((2, 2)))",
    "worlds in spawned workers": "env = VectorWorlds(push, 2, 2, start_method='spawn'); env.reset(seed=0)",
}


@pytest.mark.parametrize("what", SCRIPTS)
def test_an_interpreter_that_leaves_without_close_leaves_quietly(what: str) -> None:
    script = (
        "from functools import partial\nimport numpy as np\nimport sim2real_envs\n"
        "from sim2real_envs.vector import VectorWorlds\n"
        f"push = partial(sim2real_envs.make, 'PandaPush-v0')\n{SCRIPTS[what]}\nprint('end of script')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end of script\n", "")


def test_a_worker_that_is_killed_gives_one_error_that_names_it() -> None:
    worlds = VectorWorlds(make_push, 4, 2)
    worlds.reset(seed=0)
    victim = multiprocessing.active_children()[-1]
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    told = rf"Worker \d \(worlds \d to \d\), process {victim.pid}, died: signal SIGKILL"
    with pytest.raises(WorkerError, match=told):
        worlds.step(np.zeros((4, 2)))
    assert multiprocessing.active_children() == []  # the other one is gone, too
    worlds.close()
    with pytest.raises(ClosedError):
        worlds.step(np.zeros((4, 2)))
