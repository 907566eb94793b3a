"""Figures of benchmarks as tables for a terminal, and as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from sim2real.cli.tables import add_speed

if TYPE_CHECKING:
    from sim2real.bench import EnvSpeed, MemoryGrowth, Parts, ResetTime
    from sim2real.bench.cores import CoreScaling
    from sim2real.training.bench_learning import Learned

_SEEN = 0.0005  # share of a step below which a part is not listed


def as_dict(value: Any) -> Any:
    """Return a benchmark's result as dicts, lists, numbers and strings, properties included."""
    if is_dataclass(value):
        derived = [name for name, member in vars(type(value)).items() if isinstance(member, property)]
        names = [field.name for field in fields(value)] + derived
        return {name: as_dict(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [as_dict(item) for item in value]
    return value


def env_table(speeds: Iterable[EnvSpeed]) -> Table:
    """Return the speeds of all tasks, a section each."""
    table = Table("what", title="Env steps per second, one process, 20 substeps of 2 ms", title_justify="left")
    for heading in ("median", "slowest … fastest", "ours / this", "95 % interval"):
        table.add_column(heading, justify="right")
    for task in speeds:
        if task.skipped:
            table.add_row(f"{task.env}: skipped, there is no such environment")
        for speed in task.speeds:
            add_speed(table, speed)
        table.add_section()
    return table


def parts_table(tasks: Sequence[Parts]) -> Table:
    """Return where a control step spends its time, a column for each task."""
    table = Table("part", title="Where a control step goes: us, and share of the whole", title_justify="left")
    for task in tasks:
        table.add_column(task.env, justify="right")
    shown = [{part.name: part for part in task.parts if part.share >= _SEEN} for task in tasks]
    names = list(dict.fromkeys(part.name for task in tasks for part in task.parts))
    for name in names:
        cells = [f"{task[name].microseconds:.1f}  {task[name].share:4.0%}" if name in task else "-" for task in shown]
        if any(cell != "-" for cell in cells):
            table.add_row(name, *cells)
    table.add_section()
    table.add_row("inside the engine", *(f"{_engine(task):.1f}  {task.engine_share:4.0%}" for task in tasks))
    table.add_row("whole step", *(f"{task.microseconds:.1f}  100%" for task in tasks))
    table.add_row("(what the clocks added, taken off)", *(f"{task.clock:.1f}      " for task in tasks))
    return table


def _engine(task: Parts) -> float:
    return task.microseconds * task.engine_share


def cores_table(results: Iterable[CoreScaling]) -> Table:
    """Return what more workers gain, a section for each environment."""
    table = Table("what", title="Env steps per second, all worlds together", title_justify="left")
    for heading in ("median", "slowest … fastest", "several / one", "95 % interval"):
        table.add_column(heading, justify="right")
    for result in results:
        for speed in result.speeds:
            gain = (f"{result.ratio:.2f}", f"{result.low:.2f} … {result.high:.2f}")
            last = gain if speed is result.speeds[-1] else ("", "")
            table.add_row(speed.name, f"{speed.rate:.0f}", f"{speed.low:.0f} … {speed.high:.0f}", *last)
        table.add_section()
    return table


def resets_table(env: str, resets: Iterable[ResetTime]) -> Table:
    """Return how long resets take."""
    table = Table(f"reset of {env}", title="Milliseconds per reset", title_justify="left")
    for heading in ("n", "median", "95 % below", "mean"):
        table.add_column(heading, justify="right")
    for reset in resets:
        table.add_row(
            reset.name, str(reset.count), f"{reset.median_ms:.2f}", f"{reset.slow_ms:.2f}", f"{reset.mean_ms:.2f}"
        )
    return table


def memory_table(memory: MemoryGrowth) -> Table:
    """Return how memory grew."""
    table = Table("resident memory", title=f"Memory over {memory.resets} resets of {memory.env}", title_justify="left")
    for heading in ("MB", "growth"):
        table.add_column(heading, justify="right")
    table.add_row(f"after {memory.warm_up} resets", f"{memory.first_mb:.1f}", "")
    table.add_row("most in between", f"{memory.most_mb:.1f}", f"{memory.most_mb / memory.first_mb - 1.0:+.2%}")
    table.add_row(f"after {memory.resets} more", f"{memory.last_mb:.1f}", f"{memory.growth:+.2%}")
    return table


def learning_table(results: Iterable[Learned]) -> Table:
    """Return what each contestant learned in what time."""
    table = Table("what", title="Reach, learned from nothing", title_justify="left")
    for heading in ("env steps", "training", "successes", "95 % interval"):
        table.add_column(heading, justify="right")
    for one in results:
        rate = one.success
        interval = f"{rate.low:.0%} … {rate.high:.0%}"
        table.add_row(one.name, f"{one.env_steps:,}", f"{one.seconds:.0f} s", f"{rate.k}/{rate.n}", interval)
    return table
