"""Everything that can be wrong with a log: each fault put into one that has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.support.logs import DELAY, ROWS, Columns, Header

Fault = Callable[[Columns, Header], None]
FAULTS: dict[str, Fault] = {}


def fault(change: Fault) -> Fault:
    """Register a fault under the name of its function."""
    FAULTS[change.__name__] = change
    return change


def signal(header: Header, name: str) -> dict[str, Any]:
    """Return the entry of a signal."""
    entry: dict[str, Any] = header["signals"][name]
    return entry


# -- The header ---------------------------------------------------------------------------------------------------


@fault
def other_format(columns: Columns, header: Header) -> None:
    header["format"] = "csv"


@fault
def other_schema(columns: Columns, header: Header) -> None:
    header["schema"] = 2


@fault
def misspelt_key(columns: Columns, header: Header) -> None:
    header["license"] = header.pop("licence")


@fault
def no_rate(columns: Columns, header: Header) -> None:
    del header["rate"]


@fault
def rate_of_zero(columns: Columns, header: Header) -> None:
    header["rate"] = 0


@fault
def no_origin(columns: Columns, header: Header) -> None:
    header["origin"] = "real"


@fault
def no_time_unit(columns: Columns, header: Header) -> None:
    del header["time_unit"]


@fault
def no_signals(columns: Columns, header: Header) -> None:
    header["signals"] = {}


@fault
def no_unit(columns: Columns, header: Header) -> None:
    del signal(header, "joint.velocity")["unit"]


@fault
def unknown_unit(columns: Columns, header: Header) -> None:
    signal(header, "joint.velocity")["unit"] = "degs/s"


@fault
def unit_of_something_else(columns: Columns, header: Header) -> None:
    signal(header, "joint.velocity")["unit"] = "rad"


@fault
def too_few_units(columns: Columns, header: Header) -> None:
    signal(header, "object.pose")["unit"] = ["m", "m", "m"]


@fault
def half_a_quaternion(columns: Columns, header: Header) -> None:
    signal(header, "object.pose")["unit"] = ["m", "m", "m", "qx", "qx", "qz", "qw"]


@fault
def shape_in_the_header(columns: Columns, header: Header) -> None:
    signal(header, "joint.velocity")["shape"] = [6]


@fault
def shape_of_a_known_name(columns: Columns, header: Header) -> None:
    signal(header, "tool.force")["shape"] = [1, 3]


@fault
def unknown_kind(columns: Columns, header: Header) -> None:
    signal(header, "joint.command")["kind"] = "command"


@fault
def too_few_names(columns: Columns, header: Header) -> None:
    signal(header, "tool.force")["names"] = ["x", "y"]


@fault
def no_frame(columns: Columns, header: Header) -> None:
    del signal(header, "tool.force")["frame"]


@fault
def unexplained_frame(columns: Columns, header: Header) -> None:
    signal(header, "tool.force")["frame"] = "sensor"


@fault
def gains_without_unit(columns: Columns, header: Header) -> None:
    del header["gains"]["damping"]["unit"]


@fault
def gains_of_six_joints(columns: Columns, header: Header) -> None:
    for entry in header["gains"].values():
        entry["values"] = [1.0] * 6


@fault
def facts_of_no_episode(columns: Columns, header: Header) -> None:
    header["episodes"][2]["episode"] = 7


@fault
def success_in_words(columns: Columns, header: Header) -> None:
    header["episodes"][0]["success"] = "yes"


@fault
def rows_of_another_file(columns: Columns, header: Header) -> None:
    header["rows"] = 241


# -- The columns --------------------------------------------------------------------------------------------------


@fault
def no_episodes(columns: Columns, header: Header) -> None:
    del columns["episode"]


@fault
def no_times(columns: Columns, header: Header) -> None:
    del columns["time"]


@fault
def missing_column(columns: Columns, header: Header) -> None:
    del columns["tool.force"]


@fault
def undescribed_column(columns: Columns, header: Header) -> None:
    columns["gripper"] = np.arange(len(columns["time"]))


@fault
def column_of_text(columns: Columns, header: Header) -> None:
    columns["tool.force"] = np.array([str(each) for each in columns["tool.force"]])


@fault
def one_number_for_three(columns: Columns, header: Header) -> None:
    columns["tool.force"] = columns["tool.force"][:, 0]


@fault
def a_row_that_is_too_short(columns: Columns, header: Header) -> None:
    rows: Any = [list(row) for row in columns["tool.force"]]
    rows[9] = rows[9][:2]
    columns["tool.force"] = rows


@fault
def part_of_an_episode_number(columns: Columns, header: Header) -> None:
    columns["episode"] = columns["episode"] + 0.5


# -- The numbers --------------------------------------------------------------------------------------------------


@fault
def nan_in_a_sensor(columns: Columns, header: Header) -> None:
    columns["joint.velocity"][100:103, 4] = np.nan


@fault
def nan_in_a_command(columns: Columns, header: Header) -> None:
    columns["joint.command"][50, 0] = np.nan


@fault
def time_that_stands(columns: Columns, header: Header) -> None:
    columns["time"][90] = columns["time"][89]


@fault
def time_in_milliseconds(columns: Columns, header: Header) -> None:
    columns["time"] *= 1000.0


@fault
def another_rate(columns: Columns, header: Header) -> None:
    header["rate"] = 50.0


@fault
def an_episode_in_two_pieces(columns: Columns, header: Header) -> None:
    columns["episode"][-10:] = 0


@fault
def quaternion_of_another_length(columns: Columns, header: Header) -> None:
    columns["object.pose"][30, 3:] *= 1.2


@fault
def joint_beyond_its_limit(columns: Columns, header: Header) -> None:
    columns["joint.position"][40, 3] = 0.3


@fault
def degrees_of_a_known_arm(columns: Columns, header: Header) -> None:
    columns["joint.position"] = np.degrees(columns["joint.position"])


@fault
def six_joints_of_seven(columns: Columns, header: Header) -> None:
    columns["joint.velocity"] = columns["joint.velocity"][:, :6]
    signal(header, "joint.velocity")["shape"] = [6]


# -- What looks wrong ---------------------------------------------------------------------------------------------


@fault
def degrees_of_an_unknown_arm(columns: Columns, header: Header) -> None:
    header["robot"] = "my arm"
    columns["joint.position"] = np.degrees(columns["joint.position"])


@fault
def millimetres(columns: Columns, header: Header) -> None:
    columns["object.pose"][:, :3] *= 1000.0


@fault
def quaternion_with_w_first(columns: Columns, header: Header) -> None:
    columns["object.pose"][:, 3:] = columns["object.pose"][:, [6, 3, 4, 5]]


@fault
def dead_encoder(columns: Columns, header: Header) -> None:
    columns["joint.velocity"][:, 2] = 0.0


@fault
def dead_force_sensor(columns: Columns, header: Header) -> None:
    columns["tool.force"][:] = 0.25


@fault
def joints_that_are_not_moved(columns: Columns, header: Header) -> None:
    columns["joint.command"][:, [1, 5]] = 0.5


@fault
def force_at_the_end_of_its_range(columns: Columns, header: Header) -> None:
    force = columns["tool.force"]
    force[:, 0] = np.repeat(force[::8, 0], 8) + 1e-3 * force[:, 1]
    columns["tool.force"] = np.minimum(force, [0.6, np.inf, np.inf])


@fault
def command_beyond_the_limits(columns: Columns, header: Header) -> None:
    columns["joint.command"][20, 3] = 0.1


@fault
def episode_twice(columns: Columns, header: Header) -> None:
    for name, column in columns.items():
        if name not in ("episode", "time"):
            column[2 * ROWS :] = column[:ROWS]


@fault
def lost_samples(columns: Columns, header: Header) -> None:
    columns["time"][30:ROWS] += 0.05
    columns["time"][ROWS + 40 : 2 * ROWS] += 0.02


@fault
def jitter(columns: Columns, header: Header) -> None:
    columns["time"][::7] += 0.004


@fault
def command_logged_late(columns: Columns, header: Header) -> None:
    for first in range(0, len(columns["time"]), ROWS):
        rows = columns["joint.command"][first : first + ROWS]
        rows[2 * DELAY :] = rows[: -2 * DELAY].copy()


@fault
def response_very_late(columns: Columns, header: Header) -> None:
    header["rate"] = 10.0
    columns["time"] = columns["episode"] * 100 + np.tile(np.arange(ROWS) / 10.0, 3)


ALL: Mapping[str, Fault] = FAULTS
