"""The plan of trials on hardware: a strict YAML file, every mistake at once.

Example::

    name: push_on_our_arm
    target:                              # as a target of an experiment
      type: robot
      robot: my_lab.arm:make_robot
      options: {port: /dev/ttyACM0}
      mapping: arm.yaml                  # a file beside this one, or the mapping itself
      safety: {joint_speed: 1.0}
      success: task                      # proposes a verdict that the operator confirms; or an import path; or null
    policies:
      fixed: results/quickstart/<run>/PandaPush-v0-slippery-fixed-s0
      particles: results/quickstart/<run>/PandaPush-v0-slippery-particles-s0
      expert: expert                     # the scripted expert of the task, on what is measured
    trials: 20                           # of each policy
    seed: 0
    criterion: The cube lies still, at least half of it on the mark.   # by default the task's
    starts: drawn                        # by the task; or a list: {object: {x_cm: …, y_cm: …, yaw_deg: …}, goal: {…}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sim2real.errors import PolicyError, RobotError, SpecError
from sim2real.experiment.problems import Problem, line_of, shown
from sim2real.experiment.streams import generator
from sim2real.experiment.strict_yaml import Document, Place, read_document
from sim2real.policy import KeptPolicy
from sim2real.record_episodes import find_policy
from sim2real.robots.limits import safety_limits
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import load
from sim2real.robots.task_needs import make_task
from sim2real.trials.order import Slot, planned_order
from sim2real.trials.placing import Start, drawn_starts, listed_starts
from sim2real.trials.plan_file import PlanSpec, read_structure
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.tasks import Task

T = TypeVar("T")
Mistakes: TypeAlias = list[tuple[Place, str]]

EXPERT = "expert"
_UNJUDGED_TASK = "'task' needs a task: add `policy: {task: …}` to the mapping, or write null: only the operator says"
_UNPLACED_TASK = "drawn starts need a task: add `policy: {task: …}` to the mapping, or list the starts"


@dataclass(frozen=True)
class Plan:
    """A plan with everything that it names read and checked.

    Args:
        spec: What the file says, its mapping written out.
        mapping: Of the robot.
        policies: Name to a policy, or to None for the expert.
        starts: One list for all policies.
        fingerprints: Name to the SHA-256 of a policy, or to ``"expert"``.
    """

    spec: PlanSpec
    mapping: RobotMapping
    policies: Mapping[str, KeptPolicy | None]
    starts: tuple[Start, ...]
    fingerprints: Mapping[str, str]

    @cached_property
    def order(self) -> tuple[Slot, ...]:
        """Every trial, in the order in which they are done."""
        return planned_order(tuple(self.policies), self.spec.trials, len(self.starts), self.spec.seed)

    @cached_property
    def criterion(self) -> str:
        """What counts as success, in words; empty where neither plan nor task say."""
        task = task_of(self.mapping)
        if self.spec.criterion or task is None:
            return self.spec.criterion
        return next((outcome.doc for outcome in task.outcomes if outcome.name == "success"), "")

    @property
    def total(self) -> int:
        """Trials of all policies."""
        return self.spec.trials * len(self.policies)

    def to_dict(self) -> dict[str, Any]:
        """Return everything that a resumed session must find unchanged, as plain JSON."""
        told = self.spec.model_dump(mode="json") | {"policies": dict(self.fingerprints)}
        plain: dict[str, Any] = json.loads(json.dumps(told))
        return plain


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the dotted keys in which two plans, as from ``to_dict``, differ; also ``"order of policies"``."""
    mine, theirs, missing = _flat(before), _flat(now), object()
    keys = [key for key in {**mine, **theirs} if mine.get(key, missing) != theirs.get(key, missing)]
    if not keys and list(before["policies"]) != list(now["policies"]):
        keys.append("order of policies")
    return tuple(keys)


def load_plan(path: str | Path) -> Plan:
    """Read a plan.

    Raises:
        SpecError: With every mistake of the file and of what it names: place, value, what is allowed.
    """
    path = Path(path)
    document = read_document(path)
    return _checked(document, str(path), path.parent)


def plan_from(data: Mapping[str, Any], *, folder: Path | None = None, source: str = "plan") -> Plan:
    """Return the plan that plain data describes, checked like a file; ``folder`` is where a file would stand.

    Raises:
        SpecError: With every mistake.
    """
    return _checked(Document(dict(data), (), {}, frozenset()), source, folder or Path())


