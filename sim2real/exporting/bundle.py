"""``sim2real export``: one folder per piece of a run, with everything that leaves the toolkit, checked and signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import sim2real_envs
from sim2real.errors import MissingExtraError, PolicyError, RunFolderError
from sim2real.experiment.files import replacing, write_json, write_text
from sim2real.exporting.agreement import Agreement, Trial
from sim2real.exporting.domain import FILE, SAMPLES, IdentifiedDomain, identified_domain, write_domain
from sim2real.exporting.guide import guide
from sim2real.exporting.numpy_policy import EXAMPLES, SCRIPT, load_script, write_examples, write_numpy
from sim2real.exporting.onnx_policy import OnnxPolicy, write_onnx
from sim2real.exporting.provenance import MANIFEST, bundle_manifest, is_bundle, origin_of
from sim2real.exporting.robot_model import RobotModel, write_robot
from sim2real.exporting.schema import policy_schema
from sim2real.policy import MlpPolicy, load_policy
from sim2real.report.run import Piece, Run
from sim2real.rollouts import World
from sim2real_envs import rigs
from sim2real_envs.cell import RobotCell
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import Domain
from sim2real_envs.rigs.arm import ArmRig

CHECKS, README = "checks.json", "README.md"
NUMPY_BOUND, ONNX_BOUND = 1e-12, 1e-5
ONNX_BOUND_IMAGES = 5e-5  # float32 rounds: the original is 8e-6 off exact arithmetic there, the graph 3e-6
EXAMPLES_KEPT = 32


@dataclass
class Bundle:
    """One exported folder.

    Args:
        folder: Where it is.
        piece: Which piece of the run it is of.
        files: What each file is, by its path in the folder.
        policies: How each exported policy compares with the original: ``numpy``, ``onnx``.
        robot: What engines read back from each file of the robot.
        notes: What could not be exported or checked, one sentence each.
    """

    folder: Path
    piece: str
    files: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Agreement] = field(default_factory=dict)
    robot: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Return the checks in words."""
        found = [f"{name} policy: {agreement.sentence()}" for name, agreement in self.policies.items()]
        for what, check in self.robot.items():
            count, worst = len(check["read_back"]), check["max_difference"]
            found.append(f"{what}: {count} parameters read back, largest difference {worst:.1e}")
        return found

    def _add(self, place: str, files: Mapping[str, str]) -> None:
        self.files |= {f"{place}{name}": what for name, what in files.items()}


def export(
    run: str | Path,
    *,
    piece: str | None = None,
    out: str | Path | None = None,
    episodes: int = 50,
    progress: Callable[[str], None] | None = None,
) -> tuple[Bundle, ...]:
    """Export what a run learned: the identified domain, the robot in it, and the policy; check each against the run.

    Args:
        run: A run folder.
        piece: A folder in its ``pieces/``; without one, every finished piece.
        out: Where the bundles go, each ``<out>/<piece>``, replacing an older one; by default ``<run>/export``.
        episodes: Whole episodes in which every exported policy is compared with the original.
        progress: Is told what is being done.

    Returns:
        One bundle a piece, in the order of the run.

    Raises:
        RunFolderError: If it is no run, nothing in it is finished, or a folder is in the way.
        UnknownNameError: If there is no such piece.
        OptionError: If ``episodes < 1``.
    """
    if episodes < 1:
        raise OptionError(f"`episodes >= 1` must hold, but got episodes={episodes}.")
    source = Run(Path(run))
    place = source.folder / "export" if out is None else Path(out)
    return tuple(
        _export(source, each, place / each.folder.name, episodes, progress or _silent)
        for each in _pieces(source, piece)
    )


def _pieces(run: Run, name: str | None) -> list[Piece]:
    finished = [piece for piece in run.pieces if piece.done]
    if name is None:
        if not finished:
            raise RunFolderError(
                f"{str(run.folder)!r} has no finished piece. Finish it with `sim2real run "
                f"{run.folder / 'spec.yaml'} --resume {run.folder}`."
            )
        return finished
    known = {piece.folder.name: piece for piece in run.pieces}
    if name not in known:
        raise UnknownNameError(name, f"a piece of {run.name}", known)
    if not known[name].done:
        raise RunFolderError(f"{name!r} is not finished yet; its run goes on with --resume {run.folder}.")
    return [known[name]]


def _export(run: Run, piece: Piece, place: Path, episodes: int, say: Callable[[str], None]) -> Bundle:
    if place.exists() and not is_bundle(place):
        raise RunFolderError(f"{str(place)!r} is there and is no bundle of `sim2real export`; give another --out.")
    bundle, name = Bundle(place, piece.folder.name), piece.folder.name
    domain = identified_domain(run, piece)
    with replacing(place) as folder:
        folder.mkdir()
        say(f"{name}: the identified domain")
        _domain(bundle, domain, run, piece, folder)
        if run.identifies:
            _rig(bundle, domain, run, piece, folder)
        else:
            _world(bundle, domain, run, piece, folder, episodes, say)
        checks = {"policies": {kind: agreement.to_dict() for kind, agreement in bundle.policies.items()}}
        write_json(folder / CHECKS, {**checks, "robot": bundle.robot})
        bundle.files[CHECKS] = "how every file was checked, and the figures"
        write_text(
            folder / README, guide(bundle.piece, origin_of(run, piece), bundle.files, bundle.sentences(), bundle.notes)
        )
        write_json(folder / MANIFEST, bundle_manifest(run, piece, folder, bundle.notes))
    return bundle


