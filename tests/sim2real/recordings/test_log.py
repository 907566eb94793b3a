"""Logs: what is written is read again to the bit, in SI whatever the file says, and never half of it."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim2real.errors import RecordingError
from sim2real.recordings.log import (
    CANONICAL,
    KINDS,
    ORIGINS,
    UNITS,
    Gains,
    Log,
    LogEpisode,
    Signal,
    check_log,
    read_log,
    response_lags,
    write_log,
)
from tests.support.logs import DELAY, RATE, good_log, parts, put

SI = sorted(name for name, unit in UNITS.items() if unit.si == name and not name.startswith("q"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
SHAPES = st.sampled_from([(), (1,), (2,), (3,), (2, 3)])
JSON = st.recursive(st.none() | st.booleans() | FINITE | WORDS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    shape = draw(SHAPES)
    size = math.prod(shape)
    return Signal(
        kind=draw(st.sampled_from(KINDS)),
        unit=draw(st.sampled_from(SI)),
        shape=shape,
        frame=draw(st.sampled_from(["", "base", "camera"])),
        names=tuple(draw(st.lists(WORDS, min_size=size, max_size=size))) if draw(st.booleans()) else (),
        rate=draw(st.none() | st.floats(0.1, 1e4)),
        description=draw(WORDS),
    )


@st.composite
def logs(draw: st.DrawFn) -> Log:
    described = draw(st.dictionaries(st.sampled_from(["a", "b.c", "é", "joints", "reward"]), signals(), min_size=1))
    rate = draw(st.floats(0.5, 5000.0))
    episodes = []
    for number in draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=3, unique=True)):
        rows = draw(st.integers(1, 5))
        values = {
            name: draw(arrays(np.float64, (rows, *each.shape), elements=FINITE)) for name, each in described.items()
        }
        for name, each in described.items():
            if each.kind == "action" and rows > 1 and draw(st.booleans()):
                values[name][-1] = np.nan
        times = draw(st.floats(0.0, 100.0)) + np.arange(rows) / rate
        success, outcome = draw(st.none() | st.booleans()), draw(st.dictionaries(WORDS, FINITE, max_size=2))
        episodes.append(LogEpisode(number, times, values, draw(WORDS), success, draw(WORDS), outcome))
    size = draw(st.integers(0, 3))
    gains = Gains(*(draw(arrays(np.float64, size, elements=FINITE)) for _ in range(2))) if size else None
    return Log(
        described,
        tuple(episodes),
        rate,
        draw(st.sampled_from(ORIGINS)),
        draw(WORDS),
        draw(WORDS),
        tuple(draw(st.lists(WORDS, max_size=3))),
        gains,
        draw(st.dictionaries(WORDS, WORDS, max_size=2)),
        draw(WORDS),
        draw(WORDS),
        draw(st.dictionaries(WORDS, JSON, max_size=2)),
    )


def assert_same(a: Log, b: Log) -> None:
    """Assert that two logs are equal to the bit."""
    for name in ("signals", "rate", "origin", "description", "robot", "joints", "frames", "source", "licence", "extra"):
        assert getattr(a, name) == getattr(b, name), name
    assert (a.gains is None) == (b.gains is None)
    if a.gains is not None and b.gains is not None:
        assert a.gains.stiffness.tolist() == b.gains.stiffness.tolist()
        assert a.gains.damping.tolist() == b.gains.damping.tolist()
    assert len(a.episodes) == len(b.episodes)
    for x, y in zip(a.episodes, b.episodes, strict=True):
        for name in ("number", "label", "success", "failure_mode", "outcome"):
            assert getattr(x, name) == getattr(y, name), name
        assert x.times.tobytes() == y.times.tobytes()
        assert {name: array.tobytes() for name, array in x.values.items()} == {
            name: array.tobytes() for name, array in y.values.items()
        }
        assert {name: array.shape for name, array in x.values.items()} == {
            name: array.shape for name, array in y.values.items()
        }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(log=logs())
def test_what_is_written_is_read_again_to_the_bit(log: Log, tmp_path: Path) -> None:
    assert_same(read_log(write_log(tmp_path / "log", log)), log)


def test_a_log_goes_to_another_process_as_it_is() -> None:
    assert_same(pickle.loads(pickle.dumps(good_log())), good_log())


def test_the_name_may_be_that_of_either_file_or_of_both(tmp_path: Path) -> None:
    write_log(tmp_path / "arm.v2", good_log())  # a dot in a name is no ending
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arm.v2.json", "arm.v2.parquet"]
    for name in ("arm.v2", "arm.v2.json", "arm.v2.parquet"):
        assert_same(read_log(tmp_path / name), good_log())


def test_pandas_alone_reads_the_rows(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(write_log(tmp_path / "log", good_log()))
    assert list(frame)[:3] == ["episode", "time", "joint.position"]
    assert np.stack(list(frame["joint.position"])).shape == (len(frame), 7)


# -- Units --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "value", "si", "expected"),
    [
        ("deg", 180.0, "rad", math.pi),
        ("turn", 0.5, "rad", math.pi),
        ("rpm", 60.0, "rad/s", 2.0 * math.pi),
        ("mm", 12.0, "m", 0.012),
        ("mm/s", 12.0, "m/s", 0.012),
        ("mNm", 5.0, "Nm", 0.005),
        ("g0", 1.0, "m/s2", 9.80665),
        ("degC", 20.0, "K", 293.15),
        ("%", 50.0, "-", 0.5),
        ("Nm/deg", math.pi / 180.0, "Nm/rad", 1.0),
        ("kg cm2", 1.0, "kg m2", 1e-4),
        ("bar", 1.0, "Pa", 1e5),
    ],
)
def test_a_unit_becomes_si(unit: str, value: float, si: str, expected: float, tmp_path: Path) -> None:
    header: dict[str, Any] = {"format": "sim2real log", "schema": 1, "origin": "robot", "rate": 10, "time_unit": "ms"}
    header["signals"] = {"x": {"kind": "observation", "unit": unit}}
    columns = {"episode": np.zeros(3, int), "time": np.array([0.0, 100.0, 200.0]), "x": np.full(3, value)}
    log = read_log(put(tmp_path, columns, header))
    assert log.signals["x"].unit == si
    np.testing.assert_allclose(log.episodes[0]["x"], expected, rtol=1e-12)
    np.testing.assert_allclose(log.episodes[0].times, [0.0, 0.1, 0.2])


@given(value=st.floats(-1e6, 1e6), unit=st.sampled_from(sorted(UNITS)))
def test_every_unit_is_linear_in_its_si_unit(value: float, unit: str) -> None:
    table = UNITS[unit]
    assert UNITS[table.si].si == table.si
    assert table.scale > 0.0
    zero, one, some = table.to_si(np.array([0.0, 1.0, value]))
    np.testing.assert_allclose(some, zero + (one - zero) * value, rtol=1e-9, atol=1e-9)


def test_flat_columns_of_mixed_units_and_a_quaternion_with_w_first_become_si_and_xyzw(tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    pose, position = columns.pop("object.pose"), columns.pop("joint.position")
    for index, name in enumerate(("x", "y", "z")):
        columns[name] = 1000.0 * pose[:, index]
    for name, index in (("w", 6), ("i", 3), ("j", 4), ("k", 5)):
        columns[name] = pose[:, index]
    columns |= {f"q{index}": np.degrees(position[:, index]) for index in range(7)}
    header["signals"]["object.pose"] |= {
        "columns": ["x", "y", "z", "w", "i", "j", "k"],
        "unit": ["mm", "mm", "mm", "qw", "qx", "qy", "qz"],
    }
    header["signals"]["joint.position"] |= {"columns": [f"q{index}" for index in range(7)], "unit": "deg"}
    del header["signals"]["joint.position"]["shape"]  # as many as there are columns
    path = put(tmp_path, columns, header)
    assert check_log(path) == ()
    log = read_log(path)
    for found, wanted in zip(log.episodes, good_log().episodes, strict=True):
        for name in ("object.pose", "joint.position"):
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-12, atol=1e-15)
    assert log.signals["object.pose"].unit == ("m", "m", "m", "qx", "qy", "qz", "qw")
    assert log.signals["object.pose"].names == ()


def test_counts_of_an_encoder_need_a_scale_and_an_offset(tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    columns["joint.position"] = np.round(columns["joint.position"] / (2.0 * math.pi / 4096.0)).astype(int) + 2048
    scale = 2.0 * math.pi / 4096.0
    header["signals"]["joint.position"] |= {"scale": scale, "offset": -2048 * scale}
    found = read_log(put(tmp_path, columns, header)).episodes[0]["joint.position"]
    np.testing.assert_allclose(found, good_log().episodes[0]["joint.position"], atol=0.5 * scale + 1e-9)


def test_rows_as_lists_of_any_kind_and_whole_numbers_are_read(tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    table = {name: pa.array(list(column)) for name, column in columns.items()}
    table["joint.position"] = table["joint.position"].cast(pa.large_list(pa.float32()))
    table["episode"] = table["episode"].cast(pa.uint8())
    path = put(tmp_path, columns, header)
    pq.write_table(pa.table(table), path)
    found = read_log(path).episodes[2]["joint.position"]
    np.testing.assert_allclose(found, good_log().episodes[2]["joint.position"], atol=1e-6)


# -- Whole or not at all ------------------------------------------------------------------------------------------


def test_a_log_that_would_be_refused_is_not_written(tmp_path: Path) -> None:
    log = good_log()
    values = dict(log.episodes[1].values)
    values["joint.position"] = values["joint.position"].copy()
    values["joint.position"][3, 2] = np.nan
    broken = LogEpisode(1, log.episodes[1].times, values)
    fields = {name: getattr(log, name) for name in log.__dataclass_fields__}
    with pytest.raises(RecordingError, match=r"joint\.position\[2\], episode 1, row 83: must be finite"):
        write_log(tmp_path / "log", Log(**{**fields, "episodes": (log.episodes[0], broken)}))
    assert list(tmp_path.iterdir()) == []


def test_rows_without_their_header_are_refused(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log", good_log())
    path.with_suffix(".json").unlink()
    with pytest.raises(RecordingError, match=r"log\.json: must be there, but is not"):
        read_log(path)


def test_all_errors_are_said_at_once(tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    columns["time"][5] = columns["time"][4]
    columns["tool.force"][7, 1] = np.inf
    del header["origin"]
    header["signals"]["object.pose"]["unit"] = "mm"
    with pytest.raises(RecordingError) as refused:
        read_log(put(tmp_path, columns, header))
    text = str(refused.value)
    assert "4 errors" in text
    for place in ("origin", "signals.object.pose.unit", "tool.force[1], episode 0, row 7", "time, episode 0, row 5"):
        assert place in text


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be written"):
        write_log(tmp_path / "file" / "log", good_log())


def test_signals_with_units_of_their_own_are_no_log() -> None:
    with pytest.raises(RecordingError, match="must have one SI unit"):
        Log({"x": Signal("observation", "deg")}, (), 10.0, "robot")
    with pytest.raises(RecordingError, match="same number of rows"):
        LogEpisode(0, np.zeros(2), {"x": np.zeros(3)})
    with pytest.raises(RecordingError, match=r"must have shape \(t, 3\)"):
        Log(
            {"x": Signal("observation", "m", (3,))},
            (LogEpisode(0, np.zeros(1), {"x": np.zeros((1, 2))}),),
            10.0,
            "robot",
        )


# -- What is known without a model --------------------------------------------------------------------------------


def test_the_lag_of_a_response_is_the_delay_that_was_put_in() -> None:
    lags = response_lags(good_log())
    assert list(lags) == [f"joint.position[{index}]" for index in range(7)]
    np.testing.assert_allclose(list(lags.values()), DELAY / RATE, atol=1e-3)


def test_the_shared_names_are_those_of_a_world_state() -> None:
    from sim2real_envs.state import WORLD_STATE_SHAPES

    shared = set(WORLD_STATE_SHAPES) & set(CANONICAL)
    assert {"joint.position", "joint.velocity", "object.pose", "object.twist", "goal", "hole.pose"} <= shared
    for name in shared:
        assert CANONICAL[name].shape == WORLD_STATE_SHAPES[name], name


def test_the_header_is_json_that_people_read(tmp_path: Path) -> None:
    header = json.loads(write_log(tmp_path / "log", good_log()).with_suffix(".json").read_text())
    assert header["signals"]["joint.position"] == {"kind": "observation", "unit": "rad", "shape": [7]}
    assert header["gains"]["stiffness"] == {"unit": "Nm/rad", "values": [600.0] * 7}
    assert header["episodes"][1] == {"episode": 1, "label": "try-1", "outcome": {"error": 0.01}, "success": True}
    assert (header["rows"], header["rate"], header["time_unit"]) == (240, 100.0, "s")


def test_the_header_in_the_documentation_is_one(tmp_path: Path) -> None:
    from sim2real.recordings import log

    text = str(log.__doc__)
    header = json.loads(text[text.index("    {") : text.index("``kind`` is")])
    written, _ = parts(good_log(), tmp_path)
    columns = {name: written[name] for name in ("episode", "time", "joint.command")}
    columns |= {f"q{joint + 1}": np.degrees(written["joint.position"][:, joint]) for joint in range(7)}
    columns["object.pose"] = written["object.pose"][:, [0, 1, 2, 6, 3, 4, 5]] * [1e3, 1e3, 1e3, 1.0, 1.0, 1.0, 1.0]
    path = put(tmp_path, columns, header)
    assert check_log(path) == ()
    for found, wanted in zip(read_log(path).episodes, good_log().episodes, strict=True):
        np.testing.assert_allclose(found["object.pose"], wanted["object.pose"], atol=1e-12)
        np.testing.assert_allclose(found["joint.position"], wanted["joint.position"], atol=1e-12)
