"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from sim2real.cli import main
from sim2real.cli.app import _with_resume_value
from sim2real.cli.guard import guarded
from sim2real.cli.live import Clock, LiveBar, PlainLines, duration, progress_for, stages
from sim2real.cli.tables import result_tables
from sim2real.errors import Interrupted, Sim2RealError
from sim2real_envs.errors import EnvError

ROOT = Path(__file__).parents[2]
TINY = """\
name: tiny
env: {id: PandaReach-v0}
parameters:
  actuator.delay: {low: 0.0, high: 0.1}
methods: [uniform]
agent: {algorithm: PPO, preset: reach, warmup_steps: 200000, round_steps: 2048}
targets:
  late: {type: hidden, domain: {actuator.delay: 0.05}}
episodes: {real_per_round: 1, simulated_per_round: 2, final: 2}
"""
BROKEN = (
    TINY.replace("actuator.delay: {low", "actuator.dealy: {low").replace("seeds", "seed").replace("uniform", "unifrom")
)


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of one call, without colours."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def run_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sim2real.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


# -- Commands ----------------------------------------------------------------------------------------------------


def test_help_shows_every_command_and_loads_no_engine_and_no_learning_library() -> None:
    code = (
        "import contextlib, sys\n"
        "from sim2real.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    text, _, modules = done.stdout.strip().rpartition("\n")
    for command in ("run", "envs", "parameters", "schema", "rollout", "report", "doctor", "data", "bench"):
        assert re.search(rf"\b{command}\b", text)
    assert not {"torch", "pybullet", "stable_baselines3", "pandas", "scipy"} & set(modules.split())


@pytest.mark.parametrize("command", ["run", "parameters", "schema", "rollout", "report", "envs"])
def test_the_help_of_a_command_has_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = call(capsys, command, "--help")
    assert code == 0
    assert f"sim2real {command}" in out.replace(f"Usage: sim2real {command}", "") or "gymnasium.make" in out


def test_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"sim2real \d+\.\d+\.\d+\n", out)


def test_envs_lists_environments_and_rigs_with_options(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "envs")
    assert code == 0
    for word in ("PandaReach-v0", "PandaPush-v0", "cube_toss", "substeps", "control=ee_delta"):
        assert word in out


@pytest.mark.parametrize(("world", "unit"), [("PandaPush-v0", "kg m2"), ("cube_toss", "N s/m")])
def test_parameters_lists_every_parameter(capsys: pytest.CaptureFixture[str], world: str, unit: str) -> None:
    from sim2real.experiment import catalogue

    code, out, _ = call(capsys, "parameters", world)
    assert code == 0
    for name, parameter in catalogue.parameter_space(catalogue.kind_of(world), world, {}).items():
        (line,) = [line for line in out.splitlines() if re.search(rf" {re.escape(name)} ", line)]
        assert f"{parameter.low:.4g} … {parameter.high:.4g}" in line
    assert unit in out


def test_an_unknown_environment_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "parameters", "PandaPsh-v0")
    assert (code, out) == (2, "")
    assert err.startswith("Error: 'PandaPsh-v0' is not an environment or a rig. Did you mean 'PandaPush-v0'?")


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "schema")
    assert code == 0
    assert "parameters" in json.loads(out)["properties"]


def test_data_lists_recordings_and_how_to_get_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM2REAL_DATA", str(tmp_path))
    code, out, _ = call(capsys, "data", "list")
    assert code == 0
    assert "sim2real data fetch cube-toss" in " ".join(out.split())
    assert call(capsys, "data", "fetch", "cube-tos")[0] == 2
    code, _, err = call(capsys, "data", "fetch", "cube-toss", "--from", tmp_path / "nothing")
    assert code == 2
    assert "there is no such folder" in err


def test_doctor_finds_this_machine_fit_and_an_unwritable_folder_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = call(capsys, "doctor", "--output", tmp_path / "results")
    assert code == 0, out
    for word in ("Python", "torch starts", "PandaPush-v0 renders", "git", "ffmpeg", "can be made"):
        assert word in out
    assert not (tmp_path / "results").exists()
    from sim2real import doctor

    (tmp_path / "file").touch()
    finding = doctor._writable(tmp_path / "file" / "results")
    assert (finding.state, finding.remedy) == ("broken", "choose another with --output DIR")


# -- Mistakes ----------------------------------------------------------------------------------------------------


def test_a_malformed_file_is_listed_in_full_with_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(BROKEN + "rounds: -1\nrounds: 2\n")
    done = run_process("run", file, "--output", tmp_path / "out", "--set", "agent.preset=raech")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert f"Error: {file}: 5 problems" in done.stderr
    for problem in (
        "line 11, column 1: the key 'rounds' occurs twice; the first is on line 10",
        "line 4, parameters.actuator.dealy: 'actuator.dealy' is not a parameter of PandaReach-v0.",
        "line 5, methods.0: 'unifrom' is not a method",
        "agent.preset: 'raech' is not a preset of PPO. Did you mean 'reach'?",
        "line 10, rounds: must be at least 0, but got -1",
    ):
        assert problem in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["nothing.yaml"], ["nothing.yaml", "--resume"], ["--resume", "nothing.yaml"]])