def _domain(bundle: Bundle, domain: IdentifiedDomain, run: Run, piece: Piece, folder: Path) -> None:
    write_domain(domain, run, piece, folder)
    bundle.files[FILE] = "what was identified, and blocks to paste into experiments"
    if (folder / SAMPLES).exists():
        bundle.files[SAMPLES] = "joint samples of the posterior, one row a sample, SI"
    elif not domain.learned:
        bundle.notes.append(
            f"No posterior samples: the method {piece.method!r} identifies nothing, so every parameter is nominal."
        )


def _world(
    bundle: Bundle,
    domain: IdentifiedDomain,
    run: Run,
    piece: Piece,
    folder: Path,
    episodes: int,
    say: Callable[[str], None],
) -> None:
    """Export what needs the environment: policy and robot."""
    options = {key: value for key, value in run.spec["env"].items() if key != "id"}
    env = sim2real_envs.make(piece.env, **options)
    try:
        values = cast(World, env.unwrapped).parameter_space.complete(domain.values())
        say(f"{bundle.piece}: the policy, and {episodes} episodes with each copy of it")
        _policy(bundle, piece, env, options, values, folder / "policy", episodes, origin_of(run, piece))
        if not isinstance(env.unwrapped, RobotCell):
            bundle.notes.append(
                f"No robot model: {piece.env} is not an environment of this toolkit, its arm is not known."
            )
            return
        say(f"{bundle.piece}: the robot")
        env.reset(seed=0, options={"domain": values})
        control = str(options.get("control", "ee_delta"))
        scene, space = env.unwrapped.task.scene, env.unwrapped.parameter_space
        applied = env.unwrapped.applied_domain()
        _robot(bundle, write_robot(scene, space, applied, folder / "robot", control=control))
    finally:
        env.close()


def _rig(bundle: Bundle, domain: IdentifiedDomain, run: Run, piece: Piece, folder: Path) -> None:
    """Export what a rig has: a robot, where it is an arm."""
    options = {key: value for key, value in run.spec["env"].items() if key != "id"}
    rig = rigs.make(piece.env, **options)
    try:
        if not isinstance(rig, ArmRig):
            bundle.notes.append(
                f"No policy and no robot model: an identification has no policy, and {piece.env} no arm."
            )
            return
        bundle.notes.append("No policy: an identification has none.")
        rig.apply(rig.parameters.complete(domain.values()))
        period = float(options.get("period", CONTROL_PERIOD))
        _robot(bundle, write_robot(rig.scene, rig.parameters, rig.applied(), folder / "robot", period=period))
    finally:
        rig.close()


def _robot(bundle: Bundle, robot: RobotModel) -> None:
    bundle._add("robot/", robot.files)
    bundle.robot = robot.checks
    bundle.notes += robot.missing
    for what, check in robot.checks.items():
        if not check["holds"]:
            bundle.notes.append(f"{what}: {check['max_difference']:.1e} apart, more than {check['bound']:.0e}.")


def _policy(
    bundle: Bundle,
    piece: Piece,
    env: Any,
    options: Mapping[str, Any],
    domain: Domain,
    folder: Path,
    episodes: int,
    origin: Mapping[str, Any],
) -> None:
    try:
        policy = load_policy(piece.folder / "policy")
        write_numpy(policy, folder)
    except PolicyError as error:
        bundle.notes.append(f"No policy: {error}")
        return
    write_json(folder / "schema.json", policy_schema(policy, env, piece.env, options, origin))
    trial = Trial.of(policy, env, domain, episodes, piece.folder)
    logged = next(kind for kind in ("real", "simulated", "random") if len(trial.observations.get(kind, ())))
    write_examples(folder, trial.observations[logged][:EXAMPLES_KEPT], trial.actions[logged][:EXAMPLES_KEPT])
    bundle.policies["numpy"] = trial.compare(load_script(folder), NUMPY_BOUND)
    files = {
        "policy.npz": "weights and normalization",
        "policy.json": "how they fit together",
        SCRIPT: "runs the policy with NumPy alone: `from run_policy import load`",
        EXAMPLES: "logged observations and what the policy did; `python run_policy.py` repeats them",
        "schema.json": "name, unit and range of every number of observation and action, period, normalization",
    }
    bound = ONNX_BOUND if isinstance(policy, MlpPolicy) else ONNX_BOUND_IMAGES
    try:
        write_onnx(policy, folder / "policy.onnx")
        bundle.policies["onnx"] = trial.compare(OnnxPolicy(folder / "policy.onnx"), bound)
    except MissingExtraError as error:
        written = (folder / "policy.onnx").exists()
        bundle.notes.append(f"{'policy.onnx is not checked' if written else 'No policy.onnx'}: {error}")
    if (folder / "policy.onnx").exists():
        files["policy.onnx"] = "the same policy, float32, normalization inside: `observation` to `action`, batch first"
    bundle._add("policy/", files)
    for kind, agreement in bundle.policies.items():
        if not agreement.holds:
            bundle.notes.append(f"The {kind} policy is not the original within its bounds: {agreement.sentence()}.")


def _silent(message: str) -> None:
    pass
