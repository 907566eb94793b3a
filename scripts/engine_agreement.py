"""Measure both engines beside closed forms and each other: ``python scripts/engine_agreement.py``.

Writes the tables ``engines`` and ``experts`` of envs/README.md, between their marks, and the figure docs/engines.png. A
test holds the tolerances of the first table; the second one takes minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import expm

import sim2real_envs
from sim2real.gap.statistics import wilson
from sim2real_envs.actuators import PARAMETERS, Actuators, JointLaw
from sim2real_envs.arms import PANDA
from sim2real_envs.backends import BACKENDS, Backend, make_backend
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.gripper import GRIP_FORCE
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.state import WorldState

ROOT = Path(__file__).parent.parent
README, FIGURE = ROOT / "envs" / "README.md", ROOT / "docs" / "engines.png"
NAMES = {"bullet": "PyBullet", "mujoco": "MuJoCo"}
G, EDGE, MASS = 9.81, 0.05, 0.2
CUBE = Body("object", (EDGE / 2, EDGE / 2, EDGE / 2), (0.5, 0.3, EDGE / 2), MASS)
PUCK = Body("object", (0.035, 0.035, 0.02), (0.5, 0.3, 0.02), MASS, shape="cylinder")
HOME = np.array(PANDA.home)
FAR = (0.7, 0.3)  # [m] where an object is out of the arm's way
STEP, JOINT = 0.02, 3  # [rad] and which joint steps
ASIDE, CORNER = 0.02, 0.025  # [m] of a push from the middle of a cube's face: still on it, and at its end
EPISODES = 100


@dataclass(frozen=True)
class Row:
    """One quantity on both engines; ``expected`` is a closed form, None where they are held against each other.

    A ``tolerance`` of None says that the engines differ there, and by how much.
    """

    what: str
    unit: str
    expected: float | None
    bullet: float
    mujoco: float
    tolerance: float | None

    @property
    def worst(self) -> float:
        """Largest deviation: from the closed form, or of one engine from the other."""
        if self.expected is None:
            return abs(self.bullet - self.mujoco)
        return max(abs(self.bullet - self.expected), abs(self.mujoco - self.expected))


# -- Worlds ------------------------------------------------------------------------------------------------------


@contextmanager
def world(engine: str, body: Body = CUBE, **changes: float) -> Iterator[tuple[Backend, JointLaw]]:
    """Yield an arm with one object, and its law; ``changes`` are parameters with ``__`` for the dot."""
    domain = {name.replace("__", "."): value for name, value in changes.items()}
    made = make_backend(engine, Scene(PANDA, TABLE, (body,)), CONTROL_PERIOD, 0.002)
    made.apply(made.parameters.complete({name: v for name, v in domain.items() if name in made.parameters}))
    motors = Actuators(PANDA)
    motors.bind(made.joint_inertia(), made.timestep)
    motors.apply(PARAMETERS.complete({name: v for name, v in domain.items() if name in PARAMETERS}))
    yield made, motors.law
    made.close()


def path(
    made: Backend, law: JointLaw, pose: Sequence[float], twist: Sequence[float], seconds: float, target: Array = HOME
) -> tuple[Array, Array]:
    """Return joints (t, n) and object position (t, 3) at every physics step from a start at home under ``target``."""
    start = {"joint.position": HOME, "object.pose": np.array(pose), "object.twist": np.array(twist)}
    made.reset(WorldState(start))
    joints, places = [HOME.tolist()], [list(pose[:3])]
    for _ in range(round(seconds / made.timestep)):
        made.advance(law, [(0, target.tolist())], 1)
        reading = made.read()
        joints.append(list(reading.joint_position))
        places.append(list(reading.bodies[0].position))
    return np.array(joints), np.array(places)


# -- Measurements ------------------------------------------------------------------------------------------------


def free_fall(engine: str) -> float:
    """Return the height [m] of a cube thrown up with 1 m/s from 0.5 m after 0.2 s."""
    with world(engine) as (made, law):
        _, places = path(made, law, [*FAR, 0.5, 0, 0, 0, 1], [0, 0, 1.0, 0, 0, 0], 0.2)
    return float(places[-1, 2])


def slide(engine: str, body: Body, speed: float, friction: float) -> Array:
    """Return how far an object with ``speed`` [m/s] has slid at every physics step of a second, (t,) m."""
    x = 0.25
    with world(engine, body, object__friction=friction) as (made, law):
        pose, twist = [x, 0.35, body.half_extents[2], 0, 0, 0, 1], [speed, 0, 0, 0, 0, 0]
        _, places = path(made, law, pose, twist, 1.0)
    return np.asarray(places[:, 0] - x)


def step_response(engine: str) -> Array:
    """Return how one joint follows a step of its target without friction, (t,) share of the step."""
    with world(engine, joint__friction=0.0) as (made, law):
        joints, _ = path(made, law, [*FAR, EDGE / 2, 0, 0, 0, 1], [0.0] * 6, 0.4, HOME + STEP * np.eye(7)[JOINT])
    return np.asarray((joints[:, JOINT] - HOME[JOINT]) / STEP)


def linear_response(timestep: float = 0.002) -> Array:
    """Return the same of M q'' + (kd + b) q' + kp (q - target) = 0 with the masses at home, (t,)."""
    with world("mujoco") as (made, law):
        masses: Array = made._parameters.masses(HOME)[:7, :7]  # type: ignore[attr-defined]  # PyBullet has the same
    inverse, n = np.linalg.inv(masses), len(HOME)
    system = np.zeros((2 * n, 2 * n))
    system[:n, n:] = np.eye(n)
    system[n:, :n] = -inverse @ np.diag(law.stiffness)
    system[n:, n:] = -inverse @ np.diag(np.array(law.damping) + law.viscous)
    now, step, shares = np.concatenate([-np.eye(n)[JOINT], np.zeros(n)]), expm(system * timestep), []
    for _ in range(round(0.4 / timestep) + 1):
        shares.append(1.0 + now[JOINT])
        now = step @ now
    return np.array(shares)


