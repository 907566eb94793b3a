"""What every target promises: the test class behind ``sim2real.testing.TargetContract``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sim2real.episodes import Episode
from sim2real.evidence import Need
from sim2real.policy import Policy


class TargetContract:
    """What every target promises; inherit it in a test module and write ``make`` and ``policy``."""

    episodes: ClassVar[int] = 2
    repeats: ClassVar[bool] = True  # False for what lives in real time, where no two episodes are the same

    def make(self) -> Any:
        """Return the target under test (``sim2real.targets.Target``); the tests close it."""
        raise NotImplementedError("Write `make(self)` in your test class.")

    def policy(self) -> Policy | None:
        """Return the policy to try; None for recordings."""
        raise NotImplementedError("Write `policy(self)` in your test class.")

    def collected(self, seed: int = 0) -> tuple[Any, tuple[Episode, ...]]:
        """Return a target, closed, and some of its episodes."""
        target = self.make()
        try:
            return target, target.collect(self.policy(), self.episodes, np.random.default_rng(seed))
        finally:
            target.close()

    def test_it_says_what_it_is_and_what_it_offers(self) -> None:
        target = self.make()
        assert target.kind in ("pseudo-real", "recording", "robot")
        assert Need.OUTCOMES in target.offers
        target.close()
        target.close()

    def test_it_gives_as_many_episodes_as_were_asked_for(self) -> None:
        _, episodes = self.collected()
        assert len(episodes) == self.episodes
        assert all(isinstance(episode, Episode) for episode in episodes)

    def test_it_tells_only_what_reality_would(self) -> None:
        for episode in self.collected()[1]:
            assert episode.domain is None
            assert episode.seed is None

    def test_every_episode_has_the_same_finite_outcomes_and_a_start(self) -> None:
        _, episodes = self.collected()
        for episode in episodes:
            assert set(episode.outcome) == set(episodes[0].outcome) != set()
            assert np.isfinite(list(episode.outcome.values())).all()
            assert episode.start.values
            assert set(episode.start.spread) <= set(episode.start.values)
            assert episode.steps > 0
            assert episode.period > 0.0

    def test_what_it_offers_is_there(self) -> None:
        target, episodes = self.collected()
        if Need.TRAJECTORIES not in target.offers:
            return
        for episode in episodes:
            assert episode.actions is not None
            assert len(episode.actions) == episode.steps
            assert episode.observations is not None or episode.path

    def test_the_same_stream_gives_the_same_episodes(self) -> None:
        if not self.repeats:
            return
        (_, first), (_, again) = self.collected(4), self.collected(4)
        for one, other in zip(first, again, strict=True):
            assert dict(one.outcome) == dict(other.outcome)
            for name in one.start.values:
                assert (one.start.values[name] == other.start.values[name]).all()
