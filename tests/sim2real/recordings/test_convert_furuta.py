"""Published rollouts are converted without running anything in them, and a fault is named by file and row."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real import recordings
from sim2real.errors import RecordingError
from sim2real.recordings import furuta
from sim2real.recordings.convert import furuta as convert
from tests.sim2real.recordings.test_fetch import repository

STEPS = 260


class StepSequence:
    """Stands for the published class of that name."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Strange(list[object]):
    """Something else that a rollout carries along, which is not needed."""


def fields() -> dict[str, Any]:
    states = np.stack([np.linspace(0.0, 1.0, STEPS + 1), np.linspace(0.0, 4.0, STEPS + 1)], axis=1)
    commanded = np.linspace(-5.0, 5.0, STEPS)[:, None]
    return {
        "states": np.concatenate([states, np.zeros_like(states)], axis=1),
        "observations": np.stack([f(states[:, k]) for k in (0, 1) for f in (np.sin, np.cos)], axis=1),
        "actions": commanded,
        "actions_applied": commanded.clip(-4.0, 4.0),
        "rollout_info": {"spec": Strange([Strange(), {"a": 1}])},
    }


def write(folder: Path, made: dict[str, Any], protocol: int = 4) -> Path:
    path = folder / "qq_chrip_10to0Hz_+1.5V_250Hz_10s" / "rollout_real_2021-04-14_18-53-40.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(StepSequence(**made), protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_rollout_becomes_a_table_that_the_loader_reads(tmp_path: Path, protocol: int) -> None:
    write(tmp_path / "published", fields(), protocol)
    destination = tmp_path / "data" / "furuta_quanser"
    destination.mkdir(parents=True)
    seen: list[tuple[int, int]] = []
    assert convert.convert(tmp_path / "published", destination, lambda *done: seen.append(done)) == 1
    assert seen == [(1, 1)]
    loaded = furuta.load(tmp_path / "data" / furuta.FILE)
    assert [each.name for each in loaded] == ["chirp 18:53:40, 0.0 s", "chirp 18:53:40, 0.5 s"]
    np.testing.assert_allclose(loaded[0].values["joint.position"], fields()["states"][:126, :2], atol=1e-8)
    np.testing.assert_allclose(loaded[0].actions, fields()["actions_applied"][:125], atol=1e-8)


def test_a_clone_of_the_repository_can_be_fetched_and_loaded(tmp_path: Path) -> None:
    rollout = write(tmp_path, fields())
    place = f"Pyrado/data/perma/evaluation/{rollout.parent.name}/{rollout.name}"
    clone = repository(tmp_path / "SimuRLacra", {place: rollout.read_bytes(), "LICENSE.txt": b"BSD-3"})
    fetched = recordings.fetch("furuta-chirps", tmp_path / "data", source=clone)
    assert (fetched.recordings, fetched.pinned) == (1, False)
    assert len(recordings.load("furuta", tmp_path / "data")) == 2


def test_without_states_and_applied_voltage_angles_and_the_drives_limit_stand_for_them(tmp_path: Path) -> None:
    whole, made = fields(), fields()
    del made["states"], made["actions_applied"]
    assert gzip.decompress(convert.convert_file(write(tmp_path / "a", made))) == gzip.decompress(
        convert.convert_file(write(tmp_path / "b", whole))
    )


class _Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.mark,)  # type: ignore[return-value]


def test_a_file_that_would_run_code_runs_none(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = write(tmp_path, {**fields(), "trap": _Trap(mark)})
    convert.convert_file(path)
    path.write_bytes(pickle.dumps(_Trap(mark)))
    with pytest.raises(RecordingError, match="must have 'actions'"):
        convert.convert_file(path)
    assert not mark.exists()


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, fields())
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(RecordingError, match=r"18-53-40\.pkl: cannot be read from row 0 on as a pickle"):
        convert.convert_file(path)


def test_what_is_missing_or_of_another_shape_is_named(tmp_path: Path) -> None:
    made = fields()
    made["actions_applied"] = made["actions_applied"][:-1]
    with pytest.raises(RecordingError, match="261 states, 260 actions and 259 applied"):
        convert.convert_file(write(tmp_path, made))
    made = fields()
    made["states"] = made["states"][:, :1]
    with pytest.raises(RecordingError, match=r"'states' must hold numbers of shape \(t, 2 or more\)"):
        convert.convert_file(write(tmp_path, made))
    made = fields()
    made["states"][17, 1] = np.nan
    with pytest.raises(RecordingError, match="row 17: 'states' must be finite"):
        convert.convert_file(write(tmp_path, made))
