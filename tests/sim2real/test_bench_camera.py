"""The benchmark of pictures: who draws, what is observed, and where the time goes."""

from __future__ import annotations

import pytest

from sim2real import bench
from sim2real_envs.backends.base import ENGINE


def test_pictures_are_measured_alone_as_observations_and_in_parts() -> None:
    pytest.importorskip("panda_gym", reason="panda-gym is in the dev extra")
    told: list[tuple[int, int]] = []
    result = bench.camera_speed("PandaReach-v0", turns=1, steps=2, progress=lambda *done: told.append(done))
    assert told[-1] == (5, 5)
    assert [speed.name.split(",")[0] for speed in result.frames] == ["panda-gym", "sim2real"]
    assert [speed.name.split("=")[1] for speed in result.steps] == ["'pixels'", "'depth'", "'multimodal'"]
    assert all(speed.rate > 0.0 for speed in (*result.frames, *result.steps))
    shares = {part.name: part.share for part in result.parts.parts}
    assert shares[f"{ENGINE}pictures"] > 0.0
    assert any(name.startswith("cameras") for name in shares)
