"""The heart: train, try on the target, measure the gap, and let it change what the simulator randomizes.

Whatever costs time goes through ``record``, which remembers it: a piece that
was killed is simply run again, and passes what it had finished in no time.
"""

from __future__ import annotations

from sim2real import gap
from sim2real.evidence import Evidence
from sim2real.experiment.lab import Lab
from sim2real.experiment.pieces import Piece
from sim2real.experiment.record import Record
from sim2real.experiment.summary import Final
from sim2real.policy import Policy
from sim2real.randomizers import Randomizer


def train(piece: Piece, lab: Lab, record: Record) -> None:
    """Run one piece of a training experiment."""
    spec, stream, count = lab.spec, piece.stream, lab.spec.episodes
    target, simulator = lab.target(piece.target), lab.simulator
    record.keep_truth(lab.truth(piece.target))
    randomizer = record.randomizer(lab.randomizer(piece))
    policy = lab.warm_up(piece, record).policy
    for r in range(spec.rounds):
        watched = record.episodes(
            f"round-{r:03}/watched", target.collect, policy, count.watched_per_round, stream.common("watched")
        )
        asked = count.real_per_round if randomizer.needs else 0
        starts = record.starts(f"round-{r:03}/starts", randomizer, simulator.offer(policy), asked, stream("starts", r))
        real = record.episodes(
            f"round-{r:03}/real", target.collect, policy, asked, stream.common("real", r), starts=starts
        )
        simulated = record.episodes(
            f"round-{r:03}/simulated", simulator.collect,
            policy, randomizer, count.simulated_per_round, stream("simulated", r), like=real,
        )  # fmt: skip
        evidence = Evidence(r, real, simulated, target.offers, simulator.replay(policy, real))
        record.round(r, randomizer, gap.measure(evidence), watched=watched, real=real, simulated=simulated)
        randomizer = record.update(randomizer, evidence, stream("update", r))
        draws_from = randomizer.final() if r == spec.rounds - 1 else randomizer
        begin = policy if randomizer.warm_start else None
        lesson = lab.lesson(piece, record, r, begin, draws_from, stream("train", r))
        policy, randomizer = lesson.policy, lesson.randomizer
    evaluate(piece, lab, record, policy, randomizer)


def evaluate(piece: Piece, lab: Lab, record: Record, policy: Policy, randomizer: Randomizer) -> None:
    """Try the final policy on the target, under the method's own distribution, and at nominal: one list of starts."""
    target, simulator, count, stream = lab.target(piece.target), lab.simulator, lab.spec.episodes.final, piece.stream
    real = record.episodes("final/real", target.collect, policy, count, stream.common("final"))
    simulated, nominal = (
        record.episodes(
            f"final/{side}", simulator.collect, policy, worlds, count, stream.common(f"final {side}"), like=real
        )
        for side, worlds in (("simulated", randomizer), ("nominal", lab.nominal))
    )
    pairs = [(i, i) for i in range(count)]
    measured = gap.measure_episodes(simulated=simulated, real=real, pairs=pairs)
    record.round(lab.spec.rounds, randomizer, measured, phase="final", real=real, simulated=simulated, nominal=nominal)
    record.finish(randomizer, Final.of(real=real, simulated=simulated, nominal=nominal), policy=policy)


def identify(piece: Piece, lab: Lab, record: Record) -> None:
    """Run one piece of an identification: learn from some recordings, predict the others."""
    target, stream = lab.recordings(piece.target), piece.stream
    randomizer = record.randomizer(lab.randomizer(piece))
    real = target.collect(None, len(target.fit), stream.common("real"))
    evidence = Evidence(0, real, (), target.offers, target.replay(randomizer.space, real))
    randomizer = record.update(randomizer, evidence, stream("update"))
    domain = {name: marginal.mean for name, marginal in randomizer.describe().parameters.items()}
    predictions = target.predict(domain, stream("predict"))
    record.held_out(target.held_out(), predictions, randomizer, domain)
    held_out = predictions.summary(stream.common("held-out"))
    fitted_on = record.spent["real_episodes_used"]
    found = {"held_out": held_out, "fitted_on": fitted_on, "seconds": round(record.spent["seconds"], 1)}
    record.finish(randomizer, identification=found)
