"""``sim2real data check`` and ``convert``: what they print, how they end, and what is there afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim2real.cli import main
from sim2real.recordings.lerobot import read_lerobot, write_lerobot
from sim2real.recordings.log import read_log, write_log
from tests.support.log_faults import FAULTS
from tests.support.logs import good_log, parts, put


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of one call."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_log(tmp_path / "arm", good_log())


def test_a_good_log_is_described(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "data", "check", good)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "  joint.position: observation, 7, rad",
        "  joint.velocity: observation, 7, rad/s",
        "  joint.command: action, 7, rad",
        "  tool.force: force, 3, N, in base",
        "  object.pose: observation, 7, m qx qy qz qw, in base",
        "  joint.position follows its command 0.040 to 0.040 s late, delay and the controller's lag together",
        "  3 episodes, 240 rows at 100 Hz, 2.4 s",
        f"{good}: 0 errors, 0 warnings",
    ]


def test_errors_are_printed_with_exit_code_2_and_warnings_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns, header = parts(good_log(), tmp_path)
    FAULTS["millimetres"](columns, header)
    path = put(tmp_path, columns, header)
    code, out, _ = call(capsys, "data", "check", path)
    assert code == 0
    assert out.splitlines()[0].startswith("warning: log.parquet, object.pose[0]: reaches 509.1 m.")
    assert out.splitlines()[-1] == f"{path}: 0 errors, 1 warning"
    FAULTS["unknown_unit"](columns, header)
    code, out, _ = call(capsys, "data", "check", put(tmp_path, columns, header))
    assert code == 2
    assert "Did you mean 'deg/s'?" in out.splitlines()[0]
    assert out.splitlines()[-1] == f"{path}: 1 error, 1 warning"


def test_json_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, header = parts(good_log(), tmp_path)
    FAULTS["nan_in_a_sensor"](columns, header)
    code, out, _ = call(capsys, "data", "check", put(tmp_path, columns, header), "--json")
    report = json.loads(out)
    assert (code, report["errors"], report["warnings"]) == (2, 1, 0)
    (finding,) = report["findings"]
    assert (finding["level"], finding["rule"], finding["row"]) == ("error", "not-finite", 100)


def test_a_file_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "data", "check", tmp_path / "no.parquet")
    assert code == 2
    assert "no.parquet: must be there, but is not." in out
    assert "no.json: must be there, but is not." in out


def test_a_log_goes_to_lerobot_and_back(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "data", "convert", good, "--to", "lerobot", tmp_path / "set", "--task", "follow")
    assert (code, out) == (0, f"{tmp_path / 'set'}: 3 episodes, 237 rows (3 rows without an action left out)\n")
    assert len(read_lerobot(tmp_path / "set").episodes) == 3
    code, out, _ = call(capsys, "data", "convert", tmp_path / "set", tmp_path / "back.parquet", "--to", "log")
    assert (code, out) == (0, f"{tmp_path / 'back.parquet'}: 3 episodes, 237 rows\n")
    back = read_log(tmp_path / "back")
    for found, wanted in zip(back.episodes, good_log().episodes, strict=True):
        np.testing.assert_allclose(found["joint.position"], wanted["joint.position"][:-1], atol=1e-6)


def test_a_log_in_other_units_is_rewritten_in_si(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, header = parts(good_log(), tmp_path)
    columns["joint.position"] = np.degrees(columns["joint.position"])
    header["signals"]["joint.position"]["unit"] = "deg"
    code, _, _ = call(capsys, "data", "convert", put(tmp_path, columns, header), tmp_path / "si", "--to", "log")
    assert code == 0
    assert json.loads((tmp_path / "si.json").read_text())["signals"]["joint.position"]["unit"] == "rad"
    code, _, err = call(capsys, "data", "convert", tmp_path / "log", tmp_path / "si", "--to", "log")
    assert code == 2
    assert "is there already" in err


def test_a_lerobot_data_set_needs_a_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_lerobot(tmp_path / "set", good_log())
    (folder / "meta/sim2real.json").unlink()
    code, _, err = call(capsys, "data", "convert", folder, tmp_path / "log", "--to", "log")
    assert code == 2
    assert "they are not guessed" in err
    (tmp_path / "map.yaml").write_text(
        "origin: robot\nsignals:\n  joint.position: {kind: observation, unit: rad, columns: [observation.state], "
        "shape: [7]}\nignore: [action, joint.velocity, tool.force, object.pose]\n"
    )
    arguments = ("data", "convert", folder, tmp_path / "log", "--to", "log", "--mapping")
    code, _, err = call(capsys, *arguments, tmp_path / "map.yaml")
    assert (code, err) == (0, "")
    assert list(read_log(tmp_path / "log").signals) == ["joint.position"]
    (tmp_path / "map.yaml").write_text("[")
    code, _, err = call(capsys, *arguments, tmp_path / "map.yaml")
    assert code == 2
    assert "cannot be read as a mapping" in err


def test_a_log_goes_to_minari(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("minari", reason="the extra `minari` is not installed")
    code, _, err = call(capsys, "data", "convert", good, "--to", "minari", tmp_path / "arm-v0")
    assert (code, err) == (0, "")
    assert (tmp_path / "arm-v0" / "data" / "metadata.json").is_file()
    code, _, err = call(capsys, "data", "convert", good, "--to", "minari", tmp_path / "arm")
    assert code == 2
    assert "must end in a version" in err
