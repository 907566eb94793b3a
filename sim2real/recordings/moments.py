"""What a recording says of every moment: the state to continue from, where its path gives one."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real.recordings.base import Recording
from sim2real.recordings.local_fit import state_at
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

REACH = 3  # samples on each side of a local fit: 7 in all
COMMANDS = 64  # of before, at most, for delay lines


def states_of(recording: Recording) -> tuple[WorldState, ...] | None:
    """Return the state at each time (t,), the first that of the recording's start; None if its path does not give it.

    Velocities come from a cubic through the samples around (``local_fit``), with their standard errors: across an
    impact they are a mixture of before and after, and the errors say so. A pushed object in ``planar_push`` needs none:
    it moves as it is pushed.
    """
    start, values = recording.start, recording.values
    if any(not np.isfinite(array).all() for array in values.values()):
        return None
    count = range(1, len(recording.times))
    if {"object.pose", "object.twist"} <= set(start.values) and "object.pose" in values:
        return (start, *(_thrown(recording.times, values["object.pose"], row) for row in count))
    if {"joint.position", "joint.velocity"} <= set(start.values) and "joint.position" in values:
        return (start, *(_hinged(recording, row) for row in count))
    if {"object.pose", "object.feet", "pusher.position"} == set(start.values) and "object.pose" in values:
        return (start, *(_pushed(recording, row) for row in count))
    return None


def _thrown(times: Array, poses: Array, row: int) -> WorldState:
    around = slice(max(row - REACH, 0), row + REACH + 1)
    first = Rotation.from_quat(poses[row, 3:])
    turned = (Rotation.from_quat(poses[around, 3:]) * first.inv()).as_rotvec()
    at = state_at(times[around], np.hstack([poses[around, :3], turned]), row - around.start, REACH)
    orientation = (Rotation.from_rotvec(at.position[3:]) * first).as_quat()
    return WorldState(
        {"object.pose": np.concatenate([at.position[:3], orientation]), "object.twist": at.velocity},
        {"object.pose": at.position_error, "object.twist": at.velocity_error},
    )


def _hinged(recording: Recording, row: int) -> WorldState:
    at = state_at(recording.times, recording.values["joint.position"], row, REACH)
    before = recording.actions[max(row - COMMANDS, 0) : row]
    if recording.start.commands is not None and row < COMMANDS:
        before = np.vstack([recording.start.commands, before])[-COMMANDS:]
    return WorldState(
        {"joint.position": at.position, "joint.velocity": at.velocity},
        {"joint.position": at.position_error, "joint.velocity": at.velocity_error},
        before,
    )


def _pushed(recording: Recording, row: int) -> WorldState:
    tip, feet = recording.actions[row - 1, :2], recording.start.values["object.feet"]
    pose = recording.values["object.pose"][row]
    return WorldState({"object.pose": pose, "object.feet": feet, "pusher.position": tip}, recording.start.spread)
