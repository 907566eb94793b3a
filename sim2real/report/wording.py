"""The words and tables of a report: what was asked, the answer in one sentence, and the numbers in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sim2real.report.formats import (
    NARROW,
    NOTHING,
    believed,
    counted,
    duration,
    interval,
    listed,
    percent,
    points,
    rate_text,
    whole,
)
from sim2real.report.run import CEILING, Piece, Run, Table

ESTIMATED = "estimated, without an uncertainty"
"""What is said of a parameter whose method gives no verdict."""


@dataclass(frozen=True)
class TextTable:
    """A table of text; ``emphasized`` are the row numbers to stress, ``notes`` stand below.

    What follows a line break in a cell is shown small below the rest.
    """

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    emphasized: frozenset[int] = frozenset()
    notes: tuple[str, ...] = field(default=())


def question(run: Run) -> str:
    """Return what the experiment asks, in one or two sentences."""
    uncertain = listed(list(run.spec.get("parameters", {})))
    targets = listed([f"{name} ({kind})" for name, kind in run.targets.items()])
    seeds = counted(len(run.seeds), "seed")
    if run.identifies:
        return (
            f"Which values of {uncertain} explain the motion in {targets}, and how well do they predict recordings "
            f"that were not used for fitting? Rig {run.spec['env']['id']}, {counted(len(run.methods), 'method')}, "
            f"{seeds}."
        )
    budget = run.spec["rounds"] * run.spec["episodes"]["real_per_round"]
    return (
        f"Does a policy for {run.spec['env']['id']}, trained in a simulation that is uncertain in {uncertain}, succeed "
        f"on {targets}? {counted(len(run.methods), 'method')} ({listed(run.methods)}), {seeds}, at most "
        f"{counted(budget, f'{run.target_word} episode')} to learn from in each piece."
    )


def answer(run: Run) -> str:
    """Return the result in one sentence with its interval; empty before there is one."""
    results = run.methods_results
    if run.identifies:
        return " ".join(_identified_sentence(who, identification) for who, identification in _identifications(run))
    measured = {method: r["real"] for method, r in results.items() if r.get("real") and r["real"]["n"]}
    rivals = {method: rate for method, rate in measured.items() if method != CEILING} or measured
    if not rivals:
        return ""
    best = max(rivals, key=lambda method: rivals[method]["rate"])
    used = max((piece["real_episodes_used"] for piece in run.results if piece["method"] == best), default=0)
    learned = f" after learning from {counted(int(used), f'{run.target_word} episode')}" if used else ""
    where = f"the {run.target_word} target{'s' if len(run.targets) > 1 else ''} {listed(list(run.targets))}"
    rate = rivals[best]
    sentence = (
        f"On {where}, {best} succeeds in {percent(rate['rate'])} of {rate['n']} episodes (95{NARROW}% interval "
        f"{interval(rate)}){learned}"
    )
    others = [
        f"{method} in {percent(other['rate'])} ({interval(other)})"
        for method, other in measured.items()
        if method != best
    ]
    return sentence + (f"; {listed(others)}." if others else ".") + _separation(best, rivals)


def _identifications(run: Run) -> list[tuple[str, Table]]:
    """Return what each method found, pooled over seeds; of several targets, which may tell of different parameters,
    what it found on each with the first seed.
    """
    if len(run.targets) <= 1:
        return [(m, r["identification"]) for m, r in run.methods_results.items() if r.get("identification")]
    return [
        (f"{entry['method']} on {entry['target']}", entry["identification"])
        for entry in run.results
        if entry.get("identification") and entry["seed"] == run.seeds[0]
    ]


def _separation(best: str, rivals: Mapping[str, Table]) -> str:
    """Whether the best method's interval lies apart from those of the others."""
    others = [method for method in rivals if method != best]
    close = [method for method in others if rivals[method]["high"] >= rivals[best]["low"]]
    if not others:
        return ""
    if close:
        return f" Too few episodes to tell {best} from {listed(close)}: the intervals overlap."
    return f" The interval of {best} lies apart from {'that' if len(others) == 1 else 'those'} of {listed(others)}."


def success_tables(run: Run) -> tuple[TextTable, ...]:
    """Return success and gap of every method; nothing before there are any."""
    results = _with_rates(run)
    if not results:
        return ()
    target = run.target_word
    note = (
        f"95{NARROW}% intervals (Wilson; Newcombe) and counts, pooled over {counted(len(run.seeds), 'seed')}. Gap: "
        f"simulated minus {target} success in percentage points, simulated under the method's own final distribution; "
        "paired over the same starts, with McNemar's exact p that there is none."
    )
    columns = (
        "method",
        f"{target} success",
        "simulated success",
        "nominal success",
        "gap [points]",
        "paired gap [points]",
    )
    rows = tuple(_success_row(method, result) for method, result in results.items())
    ceiling = f"{CEILING} is trained in the target's own domain, which nobody knows of a robot: the ceiling."
    notes = (note, ceiling) if CEILING in results else (note,)
    table = TextTable("Results", columns, rows, _best(results), notes)
    return (table, *_target_tables(run, results))


