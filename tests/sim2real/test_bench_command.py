"""The commands that measure speed: tables, JSON, and mistakes."""

from __future__ import annotations

import json

import pytest

from sim2real.cli import main


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of one call, what engines print among them."""
    with pytest.raises(SystemExit) as ended:
        main(["bench", *map(str, arguments)])
    captured = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err


def test_bench_env_prints_ratios_and_where_the_time_goes(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("panda_gym", reason="panda-gym is in the dev extra")
    code, out, _ = call(capfd, "env", "--env", "PandaReach-v0", "--steps", 60, "--turns", 2)
    assert code == 0
    for words in ("panda-gym, PandaReach-v3", "sim2real, PandaReach-v0", "ours / this", "inside the engine", "sensors"):
        assert words in out


def test_bench_env_as_json_is_json_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("panda_gym", reason="panda-gym is in the dev extra")
    code, out, _ = call(capfd, "env", "--env", "PandaReach-v0", "--steps", 60, "--turns", 2, "--json")
    assert code == 0
    figures = json.loads(out)
    assert figures["speed"][0]["speeds"][0]["ratio"] > 0.0
    assert 0.0 < figures["parts"][0]["engine_share"] < 1.0


def test_an_environment_that_does_not_exist_is_a_mistake(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capfd, "env", "--env", "PandaPsh-v0")
    assert code == 2
    assert "Did you mean 'PandaPush-v0'" in err


def test_bench_reset_prints_times_and_memory(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "reset", "--env", "PandaReach-v0", "--count", 3, "--resets", 10)
    assert code == 0
    assert "parameters randomized" in out
    assert "after 10 more" in out
