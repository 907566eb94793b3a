"""A session of trials: place, start, judge, write down, next; the loop between operator, robot and log."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from sim2real.episodes import Episode
from sim2real.errors import Interrupted, RobotError, RobotStopped, Sim2RealError
from sim2real.experiment.manifest import versions
from sim2real.gap.statistics import Rate, wilson
from sim2real.trials.log import Trial, TrialLog, now
from sim2real.trials.operator import Operator
from sim2real.trials.order import Slot
from sim2real.trials.placing import placements
from sim2real.trials.plan import Plan
from sim2real.trials.rig import Ran, TrialRobot
from sim2real.trials.screen import Key, Phase, Progress, Screen
from sim2real.workers import FAULTS

GO = Key("g", "go", "start: THE ROBOT MOVES")
BRING = Key("b", "bring", "bring it to its start: IT MOVES")
UNDO = Key("u", "undo", "undo the last: it was spoiled")
NOTE = Key("t", "note", "note for the log")
PAUSE = Key("p", "pause", "pause")
QUIT = Key("q", "quit", "quit; --resume goes on")
YES = Key("y", "yes", "success")
NO = Key("n", "no", "failure")
CONFIRM = Key("\n", "enter", "confirm")
SPOILED = Key("x", "spoiled", "spoiled: does not count, is repeated later")
CONTINUE = Key("c", "continue", "go on")
RELEASE = Key("r", "reset", "it is safe: reset the stop (asks for your name)")
ANY = Key(" ", "stop", "or any other key: STOP THE ROBOT")

_REASON = "(empty: it was not)"
_FEW = 8  # trials of which the median time is taken


class Session:
    """Trials from the next one on, until all are done or the operator quits.

    Args:
        plan: The plan.
        log: Its log.
        robot: Its robot.
        operator: Who places, watches and judges.
        blind: Whether the operator does not see which policy runs, nor how they fare.
    """

    def __init__(self, plan: Plan, log: TrialLog, robot: TrialRobot, operator: Operator, *, blind: bool = True) -> None:
        self._plan, self._log, self._robot, self._operator, self._blind = plan, log, robot, operator, blind
        self._times: list[float] = []

    def run(self) -> None:
        """Go on until nothing is left.

        Raises:
            Interrupted: If the operator quits, is gone, or presses Ctrl-C; the robot is stopped then, and everything
                up to the last verdict is on disk.
        """
        self._log.note("session", blind=self._blind, versions=versions())
        try:
            while self._log.history.left:
                self._next(self._log.history.left[0])
        except (KeyboardInterrupt, EOFError) as error:
            raise self._interrupted() from error
        self._log.note("finished")

    # -- One trial ---------------------------------------------------------------------------------------------

    def _next(self, slot: Slot) -> None:
        began = time.monotonic()
        self._free()
        key = self._ask("place", slot, self._before_a_trial(), self._what_to_place(slot))
        if key == GO.character:
            self._try(slot, began)
        elif key == BRING.character:
            self._moving(slot, lambda: self._robot.bring(self._plan.starts[slot.start]))
        elif key == UNDO.character:
            self._undo()
        elif key == NOTE.character:
            self._log.note("note", text=self._operator.text("Note:"), before=slot.number)
        elif key == PAUSE.character:
            self._log.note("paused")
            self._ask("paused", slot, (CONTINUE,), ("The robot gets no commands.",))
            self._log.note("continued")
        else:
            raise self._interrupted()

    def _try(self, slot: Slot, began: float) -> None:
        started, moment = time.monotonic(), now()
        found: list[Ran] = []
        self._moving(slot, lambda: found.append(self._robot.run(slot.policy, self._plan.starts[slot.start])))
        if not found:
            return  # it never got to its start, and the operator knows
        ran = found[0]
        success, reason = self._verdict(slot, ran)
        attempt = self._log.history.attempts(slot) + 1
        episode = ran.episode if success is None else _as_judged(ran.episode, success)
        file, sha256 = self._log.write_episode(slot, attempt, episode)
        trial = Trial(
            slot=slot,
            attempt=attempt,
            began=moment,
            seconds=round(time.monotonic() - started, 3),
            success=success,
            proposed=ran.proposed,
            failure_mode=episode.failure_mode,
            steps=episode.steps,
            outcome=dict(episode.outcome),
            corrected=ran.corrected,
            late=ran.late,
            episode=file,
            sha256=sha256,
            spoiled=reason,
        )
        self._log.note("trial", trial=trial.to_dict(), stopped=ran.stopped)
        self._times.append(time.monotonic() - began)

    def _moving(self, slot: Slot, move: Callable[[], object]) -> None:
        """Let the robot move while the operator watches; say what went wrong, if it did."""
        screen = self._screen("running", slot, (ANY,), ("Keep your hand near the emergency stop.",))
        try:
            with self._operator.watching(screen, self._robot.env.stop):
                move()
        except KeyboardInterrupt:
            self._halt()
            raise
        except RobotStopped:
            return  # the next round asks for the release
        except FAULTS as error:
            if not isinstance(error, RobotError):  # of a policy, a reset or a sensor: the robot may be on its way
                self._halt()
            text = str(error) if isinstance(error, Sim2RealError) else f"{type(error).__name__}: {error}"
            self._log.note("trouble", text=text, before=slot.number)
            lines = (text, "Nothing was written down for this trial. Mend it, then go on.")
            if self._ask("trouble", slot, (CONTINUE, QUIT), lines) == QUIT.character:
                raise self._interrupted() from error

    def _halt(self) -> None:
        """Let the robot hold still where it is, now that nobody tells it where to go."""
        self._robot.env.stop("the session was interrupted")
        with contextlib.suppress(RobotError):  # it was never read, so it was never told to move
            self._robot.env.loop.obey()

    def _verdict(self, slot: Slot, ran: Ran) -> tuple[bool | None, str]:
        """Return what the operator says, and why the trial is spoiled if it is."""
        proposed = False if ran.stopped else ran.proposed
        lines = [f"The trial is over after {ran.episode.steps * ran.episode.period:.1f} s."]
        if self._plan.criterion:
            lines.append(f"Success means: {self._plan.criterion}")
        keys: tuple[Key, ...] = (YES, NO, SPOILED)
        if ran.stopped:
            lines.append(f"The robot was stopped: {ran.stopped}.")
        if proposed is not None:
            word = "success" if proposed else "failure"
            lines.append("" if ran.stopped else f"What was measured says: {word.upper()}.")
            keys = (replace(CONFIRM, meaning=f"confirm: {word}"), *keys)
        while True:
            key = self._ask("verdict", slot, keys, tuple(filter(None, lines)))
            if key != SPOILED.character:
                return (proposed if key == CONFIRM.character else key == YES.character), ""
            if reason := self._operator.text(f"Why was it spoiled? {_REASON}"):
                return None, reason

    def _undo(self) -> None:
        trials = self._log.history.trials
        index = len(trials) - 1
        if index < 0 or trials[index].spoiled:
            return
        if reason := self._operator.text(f"Why was the last trial spoiled? {_REASON}"):
            self._log.note("spoiled", trial=index, reason=reason)

    def _free(self) -> None:
        """After a stop, wait for a person to say by name that the robot may go on."""
        env = self._robot.env
        while env.stopped:
            self._log.note("stop", reason=env.stopped)
            lines = (f"Why: {env.stopped}.", "Look at the robot. It gets no commands until you reset the stop.")
            slot = self._log.history.left[0]
            if self._ask("stopped", slot, (RELEASE, QUIT), lines) == QUIT.character:
                raise self._interrupted()
            name = self._operator.text("Your name:")
            if name:
                reason = env.stopped
                env.release(by=name)
                self._log.note("release", by=name, reason=reason)

    # -- What is shown -----------------------------------------------------------------------------------------

    def _ask(self, phase: Phase, slot: Slot, keys: tuple[Key, ...], lines: tuple[str, ...]) -> str:
        return self._operator.ask(self._screen(phase, slot, keys, lines))

    def _screen(self, phase: Phase, slot: Slot, keys: tuple[Key, ...], lines: tuple[str, ...]) -> Screen:
        start = self._plan.starts[slot.start]
        return Screen(
            phase=phase,
            title=self._plan.spec.name,
            progress=self._progress(slot),
            keys=keys,
            lines=lines,
            places=placements(start.state) if phase in ("place", "trouble") else (),
            trial=f"trial {slot.number}" + ("" if self._blind else f": {slot.policy}"),
        )

    def _before_a_trial(self) -> tuple[Key, ...]:
        trials = self._log.history.trials
        undo = (UNDO,) if trials and not trials[-1].spoiled else ()
        return (GO, BRING, *undo, NOTE, PAUSE, QUIT)

    def _what_to_place(self, slot: Slot) -> tuple[str, ...]:
        start = self._plan.starts[slot.start]
        lines = [start.text] if start.text else []
        if self._robot.places_itself:
            return (*lines, "A program places robot and objects. Step back.")
        again = self._log.history.attempts(slot)
        if again:
            lines.append("This is the repeat of a spoiled trial.")
        return (*lines, "Place everything as above, and step back out of the robot's reach.")

    def _progress(self, slot: Slot) -> Progress:
        history, spec = self._log.history, self._plan.spec
        valid = history.valid
        left = statistics.median(self._times[-_FEW:]) * len(history.left) if self._times else None
        rates: dict[str, Rate] | None = None
        if not self._blind:
            said = {name: [trial.success for trial in valid if trial.slot.policy == name] for name in spec.policies}
            rates = {name: wilson(sum(map(bool, verdicts)), len(verdicts)) for name, verdicts in said.items()}
        spoiled = len(history.trials) - len(valid)
        return Progress(len(valid), self._plan.total, slot.block, spec.trials, spoiled, left, rates)

    def _interrupted(self) -> Interrupted:
        done, left = len(self._log.history.valid), len(self._log.history.left)
        return Interrupted(
            f"{done} of {done + left} trials are done and on disk in {self._log.folder}. Go on with "
            f"`sim2real robot trials PLAN --resume {self._log.folder}`."
        )


def _as_judged(episode: Episode, success: bool) -> Episode:
    """Return an episode with the operator's verdict, which counts for more than what was measured."""
    if success == episode.success:
        return episode
    # a failure that only the operator saw: the trial went by without a success, which is what "timeout" says
    failure = "none" if success else "timeout" if episode.failure_mode == "none" else episode.failure_mode
    outcome = {**episode.outcome, "success": float(success)}
    return replace(episode, success=success, failure_mode=failure, outcome=outcome)