def _target_tables(run: Run, results: Mapping[str, Table]) -> Iterator[TextTable]:
    """Success on each of several targets, and its mean over pieces that no single piece can move."""
    means = [result.get("interquartile_mean") for result in results.values()]
    if len(run.pieces) == len(run.methods) or not all(means):
        return
    count = counted(means[0]["n"], "training") if means[0] else ""
    note = (
        f"Interquartile mean: of the success rates of {count} (targets and seeds) the mean of the middle half; "
        f"95{NARROW}% interval by a bootstrap that draws seeds anew within each target (Agarwal et al., 2021). It is "
        "about trainings, and of few seeds it says too little; the intervals of the counts are about episodes."
    )
    targets = list(run.targets) if len(run.targets) > 1 else []
    rows = tuple(
        (
            method,
            *(rate_text(result["targets"][target]["real"]) for target in targets),
            f"{percent(result['interquartile_mean']['value'])}\n{interval(result['interquartile_mean'])}",
        )
        for method, result in results.items()
    )
    columns = ("method", *(f"on {target}" for target in targets), "interquartile mean")
    yield TextTable(f"{run.target_word.capitalize()} success, target by target", columns, rows, _best(results), (note,))


def cost_tables(run: Run) -> tuple[TextTable, ...]:
    """Return what every method took; nothing before there are results."""
    results = _with_rates(run)
    if not results:
        return ()
    note = (
        f"Mean of {counted(len(run.pieces) // len(run.methods), 'piece')}. Episodes of the final evaluation are not "
        "counted as used; the warm-up, which methods share, is counted in each."
    )
    columns = ("method", f"{run.target_word} episodes used", "env steps of training", "env steps of replays", "time")
    rows = tuple(_cost_row(method, result) for method, result in results.items())
    return (TextTable("What it cost", columns, rows, _best(results), (note,)),)


def identification_tables(run: Run) -> tuple[TextTable, ...]:
    """Return what every piece that identifies has learned of each parameter, first seed."""
    tables = []
    for entry in run.results:
        identification = entry.get("identification")
        if identification and entry["seed"] == run.seeds[0]:
            piece = next((p for p in run.pieces if (p.target, p.method, p.seed) == _key(entry)), None)
            tables.append(_identification_table(run, piece, entry, identification))
    return tuple(tables)


def status(run: Run) -> str:
    """Return a sentence on what is missing; empty for a finished run."""
    done = sum(piece.done for piece in run.pieces)
    if done == len(run.pieces):
        return ""
    waiting = listed([piece.folder.name for piece in run.pieces if not piece.done][:4])
    more = " and others" if len(run.pieces) - done > 4 else ""
    return (
        f"This run is not finished: {done} of {counted(len(run.pieces), 'piece')} done. Waiting for {waiting}{more}. "
        "What follows is what there is so far."
    )


def _with_rates(run: Run) -> dict[str, Table]:
    return {} if run.identifies else {method: r for method, r in run.methods_results.items() if r.get("real")}


def _best(results: Mapping[str, Table]) -> frozenset[int]:
    """The row with the highest success on the target, ceiling aside."""
    rates = {index: r["real"]["rate"] or 0.0 for index, (m, r) in enumerate(results.items()) if m != CEILING}
    return frozenset([max(rates, key=lambda index: rates[index])]) if len(rates) > 1 else frozenset()


def _key(entry: Table) -> tuple[str, str, int]:
    return str(entry["target"]), str(entry["method"]), int(entry["seed"])


def _success_row(method: str, result: Table) -> tuple[str, ...]:
    gap = result.get("gap") or {}
    paired = gap.get("paired") or {}
    p = paired.get("mcnemar_p")
    chance = "" if p is None else f"; p{NARROW}<{NARROW}0.001" if p < 0.001 else f"; p{NARROW}={NARROW}{p:.2g}"
    rates = (rate_text(result.get(side)) for side in ("real", "simulated", "nominal"))
    return method, *rates, points(gap), points(paired) + chance


def _cost_row(method: str, result: Table) -> tuple[str, ...]:
    counts = (whole(result.get(key)) for key in ("real_episodes_used", "env_steps", "replay_steps"))
    return method, *counts, duration(result.get("wall_s"))