def static_error(engine: str) -> float:
    """Return how far a joint with 3 Nm of friction stops before a target that came slowly [rad]."""
    way = np.eye(7)[JOINT] * 0.024
    with world(engine, joint__friction=3.0, actuator__damping_scale=2.0) as (made, law):
        made.reset(WorldState({"joint.position": HOME, "object.pose": np.array([*FAR, EDGE / 2, 0, 0, 0, 1.0])}))
        for share in [*np.linspace(0.0, 1.0, 31)[1:], *[1.0] * 30]:
            made.advance(law, [(0, (HOME + share * way).tolist())], made.substeps)
        return float((HOME + way)[JOINT] - made.read().joint_position[JOINT])


def pushed(engine: str, aside: float, **changes: float) -> tuple[float, float, float]:
    """Return where the same actions push a cube: along, aside [m], turned by [rad]; the push is ``aside`` [m]."""
    env = _made("PandaPush-v0", engine)
    _begin(env, aside, **changes)
    for _ in range(25):
        env.step(np.array([0.3, 0.0], np.float32))
    x, y, _, _, _, sine, cosine = env.state().object_poses["object"]
    env.close()
    return float(x - 0.385), float(y - aside), 2.0 * math.atan2(sine, cosine)


def push_force(engine: str) -> tuple[float, float]:
    """Return the force along a slow steady push [N], and what friction asks for: mu (m g + push downward)."""
    env, forces = _made("PandaPush-v0", engine), []
    _begin(env, 0.0)
    for _ in range(40):
        env.step(np.array([0.15, 0.0], np.float32))
        forces.append(np.sum(env._backend.read().finger_forces, axis=0))
    env.close()
    along, _, up = np.mean(forces[-15:], axis=0)
    return float(-along), float(0.5 * (MASS * G + up))


def grip(engine: str) -> tuple[float, float]:
    """Return the force of a finger on a cube held in the air [N], and how far that sinks in two seconds [m]."""
    env = _made("PandaPickAndPlace-v0", engine, horizon=200)
    env.reset(seed=0)
    start = {"object.pose": np.array([*env.state().tool_position, 0, 0, 0, 1.0]), "goal": np.array([0.5, 0.3, 0.3])}
    half = env.task.scene.objects[0].half_extents[1]
    start |= {"finger.position": np.full(2, half), "finger.command": np.zeros(1)}
    env.reset(seed=0, options={"start": start})
    heights, forces = [], []
    for _ in range(65):
        env.step(np.array([0.0, 0.0, 0.0, -1.0], np.float32))
        state = env.state()
        heights.append(state.object_poses["object"][2] - state.tool_position[2])
        forces.append(np.abs(state.finger_forces[:, 1]).mean())
    env.close()
    return float(np.mean(forces[15:])), float(heights[14] - heights[-1])


def _made(name: str, engine: str, **options: Any) -> Any:
    return sim2real_envs.make(name, backend=engine, **options).unwrapped


def _begin(env: Any, aside: float, **changes: float) -> None:
    domain = {name.replace("__", "."): value for name, value in changes.items()}
    start = {
        "object.pose": np.array([0.385, aside, EDGE / 2, 0, 0, 0, 1.0]),
        "object.twist": np.zeros(6),
        "goal": np.array([0.5, -0.34, 0.0]),
    }
    env.reset(seed=0, options={"start": start, "domain": domain})


