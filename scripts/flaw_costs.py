"""What each flaw of a pseudo-real robot costs a policy that was trained without any: a table in Markdown.

python scripts/flaw_costs.py RUN/pieces/PIECE/policy [EPISODES] [PRESET ...]

Every row has the same starts: the flaw alone on an otherwise ideal robot, and everything but the flaw.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import sim2real_envs
from sim2real.gap.statistics import wilson
from sim2real.policy import Policy, load_policy
from sim2real.rollouts import Job, run_episode
from sim2real.workers import Box, WorkerPool
from sim2real_envs.flaws import PRESETS, CommandFlaws, Flaws, JointFlaws, SightFlaws
from sim2real_envs.parameters import Domain

ENV_ID = "PandaPush-v0"
IDEAL = Flaws(JointFlaws(windup=0.002, gear_backlash=0.0), CommandFlaws(), SightFlaws())
GROUPS = {
    "flexible gears": ("joints", ("windup",)),
    "play in the gears": ("joints", ("gear_backlash",)),
    "Stribeck and load-dependent friction": ("joints", ("stribeck", "load_friction")),
    "coarse encoders": ("joints", ("encoder_step",)),
    "jitter and lost commands": ("commands", ("jitter", "lost")),
    "drift of the tracking": ("sight", ("drift",)),
    "camera off its calibration": ("sight", ("camera_yaw", "camera_shift", "camera_scale")),
}

World = tuple[str, Flaws | None, Domain]


def with_fields(base: Flaws, source: Flaws, part: str, names: tuple[str, ...]) -> Flaws:
    """Return ``base`` with some fields of a part taken from ``source``."""
    taken: dict[str, Any] = {name: getattr(getattr(source, part), name) for name in names}
    changes: dict[str, Any] = {part: replace(getattr(base, part), **taken)}
    return replace(base, **changes)


def worlds(name: str) -> Iterator[World]:
    """Yield what is compared: nothing wrong, numbers only, flaws only, each flaw alone, and the whole preset."""
    preset = PRESETS[name]
    yield "no flaws, nominal numbers", None, {}
    yield f"numbers of `{name}` only", None, preset.domain
    for what, (part, names) in GROUPS.items():
        yield f"{what} only", with_fields(IDEAL, preset.flaws, part, names), {}
    yield f"flaws of `{name}` only", preset.flaws, {}
    yield f"`{name}`", preset.flaws, preset.domain
    for what, (part, names) in GROUPS.items():
        yield f"`{name}` without {what}", with_fields(preset.flaws, IDEAL, part, names), preset.domain


def successes(box: Box, common: tuple[Policy, int], world: World) -> int:
    """Count the successes of a policy in one world."""
    policy, episodes = common
    env = sim2real_envs.make(ENV_ID, flaws=world[1])
    space = env.unwrapped.parameter_space  # type: ignore[attr-defined]
    domain = {name: value for name, value in world[2].items() if name in space}
    count = sum(run_episode(env, policy, Job(seed, domain), "outcomes").success for seed in range(episodes))
    env.close()
    return count


def main() -> None:
    """Print a table for each preset that is named, by default `worn` and `hostile`."""
    policy, episodes = load_policy(Path(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) > 2 else 100
    pool = WorkerPool(2)
    for name in sys.argv[3:] or ("worn", "hostile"):
        compared = list(worlds(name))
        print(f"\n| robot | success of {episodes} | 95 % |\n|---|---|---|")
        for (what, _, _), count in zip(compared, pool.map(successes, (policy, episodes), compared), strict=True):
            rate = wilson(count, episodes)
            print(f"| {what} | {count} | {rate.low:.0%} to {rate.high:.0%} |")
    pool.close()


if __name__ == "__main__":
    main()
