"""How a run says where it is: a small protocol between the runner and whoever watches.

The runner calls these from the main process only, never from a worker, and
never nests stages. The command line shows a live bar; from Python the default
is silence.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Watches one run: a sequence of stages, with messages between or inside them."""

    def start(self, description: str, total: int, *, share: float = 0.0) -> None:
        """Begin a stage; one that is still open is finished first.

        Args:
            description: Piece and stage in a few words, such as ``"particles s0 · round 0 · train"``.
            total: Units of work in the stage (env steps, episodes), at least 1.
            share: Share of the whole run's work that this stage is, in [0, 1]; the shares of a run sum to 1.
                0 where it is not known; the time left of the whole run is then not shown.
        """

    def advance(self, done: int) -> None:
        """Say that ``done`` units of the open stage are finished: a count so far, not an increment."""

    def message(self, text: str) -> None:
        """Show one line that stays, such as a round's result or a cost before it is spent."""

    def finish(self) -> None:
        """End the open stage; without one, do nothing."""


class Silent:
    """Shows nothing: the default when a run is started from Python."""

    def start(self, description: str, total: int, *, share: float = 0.0) -> None:
        """Do nothing."""

    def advance(self, done: int) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