def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, _, err = call(capsys, "run", *arguments)
    assert code == 2
    assert "there is no file 'nothing.yaml'" in err


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "--resume"], ["run", "a", "b"], ["walk"], ["run", "a", "--sed", "1"]]
)
def test_a_wrong_call_ends_with_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_an_unwritable_output_folder_is_said_before_training(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(TINY)
    began = time.monotonic()
    done = run_process("run", file, "--output", file / "out")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "--output" in done.stderr
    assert "warm-up" not in done.stderr
    assert time.monotonic() - began < 60.0


def test_resuming_a_run_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(TINY)
    done = run_process("run", file, "--output", tmp_path / "out", "--resume", "yesterday")
    assert done.returncode == 2
    assert "'yesterday' is not a run of 'tiny'" in done.stderr


def test_a_folder_that_is_not_a_run_has_no_report_and_no_film(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for command in ("report", "rollout"):
        code, _, err = call(capsys, command, tmp_path / "nothing")
        assert code == 2
        assert err.startswith("Error: ")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Sim2RealError("two words"), 2, "Error: two words\n"),
        (EnvError("two words"), 2, "Error: two words\n"),
        (Interrupted("go on with: x"), 130, "go on with: x\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
    ],
)
def test_errors_become_exit_codes(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    @guarded
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == message


def test_an_error_that_is_ours_to_mend_keeps_its_traceback() -> None:
    @guarded
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command()


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(TINY)
    command = [
        sys.executable,
        "-c",
        "from sim2real.cli import main; main()",
        "run",
        str(file),
        "--output",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "warm-up" in line:
                break
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, said + rest
    assert "Traceback" not in rest
    assert "--resume" in rest
    assert out == ""


# -- Parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "filled"),
    [
        (["run", "f"], ["run", "f"]),
        (["run", "f", "--resume"], ["run", "f", "--resume=newest"]),
        (["run", "f", "--resume", "--seed", "1"], ["run", "f", "--resume=newest", "--seed", "1"]),
        (["run", "f", "--resume", "yesterday"], ["run", "f", "--resume", "yesterday"]),
        (["run", "f", "--resume=yesterday"], ["run", "f", "--resume=yesterday"]),
    ],
)
def test_a_bare_resume_means_the_newest_run(arguments: list[str], filled: list[str]) -> None:
    assert _with_resume_value(arguments) == filled


def rates(k: int, n: int) -> dict[str, Any]:
    return {"k": k, "n": n, "rate": k / n, "low": 0.1, "high": 0.9}


def rendered(summary: dict[str, Any]) -> str:
    out = io.StringIO()
    for table in result_tables(summary):
        Console(file=out, width=160).print(table)
    return out.getvalue()


def test_the_table_of_a_run_has_a_row_per_piece_and_one_per_method_over_seeds() -> None:
    gap = {"value": 0.1, "low": -0.2, "high": 0.4}
    result = {"real": rates(9, 10), "simulated": rates(10, 10), "gap": gap, "real_episodes_used": 15}
    pieces = [{"method": "particles", "target": "slippery", "seed": seed, **result} for seed in (0, 1)]
    text = rendered(
        {"experiment": "quick", "pieces": pieces, "methods": {"particles": {**result, "real": rates(18, 20)}}}
    )
    assert text.count("9/10 [10%, 90%]") == 2
    assert text.count("+0.10 [-0.20, +0.40]") == 3
    assert re.search(r"particles.*all.*all.*18/20", text)


def test_the_table_of_an_identification_has_a_row_per_parameter() -> None:
    marginal = {"mean": 0.187, "low": 0.17, "high": 0.2, "contraction": 0.97, "verdict": "identified"}
    found = {
        "parameters": {"object.friction": marginal},
        "held_out": {"n": 400, "position_error_mm": 14.0},
        "fitted_on": 30,
    }
    piece = {"method": "particles", "target": "tosses", "seed": 0, "identification": found}
    text = rendered({"experiment": "toss", "pieces": [piece], "methods": {}})
    assert re.search(r"object\.friction.*0\.187.*0\.17 … 0\.2.*0\.97.*identified", text)
    assert "position_error_mm 14" in text


class FakeTime:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_time_left_follows_from_what_is_done() -> None:
    now = FakeTime()
    clock = Clock(now)
    clock.start(total=100, share=0.25)
    assert clock.left() == ""
    now.seconds = 10.0
    clock.advance(50)
    assert clock.stage_left() == pytest.approx(10.0)
    assert clock.run_left() == pytest.approx(70.0)
    clock.finish()
    clock.start(total=10, share=0.75)
    now.seconds = 40.0
    assert clock.run_left() == pytest.approx(120.0)
    assert clock.left() == "2 min 0 s left of the run"


def test_a_stage_without_a_share_has_a_time_left_of_its_own() -> None:
    now = FakeTime()
    clock = Clock(now)
    clock.start(total=4, share=0.0)
    now.seconds = 3.0
    clock.advance(3)
    assert clock.left() == "1 s left"


def test_plain_lines_come_now_and_then() -> None:
    now, lines = FakeTime(), list[str]()
    with PlainLines(lines.append, every=10.0, now=now) as progress:
        progress.start("train", 100)
        for done in range(0, 101, 10):
            now.seconds += 3.0
            progress.advance(done)
        progress.message("gap +0.10")
        progress.finish()
        progress.advance(100)
    assert lines == ["train", "train: 30%, 28 s left", "train: 70%, 10 s left", "gap +0.10"]


def test_a_live_bar_shows_stage_share_and_messages() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with progress_for(console) as progress:
        assert isinstance(progress, LiveBar)
        progress.start("particles s0 · train", 10)
        progress.advance(5)
        progress.message("[bold]kept as it is[/]")
        progress.start("particles s0 · real", 4)
        progress.finish()
        progress.finish()
    assert "[bold]kept as it is[/]" in out.getvalue()


def test_functions_of_what_done_total_become_stages() -> None:
    lines: list[str] = []
    show = stages(PlainLines(lines.append))
    for what, done in (("fetching", 0), ("fetching", 1), ("converting", 0)):
        show(what, done, 0)
    assert lines == ["fetching", "converting"]


@pytest.mark.parametrize(("seconds", "words"), [(8.4, "8 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")])
def test_durations_are_said_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
