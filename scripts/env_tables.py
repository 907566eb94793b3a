"""Write the tables of envs/README.md from the environments themselves: ``python scripts/env_tables.py``.

What stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is replaced; a test compares it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sim2real_envs
from sim2real_envs.parameters import Parameter

README = Path(__file__).parent.parent / "envs" / "README.md"
_TASKS = tuple(name for name in sim2real_envs.ENV_IDS if name.startswith("Panda"))


def table(header: str, rows: list[str]) -> str:
    """Return a Markdown table; cells are separated by `` | ``."""
    columns = header.count(" | ") + 1
    return "\n".join([f"| {header} |", "|" + "---|" * columns, *(f"| {row} |" for row in rows)])


def made(name: str, **options: Any) -> Any:
    """Return an environment without its wrappers."""
    return sim2real_envs.make(name, **options).unwrapped


def tasks() -> str:
    """Return a row per task: what it is, what counts, action, horizon, the arms."""
    rows = []
    for name in _TASKS:
        env, task = made(name), name.removeprefix("Panda").removesuffix("-v0")
        arms = ", ".join(
            other.removesuffix(f"{task}-v0") for other in sim2real_envs.ENV_IDS if other.endswith(f"{task}-v0")
        )
        success = env.outcomes[0].doc.rstrip(".")
        action = ", ".join(env.action_names)
        summary = (type(env.task).__module__ and __import__(type(env.task).__module__, fromlist=["x"]).__doc__) or ""
        rows.append(f"{task} | {arms} | {_sentence(summary)} | {success} | {action} | {env.horizon}")
        env.close()
    return table("task | arms | what to do | success | action (`ee_delta`) | steps of 40 ms", rows)


def _sentence(doc: str) -> str:
    """Return the first sentence of a module's docstring without the task's name in front."""
    return doc.strip().split("\n")[0].split(": ", 1)[1].rstrip(".")


def observations() -> str:
    """Return the numbers of ``state`` for each task, and the shapes of the other observations."""
    rows = []
    for name in _TASKS:
        env = made(name)
        fields = ", ".join(f"{field.name} ({field.size}) {field.unit}".removesuffix(" -") for field in env.task.fields)
        rows.append(f"{name} | {env.observation_space.shape[0]} | {fields}")
        env.close()
    return table("id | size | fields, in this order", rows)


def rewards() -> str:
    """Return what each task's docstring says of its dense reward."""
    rows = []
    for name in _TASKS:
        env = made(name)
        text = " ".join((type(env.task).__doc__ or "").split())
        rows.append(f"{name} | {text.split('Reward: ')[1]}")
        env.close()
    return table("id | dense reward of a step", rows)


def parameters() -> str:
    """Return every parameter of any environment, and where it exists."""
    known: dict[str, Parameter] = {}
    for name in _TASKS:
        for observation in ("state", "multimodal"):
            env = made(name, observation=observation)
            for parameter in env.parameter_space.values():
                known.setdefault(parameter.name, parameter)
            env.close()
    order = (
        "physics",
        "object",
        "table",
        "hole",
        "joint",
        "actuator",
        "sensor",
        "camera",
        "light",
        "appearance",
        "disturbance",
    )
    ranked = sorted(known.values(), key=lambda p: order.index(p.name.split(".")[0]))
    rows = [
        f"`{p.name}` | {p.nominal:g} | {p.low:g} … {p.high:g} | {p.limits[0]:g} … {p.limits[1]:g} | {p.unit} | {p.doc}"
        for p in ranked
    ]
    return table("name | nominal | range | limits | unit | meaning", rows)


SECTIONS: dict[str, Callable[[], str]] = {
    "tasks": tasks,
    "observations": observations,
    "rewards": rewards,
    "parameters": parameters,
}


def written(text: str) -> str:
    """Return ``text`` with every marked section as the environments have it now."""
    for name, section in SECTIONS.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, rest = text.split(begin)
        text = before + begin + section() + "\n" + end + rest.split(end)[1]
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
