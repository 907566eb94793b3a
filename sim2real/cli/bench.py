"""The commands that measure speed, each a few lines; engines load only in the command that needs them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from sim2real.cli.bench_robot import bench_faults, bench_loop
from sim2real.cli.guard import guarded

bench_app = typer.Typer(help="Measure speed on this machine; ratios hold, absolute times vary.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of tables.")]


@bench_app.command("env")
@guarded
def bench_env(
    envs: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="ENV", help="Measure this environment only; may be given many times."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Control steps of each contestant, in short turns.")] = 4_000,
    turns: Annotated[int, typer.Option(min=1, help="Turns; the median counts.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Measure steps in one process: ours beside panda-gym at equal substeps, and where the time goes.

    Examples:

      sim2real bench env

      sim2real bench env --env PandaPush-v0 --env PandaSlide-v0 --steps 10000
    """
    from rich.console import Console

    from sim2real.bench import PAIRS, env_speed, step_parts
    from sim2real.cli.bench_tables import as_dict, env_table, parts_table
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console
    from sim2real_envs.registration import full_id

    for name in envs or ():
        full_id(name)
    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        speeds = env_speed(
            tuple(envs or PAIRS),
            turns=turns,
            steps=max(1, steps // turns),
            progress=lambda done, total: show("stepping", done, total),
        )
        measured = [speed.env for speed in speeds if not speed.skipped]
        parts = []
        for index, name in enumerate(measured):
            show("where the time goes", index, len(measured))
            parts.append(step_parts(name, steps=max(1, steps // 2)))
    if as_json:
        _print_json({"speed": as_dict(speeds), "parts": as_dict(parts)})
        return
    console().print(env_table(speeds))
    console().print(parts_table(parts))


@bench_app.command("camera")
@guarded
def bench_camera(
    env: Annotated[str, typer.Option("--env", metavar="ENV", help="Of ours.")] = "PandaPush-v0",
    turns: Annotated[int, typer.Option(min=1, help="Turns; the median counts.")] = 10,
    steps: Annotated[int, typer.Option(min=1, help="Pictures, or control steps, of a turn.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the domains drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure pictures of 84 x 84: alone beside panda-gym's, as observations, and where the time goes.

    Example: sim2real bench camera --turns 20
    """
    from rich.console import Console

    from sim2real.bench import camera_speed
    from sim2real.cli.bench_tables import as_dict, parts_table
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console, speed_table

    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        result = camera_speed(
            env, turns=turns, steps=steps, seed=seed, progress=lambda done, total: show("drawing", done, total)
        )
    if as_json:
        _print_json(as_dict(result))
        return
    console().print(speed_table(result.frames, title="Pictures of 84 x 84 pixels per second"))
    console().print(
        speed_table(
            result.steps, title="Env steps per second with pictures, all parameters randomized but the physics step"
        )
    )
    console().print(parts_table([result.parts]))


@bench_app.command("reset")
@guarded
def bench_reset(
    env: Annotated[str, typer.Option("--env", metavar="ENV", help="Which environment.")] = "PandaPush-v0",
    count: Annotated[int, typer.Option(min=1, help="Resets of each kind that are timed.")] = 500,
    resets: Annotated[
        int, typer.Option("--resets", min=0, help="Resets over which the growth of memory is measured; 0 for none.")
    ] = 5_000,
    seed: Annotated[int, typer.Option(help="Of the domains drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure resets: at nominal and with every parameter drawn anew, and whether memory stays flat.

    Examples:

      sim2real bench reset --count 2000

      sim2real bench reset --env PandaStack-v0 --resets 100000
    """
    from rich.console import Console

    from sim2real.bench import memory_growth, reset_time
    from sim2real.cli.bench_tables import as_dict, memory_table, resets_table
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console

    memory = None
    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        times = reset_time(env, count=count, seed=seed, progress=lambda done, total: show("resets", done, total))
        if resets:
            memory = memory_growth(
                env, resets=resets, seed=seed, progress=lambda done, total: show("memory", done, total)
            )
    if as_json:
        _print_json({"env": env, "reset": as_dict(times), "memory": as_dict(memory)})
        return
    console().print(resets_table(env, times))
    if memory is not None:
        console().print(memory_table(memory))


@bench_app.command("cores")
@guarded
def bench_cores(
    envs: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="ENV", help="Measure this environment; may be given many times."),
    ] = None,
    worlds: Annotated[int, typer.Option(min=1, help="Worlds that are stepped together.")] = 16,
    workers: Annotated[int, typer.Option(min=2, help="Worker processes, compared with a single one.")] = 2,
    turns: Annotated[int, typer.Option(min=1, help="Times that each contestant runs.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Control steps of every world in a turn.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Measure what more worker processes gain: the same worlds in several workers and in one.

    Example: sim2real bench cores --env PandaPush-v0 --turns 20
    """
    from rich.console import Console

    from sim2real.bench.cores import core_scaling
    from sim2real.cli.bench_tables import as_dict, cores_table
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console

    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        results = core_scaling(
            tuple(envs or ("PandaReach-v0", "PandaPush-v0")),
            worlds=worlds,
            workers=workers,
            turns=turns,
            steps=steps,
            progress=lambda done, total: show("stepping", done, total),
        )
    if as_json:
        _print_json(as_dict(results))
        return
    console().print(cores_table(results))


@bench_app.command("learn")
@guarded
def bench_learn(
    steps: Annotated[int, typer.Option(min=1, help="Env steps of our training.")] = 40_000,
    stock_steps: Annotated[int, typer.Option(min=1, help="Env steps of panda-gym's.")] = 20_000,
    episodes: Annotated[
        int, typer.Option(min=1, help="Episodes that each policy is tried on, from fixed seeds.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of both trainings.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of ours.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Measure how soon a reach policy is learned: our preset, then panda-gym by its documentation's recipe.

    Takes some minutes. Example: sim2real bench learn --seed 1
    """
    from rich.console import Console

    from sim2real.cli.bench_tables import as_dict, learning_table
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console
    from sim2real.training.bench_learning import learning_speed

    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        results = learning_speed(
            steps=steps,
            stock_steps=stock_steps,
            episodes=episodes,
            seed=seed,
            workers=workers,
            progress=lambda done, total: show("learning", done, total),
        )
    if as_json:
        _print_json(as_dict(results))
        return
    console().print(learning_table(results))


@bench_app.command("train")
@guarded
def bench_train(
    observation: Annotated[str, typer.Option("--observation", help="state, or pixels: pictures of 84 x 84.")] = "state",
    turns: Annotated[int, typer.Option(min=1, help="Times that each contestant runs; the median counts.")] = 3,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Env steps of a turn; 8192 without it, or 1024 with pictures.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of ours.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Measure PPO on pushing, in env steps per second: ours beside SubprocVecEnv with panda-gym.

    Examples:

      sim2real bench train --turns 5

      sim2real bench train --observation pixels
    """
    from rich.console import Console

    from sim2real.cli.bench_tables import as_dict
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console, speed_table
    from sim2real.training.bench import train_speed

    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        speeds = train_speed(
            observation=observation,
            turns=turns,
            steps=steps or (8_192 if observation == "state" else 1_024),
            workers=workers,
            progress=lambda done, total: show("training", done, total),
        )
    if as_json:
        _print_json(as_dict(speeds))
        return
    console().print(speed_table(speeds))


bench_app.command("loop")(bench_loop)
bench_app.command("faults")(bench_faults)


def _print_json(figures: Any) -> None:
    typer.echo(json.dumps(figures, indent=2))