def _checked(document: Document, source: str, folder: Path) -> Plan:
    if not isinstance(document.value, dict):
        what = "is empty" if document.value is None else f"holds {shown(document.value)}"
        law = f"the file {what}, but must be a mapping with the keys {', '.join(PlanSpec.model_fields)}"
        raise SpecError([*document.problems, law], source)
    spec, problems = read_structure(document.value)
    plan, mistakes = (None, []) if spec is None else _with_meaning(spec, folder)
    known = [problem.place for problem in problems]
    for place, text in mistakes:
        if not any(place[: len(wrong)] == wrong for wrong in known):
            problems.append(Problem(place, text))
    problems.sort(key=lambda problem: line_of(problem.place, document.lines) or 0)
    sentences = [*document.problems, *(problem.sentence(document.lines) for problem in problems)]
    if problems or sentences or plan is None:
        raise SpecError(tuple(dict.fromkeys(sentences)), source)
    return plan


def _with_meaning(spec: PlanSpec, folder: Path) -> tuple[Plan | None, Mistakes]:
    """Return the plan with everything read that it names, or what is wrong."""
    mistakes: Mistakes = []
    target = spec.target
    for word in ("robot", "reset", "success"):
        value = getattr(target, word)
        if value is not None and not (word == "success" and value == "task"):
            _tried(lambda value=value, word=word: load(value, word), ("target", word), mistakes)  # type: ignore[misc]
    data = _mapping_data(target.mapping, folder, mistakes)
    mapping = None
    if data is not None or target.mapping is None:
        mapping = _tried(lambda: RobotMapping.from_dict(data), ("target", "mapping"), mistakes)
    policies = {name: _policy(where, ("policies", name), folder, mistakes) for name, where in spec.policies.items()}
    if mapping is None:
        return None, mistakes
    task = task_of(mapping)
    _check_task(spec, mapping, task, mistakes)
    period = 1.0 / target.rate
    box = None if task is None else task.tool_space
    _tried(lambda: safety_limits(mapping, target.safety, period, box), ("target", "safety"), mistakes)
    starts: tuple[Start, ...] = ()
    if spec.starts != "drawn":
        starts = listed_starts(spec.starts, task, mistakes)
    elif task is None:
        mistakes.append((("starts",), _UNPLACED_TASK))
    else:
        starts = drawn_starts(task, spec.trials, generator(spec.seed, "trials", "starts"))
    if mistakes:
        return None, mistakes
    written = spec.model_copy(update={"target": target.model_copy(update={"mapping": data})})
    prints = {name: EXPERT if policy is None else fingerprint(policy) for name, policy in policies.items()}
    return Plan(written, mapping, policies, starts, prints), []


def _check_task(spec: PlanSpec, mapping: RobotMapping, task: Task | None, mistakes: Mistakes) -> None:
    """Note what needs a task, or a length, that is not there."""
    if spec.target.success == "task" and task is None:
        mistakes.append((("target", "success"), _UNJUDGED_TASK))
    if spec.target.horizon is None and task is None:
        mistakes.append((("target", "horizon"), "is missing; without a task nothing else says how long a trial is"))
    for name, where in spec.policies.items():
        if where == EXPERT and (task is None or mapping.policy.control != "ee_delta"):
            text = "experts need `policy: {task: …, control: ee_delta}` in the mapping"
            mistakes.append((("policies", name), text))


def task_of(mapping: RobotMapping) -> Task | None:
    """Return the task that a mapping names, or None."""
    if mapping.arm is None or mapping.arm_model is None or mapping.policy.task is None:
        return None
    return make_task(mapping.arm, mapping.policy.task, Kinematics(mapping.arm_model))


def fingerprint(policy: KeptPolicy) -> str:
    """Return the SHA-256 over every number of a policy."""
    digest = hashlib.sha256()
    for name, array in sorted(policy.arrays().items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _mapping_data(given: Any, folder: Path, mistakes: Mistakes) -> Any:
    if not isinstance(given, str):
        return given
    document = _tried(lambda: read_document(_found(given, folder)), ("target", "mapping"), mistakes)
    if document is None:
        return None
    mistakes += [(("target", "mapping"), f"{given}: {problem}") for problem in document.problems]
    return document.value


def _policy(where: str, place: Place, folder: Path, mistakes: Mistakes) -> KeptPolicy | None:
    if where == EXPERT:
        return None
    return _tried(lambda: find_policy(_found(where, folder)), place, mistakes)  # type: ignore[return-value]


def _found(name: str, folder: Path) -> Path:
    """Return a path as seen from the plan's own folder, or else from here."""
    beside = folder / name
    return beside if beside.exists() or (beside.parent / "pieces" / beside.name).exists() else Path(name)


def _tried(make: Callable[[], T], place: Place, mistakes: Mistakes) -> T | None:
    try:
        return make()
    except SpecError as error:
        mistakes += [(place, problem) for problem in error.problems]
    except (PolicyError, RobotError) as error:
        mistakes.append((place, str(error)))
    return None


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Return the leaves of plain data by dotted key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    leaves = [_flat(entry, f"{key}.{name}" if key else str(name)) for name, entry in pairs]
    return {leaf: found for each in leaves for leaf, found in each.items()} if leaves else {key: value}
