"""``sim2real sensitivity``: which parameters matter, before any real trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sim2real.cli.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from sim2real.sensitivity import Findings


@guarded
def sensitivity(
    env: Annotated[str, typer.Argument(metavar="ENV", help="Such as PandaPush-v0, or a rig; see `sim2real envs`.")],
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="RUN",
            help="Drive it with the policy of a run, or of RUN/<piece>, instead of the scripted expert.",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters",
            metavar="NAMES",
            help="Names or presets (dynamics, object, …) with commas, each with a range if not the default one: "
            "actuator.delay=0:0.1",
        ),
    ] = None,
    experiment: Annotated[
        Path | None,
        typer.Option("--experiment", metavar="FILE", help="Parameters, ranges and options of an experiment file."),
    ] = None,
    method: Annotated[
        Literal["morris", "sobol"],
        typer.Option(help="Morris: what matters, cheaply. Sobol: shares of the variance, for few parameters."),
    ] = "morris",
    trajectories: Annotated[
        int | None, typer.Option("--trajectories", min=10, help="Of Morris; by default what 6000 episodes allow.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", min=16, help="Of Sobol, a power of two; by default the same.")
    ] = None,
    smallest: Annotated[
        float, typer.Option(min=0.0, help="Smaller changes are no effect, however certain (in scales of an outcome).")
    ] = 0.05,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DATA", help="Of a rig: its recordings, a data set or a log; see `sim2real data`."
        ),
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of ENV; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the design, the starts and all noise.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; the numbers are the same for any.")] = 2,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="By default results/sensitivity/ENV-METHOD-s<seed>."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Screen every parameter of ENV against every outcome: what to randomize, and what can ever be identified.

    Each effect is held against what another seed changes at the same start (other noise, objects placed within 1 mm),
    and comes with n and an interval.
    Writes sensitivity.png, sensitivity.csv and sensitivity.json. What it costs is said first.

    Examples:

      sim2real sensitivity PandaPush-v0

      sim2real sensitivity PandaPush-v0 --policy results/quickstart/<run>

      sim2real sensitivity PandaSlide-v0 --parameters object.friction,actuator.delay=0:0.1 --method sobol

      sim2real sensitivity PandaPush-v0 --experiment experiments/quickstart.yaml --trajectories 200

      sim2real sensitivity cube_toss --experiment experiments/cube_toss.yaml

    A rig begins where its recordings did; there is no success, only what can be identified. How many real trials you
    need: `sim2real budget`. Needs the extra `sensitivity`.
    """
    from rich.console import Console

    from sim2real.cli.fit import named_ranges
    from sim2real.cli.live import progress_for
    from sim2real.cli.robot import as_options
    from sim2real.errors import SpecError
    from sim2real.experiment.pieces import folder_name
    from sim2real.experiment.spec import load_spec
    from sim2real.experiment.target_specs import RecordingTarget
    from sim2real.report.sensitivity import check_folder, write_findings
    from sim2real.sensitivity import driver_of_run, parameters_named, prepare
    from sim2real_envs.parameters import ParameterSpace

    if (samples if method == "morris" else trajectories) is not None:
        wrong, right = ("--samples", "--trajectories") if method == "morris" else ("--trajectories", "--samples")
        raise typer.BadParameter(f"{method} takes {right}", param_hint=wrong)
    spec = None if experiment is None else load_spec(experiment)
    if spec is not None and spec.env.id != env:
        raise SpecError([f"env.id is {spec.env.id}, but {env} was asked for"], str(experiment))
    named = None if parameters is None else parameters_named(named_ranges(parameters))

    def chosen(whole: ParameterSpace) -> ParameterSpace:
        if spec is not None:
            ranges = {name: (entry.low, entry.high) for name, entry in spec.parameters.items()}
            whole = whole.subset(ranges).with_ranges(ranges)
        return whole if named is None else named(whole)

    recorded = [] if spec is None else [each for each in spec.targets.values() if isinstance(each, RecordingTarget)]
    folder = output or Path("results") / "sensitivity" / folder_name(env, method, f"s{seed}")
    check_folder(folder, force=force)
    study = prepare(
        env,
        options={**({} if spec is None else spec.env.options), **as_options(options or ())},
        space=chosen,
        driver=None if policy is None else driver_of_run(policy),
        method=method,
        blocks=trajectories if method == "morris" else samples,
        seed=seed,
        smallest=smallest,
        data=data or (recorded[0].data if recorded else None),
        window=recorded[0].window if recorded else None,
    )
    typer.echo(study.cost, err=True)
    with progress_for(Console(stderr=True)) as progress:
        found = study.run(workers=workers, progress=progress)
    files = write_findings(found, folder)
    if json:
        from json import dumps

        typer.echo(dumps(found.to_dict(), indent=2, allow_nan=False))
        return
    from sim2real.cli.tables import console

    out = console()
    for table in finding_tables(found):
        out.print(table)
    for note in found.notes:
        out.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)
    for file in files:
        out.print(str(file), highlight=False, markup=False, soft_wrap=True)


def finding_tables(found: Findings) -> Iterator[Table]:
    """Yield what a screening found: a verdict per parameter, and the pairs that cannot be told apart."""
    from rich.table import Table

    rate = found.nominal
    nominal = ""
    if rate is not None:
        shown = f"{rate.k}/{rate.n} [{rate.low:.0%}, {rate.high:.0%}]"
        nominal = f"Nominal domain: success {shown}. Change of success: over the whole range. "
    table = Table(
        title=f"{found.env_id}, driven by {found.driver.name}: {found.method}, n = {found.blocks} "
        f"{'trajectories' if found.method == 'morris' else 'samples'}, seed {found.seed}",
        title_justify="left",
        caption=f"{nominal}Intervals: 95 %. Named: effects beyond those of repeating the trial with another seed, and "
        f"beyond {found.smallest:g} scales; of all that is named, at most 5 % is expected to be chance. Left after 15 "
        "trials: the share of its uncertainty that so many real trials leave, all these parameters unknown together.",
        caption_justify="left",
    )
    table.add_column("parameter", no_wrap=True)
    table.add_column("range", justify="right", no_wrap=True)
    table.add_column("change of success", justify="right", no_wrap=True)
    table.add_column("left after 15 trials", justify="right", no_wrap=True)
    table.add_column("conclusion")
    left = found.left_after(15)
    section = ""
    for verdict in found.ranked:
        if section and verdict.word != section:
            table.add_section()
        section = verdict.word
        parameter, half = found.space[verdict.parameter], 1.96 * verdict.success_error
        change = f"{verdict.success:+.2f} [{verdict.success - half:+.2f}, {verdict.success + half:+.2f}]"
        span = f"{parameter.low:g} … {parameter.high:g} {'' if parameter.unit == '-' else parameter.unit}"
        rest = left[verdict.parameter]
        kept = f"{rest.value:.0%} [{rest.low:.0%}, {rest.high:.0%}]" if verdict.changes else "-"
        table.add_row(verdict.parameter, span.strip(), "-" if half != half else change, kept, verdict.sentence)
    yield table
    if found.ridges:
        pairs = Table("cannot be told apart by these outcomes", title="Ridges", title_justify="left")
        pairs.add_column("cosine of their effects [95 %]", justify="right")
        pairs.add_column("collinearity", justify="right")
        for each in found.ridges:
            cosine = each.cosine
            shown = f"{cosine.value:+.2f} [{cosine.low:+.2f}, {cosine.high:+.2f}]"
            pairs.add_row(each.sentence, shown, f"{each.collinearity:.1f}" if each.collinearity < 100 else "> 100")
        yield pairs