_OTHERWISE = {
    "preset": "The target has flaws that are none of these parameters, such as gears that give or a camera that is "
    "off: what is learned may stand for them, and need not be the hidden truth of its own parameter.",
    "mujoco": "The target is another physics engine: what is learned may stand for how the two differ, and need not be "
    "the hidden truth of its own parameter.",
}


def _identification_table(run: Run, piece: Piece | None, entry: Table, identification: Table) -> TextTable:
    space = piece.snapshots[-1].space if piece and piece.snapshots else {}
    truth = piece.truth if piece else {}
    columns = (
        "parameter",
        "range",
        "nominal",
        *(("hidden truth",) if truth else ()),
        "mean",
        f"90{NARROW}% interval",
        "contraction",
        "verdict",
    )
    rows = []
    for name, marginal in identification["parameters"].items():
        prior = space.get(name, {})
        unit = prior.get("unit", "")
        known = f"{prior['low']:g} to {prior['high']:g}" if prior else NOTHING
        nominal = f"{prior['nominal']:.3g}" if prior else NOTHING
        hidden = (f"{truth[name]:.3g}" if name in truth else NOTHING,) if truth else ()
        mean, low, high = believed(marginal)
        learned = (mean, f"{low} to {high}", f"{marginal['contraction']:.2f}")
        label = name if unit in ("-", "") else f"{name} [{unit}]"
        rows.append((label, known, nominal, *hidden, *learned, marginal["verdict"] or NOTHING))
    certain = frozenset(index for index, row in enumerate(rows) if row[-1] == "identified")
    notes = [
        "Contraction: 1 − variance / variance of the uniform prior over the range. Identified: contraction of at "
        "least 0.75 and an interval clear of both ends of the range; bounded: contraction of at least 0.2. "
        f"Seed {entry['seed']}."
    ]
    if truth and (otherwise := _OTHERWISE.get(run.spec["targets"][str(entry["target"])]["type"])):
        notes.append(otherwise)
    if held_out := identification.get("held_out"):
        notes.insert(0, f"On {held_out['n']} recordings not used for fitting: {_held_out(held_out)}.")
    messages = piece.snapshots[-1].description.get("messages", []) if piece and piece.snapshots else []
    heading = f"What {entry['method']} learned about {entry['target']} ({run.targets.get(str(entry['target']), '')})"
    return TextTable(heading, columns, tuple(rows), certain, (*messages, *notes))


def _identified_sentence(method: str, identification: Table) -> str:
    parameters: Mapping[str, Table] = identification["parameters"]
    verdicts: dict[str, list[str]] = {"identified": [], "bounded": [], "not identified": [], ESTIMATED: []}
    for name, marginal in parameters.items():
        text = name
        if marginal["verdict"] != "not identified":
            mean, low, high = believed(marginal)
            text += f" {mean} (90{NARROW}% interval {low} to {high})" if marginal["verdict"] else f" {mean}"
        verdicts.setdefault(marginal["verdict"] or ESTIMATED, []).append(text)
    said = "; ".join(f"{verdict}: {listed(names)}" for verdict, names in verdicts.items() if names)
    held_out = identification.get("held_out")
    predicts = (
        f"predicts {held_out['n']} recordings it has not seen with {_held_out(held_out)}" if held_out else "gives"
    )
    fitted = identification.get("fitted_on")
    source = f", fitted on {counted(int(fitted), 'recording')}," if fitted else ""
    return f"{method}{source} {predicts}." + (f" {said[0].upper()}{said[1:]}." if said else "")


def _held_out(held_out: Table) -> str:
    """Return every error in words, with its interval, and the stock parameters' beside it."""
    parts = []
    for name, value in held_out.items():
        if name == "n" or name.startswith(("stock_", "median_")) or "_low_" in name or "_high_" in name:
            continue
        error, _, unit = name.rpartition("_")
        spoken = f"{error.replace('_', ' ')} of {_with_unit(value, unit)}"
        if f"{error}_low_{unit}" in held_out:
            low, high = (held_out[f"{error}_{end}_{unit}"] for end in ("low", "high"))
            spoken += f" (95{NARROW}% interval {_figure(low, unit)} to {_with_unit(high, unit)})"
        if (stock := f"stock_{name}") in held_out:
            spoken += f", against {_with_unit(held_out[stock], unit)} with stock parameters"
        parts.append(f"a {'root mean square' if unit in ('rad', 'mrad') else 'mean'} {spoken}")
    return listed(parts)


def _figure(value: float, unit: str) -> str:
    return f"{value:.3f}" if unit in ("rad", "m") else f"{value:.1f}"


def _with_unit(value: float, unit: str) -> str:
    return _figure(value, unit) + ("°" if unit == "deg" else f"{NARROW}{unit}")