# -- Tables ------------------------------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Measure everything but the experts; some seconds."""
    return [*_free_rows(), *_joint_rows(), *_push_rows(), *_grip_rows()]


def _both(measure: Callable[[str], float], factor: float = 1.0) -> tuple[float, float]:
    return factor * measure("bullet"), factor * measure("mujoco")


def _free_rows() -> Iterator[Row]:
    dt, time = 0.002, 0.2
    height = 1e3 * (0.5 + time - G * time * (time + dt) / 2.0)  # the sum over semi-implicit Euler steps
    yield Row("height of a cube thrown up, after 0.2 s", "mm", height, *_both(free_fall, 1e3), 1e-6)
    for body, name, speed, friction, share in (
        (CUBE, "cube", 0.6, 0.3, 0.03),
        (CUBE, "cube", 0.6, 0.5, 0.03),
        (CUBE, "cube", 0.6, 0.8, 0.1),  # at 1 it would begin to tip
        (PUCK, "puck", 0.4, 0.1, 0.03),
    ):
        way = 1e3 * speed**2 / (2.0 * friction * G)  # v^2 / (2 mu g)
        slid = _both(partial(_way, body=body, speed=speed, friction=friction), 1e3)
        yield Row(f"way of a {name} at {speed} m/s, friction {friction}", "mm", way, *slid, share * way)


def _way(engine: str, body: Body, speed: float, friction: float) -> float:
    return float(slide(engine, body, speed, friction)[-1])


def _joint_rows() -> Iterator[Row]:
    linear, responses = linear_response(), [step_response(engine) for engine in BACKENDS]
    first, second = map(_rise, responses)
    yield Row("63 % of a step of 0.02 rad of joint 4, after", "ms", _rise(linear), first, second, 4.0)
    first, second = (100.0 * float(np.abs(response - linear).max()) for response in responses)
    yield Row("largest deviation from the linear response", "% of step", 0.0, first, second, 3.0)
    stuck = 1e3 * 3.0 / PANDA.joints[JOINT].stiffness
    yield Row("error that 3 Nm of joint friction leaves", "mrad", stuck, *_both(static_error, 1e3), 0.01 * stuck)


def _push_rows() -> Iterator[Row]:
    (first, asked), (second, asked_second) = push_force("bullet"), push_force("mujoco")
    shares = 100.0 * first / asked, 100.0 * second / asked_second
    yield Row("force of a slow push, of what friction asks", "%", 100.0, *shares, 8.0)
    (along, _, _), (along_second, _, _) = pushed("bullet", 0.0), pushed("mujoco", 0.0)
    yield Row("way of a cube pushed for 1 s", "mm", None, 1e3 * along, 1e3 * along_second, 10.0)
    (_, side, turn), (_, side_second, turn_second) = pushed("bullet", ASIDE), pushed("mujoco", ASIDE)
    yield Row("the same, 20 mm off its middle: aside", "mm", None, 1e3 * side, 1e3 * side_second, 2.0)
    degrees = math.degrees(turn), math.degrees(turn_second)
    yield Row("the same, 20 mm off its middle: turned", "deg", None, *degrees, 2.0)
    turned = [math.degrees(pushed(engine, CORNER, object__spinning_friction=0.0)[2]) for engine in BACKENDS]
    yield Row("pushed at its corner, no spinning friction: turned", "deg", None, turned[0], turned[1], 10.0)
    turned = [math.degrees(pushed(engine, CORNER)[2]) for engine in BACKENDS]
    yield Row("pushed at its corner, nominal: turned", "deg", None, turned[0], turned[1], None)


def _grip_rows() -> Iterator[Row]:
    (first, sunk), (second, sunk_second) = grip("bullet"), grip("mujoco")
    yield Row("force of a finger on a held cube", "N", GRIP_FORCE, first, second, 1.0)
    yield Row("sinking of a held cube in 2 s", "mm", 0.0, 1e3 * sunk, 1e3 * sunk_second, 0.1)


def _rise(shares: Array, timestep: float = 0.002) -> float:
    """Return when a response reaches 1 - 1/e, between two samples [ms]."""
    level = 1.0 - math.exp(-1.0)
    after = int(np.argmax(shares > level))
    before = after - 1
    return float(1e3 * timestep * (before + (level - shares[before]) / (shares[after] - shares[before])))


def agreement_table(measured: Sequence[Row]) -> str:
    """Return the Markdown table of ``rows``."""
    lines = ["| quantity | unit | held against | PyBullet | MuJoCo | to within |", "|---|---|---|---|---|---|"]
    for row in measured:
        expected = "each other" if row.expected is None else f"{row.expected:.4g}"
        held = "not" if row.tolerance is None else f"± {row.tolerance:.2g}"
        lines.append(f"| {row.what} | {row.unit} | {expected} | {row.bullet:.4g} | {row.mujoco:.4g} | {held} |")
    return "\n".join(lines)


def experts_table() -> str:
    """Return how often the scripted expert succeeds in every environment, with 95 % intervals (Wilson); minutes."""
    lines = ["| id | PyBullet | MuJoCo |", "|---|---|---|"]
    for name in sim2real_envs.ENV_IDS:
        rates = [wilson(successes(name, engine), EPISODES) for engine in BACKENDS]
        cells = (f"{rate.k} of {rate.n} ({100 * rate.low:.0f} … {100 * rate.high:.0f} %)" for rate in rates)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def successes(name: str, engine: str, episodes: int = EPISODES) -> int:
    """Count the expert's successes on seeds 0, 1, … in the nominal domain."""
    env, count = _made(name, engine), 0
    for seed in range(episodes):
        env.reset(seed=seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(env.expert_action())
            over = terminated or truncated
        count += bool(info["is_success"])
    env.close()
    return count


def replaced(text: str, name: str, table: str) -> str:
    """Return ``text`` with the section called ``name`` replaced."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, rest = text.split(begin)
    return before + begin + table + "\n" + end + rest.split(end)[1]


# -- Figure ------------------------------------------------------------------------------------------------------


def draw(path_to: Path) -> None:
    """Draw a step of a joint, a sliding cube, the force of a push, and a push off the middle, on both engines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    colours, styles, dt = {"bullet": "#1f77b4", "mujoco": "#d95f02"}, {"bullet": "-", "mujoco": "--"}, 0.002
    figure, ((step, sliding), (force, turning)) = plt.subplots(2, 2, figsize=(9.6, 6.4), layout="constrained")
    linear = linear_response()
    time = 1e3 * dt * np.arange(len(linear))
    step.plot(time, linear, color="0.6", lw=4, label="closed form")
    sliding_time = dt * np.arange(101)
    stop = 0.6 / (0.5 * G)
    closed = np.where(sliding_time < stop, 0.6 * sliding_time - 0.25 * G * sliding_time**2, 0.18 / (0.5 * G))
    sliding.plot(1e3 * sliding_time, 1e3 * closed, color="0.6", lw=4, label="closed form")
    for engine in BACKENDS:
        look: dict[str, Any] = {"color": colours[engine], "lw": 1.5, "label": NAMES[engine]}
        step.plot(time, step_response(engine), ls=styles[engine], **look)
        sliding.plot(1e3 * sliding_time, 1e3 * slide(engine, CUBE, 0.6, 0.5)[:101], ls=styles[engine], **look)
        seconds, along = push_forces(engine)
        force.plot(seconds, along, **look)
        offsets = np.linspace(0.018, CORNER, 8)
        turns = [-math.degrees(pushed(engine, -aside)[2]) for aside in offsets]
        free = [-math.degrees(pushed(engine, -aside, object__spinning_friction=0.0)[2]) for aside in offsets]
        turning.plot(1e3 * offsets, turns, "o-", **look)
        turning.plot(1e3 * offsets, free, "o:", color=colours[engine], lw=1.0, ms=3, mfc="w")
    force.axhline(0.5 * MASS * G, color="0.6", lw=4, zorder=0, label="friction x weight")
    turning.plot([], [], ":", color="0.4", lw=1.0, label="without spinning friction")
    for axes, title, x, y in (
        (step, "Joint 4 follows a step of 0.02 rad", "ms", "share of the step"),
        (sliding, "A cube slides: 0.6 m/s, friction 0.5", "ms", "mm"),
        (force, "Force of the fingers, action 0.3", "s", "N, mean of four samples in 40 ms"),
        (turning, "Cube pushed for 1 s off its middle", "mm off the middle", "turned by, deg"),
    ):
        axes.set(title=title, xlabel=x, ylabel=y)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path_to, dpi=110)
    plt.close(figure)


def push_forces(engine: str) -> tuple[Array, Array]:
    """Return time [s] and the fingers' force along a push in every control period, from just before the touch."""
    env, forces = _made("PandaPush-v0", engine), []
    _begin(env, 0.0)
    for _ in range(30):
        env.step(np.array([0.3, 0.0], np.float32))
        forces.append(-float(np.sum(env._backend.read().finger_forces, axis=0)[0]))
    env.close()
    return np.arange(1, 31, dtype=np.float64) * CONTROL_PERIOD, np.array(forces)


if __name__ == "__main__":
    README.write_text(replaced(README.read_text(), "engines", agreement_table(rows())))
    draw(FIGURE)
    table = experts_table()
    README.write_text(replaced(README.read_text(), "experts", table))
