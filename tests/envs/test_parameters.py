"""Parameters keep their law, and the space maps domains to the unit cube and back."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim2real_envs.errors import ParameterError, UnknownNameError
from sim2real_envs.parameters import PRESETS, Parameter, ParameterSpace

NUMBERS = st.floats(-1e3, 1e3, allow_subnormal=False)
POSITIVE = st.floats(1e-3, 1e3)

MASS = Parameter("object.mass", 0.2, 0.05, 0.5, (0.01, 5.0), "kg", log=True)
DELAY = Parameter("actuator.delay", 0.0, 0.0, 0.05, (0.0, 0.3), "s")
SPACE = ParameterSpace([MASS, DELAY])


@st.composite
def parameters(draw: st.DrawFn, name: str = "p") -> Parameter:
    """Draw a parameter that keeps its law."""
    log = draw(st.booleans())
    lower, low, nominal, high, upper = sorted(draw(st.lists(POSITIVE if log else NUMBERS, min_size=5, max_size=5)))
    return Parameter(name, nominal, low, high, (lower, upper), "-", log=log)


@st.composite
def spaces(draw: st.DrawFn) -> ParameterSpace:
    """Draw a space of one to four parameters."""
    return ParameterSpace([draw(parameters(f"p{index}")) for index in range(draw(st.integers(1, 4)))])


# -- The law of a parameter --------------------------------------------------------------------------------------


@given(values=st.lists(NUMBERS, min_size=5, max_size=5))
def test_a_parameter_exists_exactly_where_its_law_holds(values: list[float]) -> None:
    lower, low, nominal, high, upper = values
    lawful = lower <= low <= nominal <= high <= upper
    if not lawful:
        with pytest.raises(ParameterError, match="must hold, but got"):
            Parameter("p", nominal, low, high, (lower, upper), "-")
    else:
        assert Parameter("p", nominal, low, high, (lower, upper), "-").limits == (lower, upper)


@given(parameter=parameters())
def test_a_lawful_parameter_keeps_its_numbers(parameter: Parameter) -> None:
    assert parameter.limits[0] <= parameter.low <= parameter.nominal <= parameter.high <= parameter.limits[1]
    assert parameter.check(parameter.nominal) == parameter.nominal


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_every_number_of_a_parameter_is_finite(place: int, value: float) -> None:
    numbers = [0.0, 1.0, 2.0, 3.0, 4.0]
    numbers[place] = value
    with pytest.raises(ParameterError, match="must be finite"):
        Parameter("p", numbers[2], numbers[1], numbers[3], (numbers[0], numbers[4]), "-")


def test_a_log_range_is_positive() -> None:
    with pytest.raises(ParameterError, match="`low > 0` must hold for a log range, but got low=0"):
        Parameter("p", 1.0, 0.0, 2.0, (0.0, 2.0), "-", log=True)


@given(parameter=parameters(), value=NUMBERS)
def test_a_value_is_accepted_exactly_within_the_limits(parameter: Parameter, value: float) -> None:
    if parameter.limits[0] <= value <= parameter.limits[1]:
        assert parameter.check(value) == value
    else:
        with pytest.raises(ParameterError, match="must lie within its limits"):
            parameter.check(value)


@pytest.mark.parametrize("value", ["much", None, [1.0, 2.0], math.nan, math.inf])
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"object\.mass"):
        MASS.check(value)


@given(parameter=parameters(), shares=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)))
def test_another_range_keeps_limits_and_moves_the_nominal_only_as_far_as_needed(
    parameter: Parameter, shares: tuple[float, float]
) -> None:
    lower, upper = parameter.limits
    low, high = (min(max(lower + share * (upper - lower), lower), upper) for share in sorted(shares))
    other = parameter.in_range(low, high)
    assert (other.low, other.high, other.limits, other.log) == (low, high, parameter.limits, parameter.log)
    assert other.nominal == min(max(parameter.nominal, low), high)


def test_a_range_beyond_the_limits_or_upside_down_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"within its limits \[0.01, 5\] kg, but got 6"):
        MASS.in_range(1.0, 6.0)
    with pytest.raises(ParameterError, match=r"`low <= high` must hold, but got \(low=2, high=1\)"):
        MASS.in_range(2.0, 1.0)


# -- The space ---------------------------------------------------------------------------------------------------


def test_the_order_of_a_space_is_its_column_order() -> None:
    assert SPACE.names == tuple(SPACE) == ("object.mass", "actuator.delay")
    assert SPACE.subset(["actuator.delay"]).names == ("actuator.delay",)
    assert (SPACE.subset(["actuator.delay"]) | SPACE.subset(["object.mass"])).names == SPACE.names[::-1]
    assert SPACE.to_array({"actuator.delay": 0.01, "object.mass": 0.3}).tolist() == [0.3, 0.01]
    assert SPACE.to_domain([0.3, 0.01]) == {"object.mass": 0.3, "actuator.delay": 0.01}


def test_a_name_occurs_once() -> None:
    with pytest.raises(ParameterError, match=r"occur twice: actuator\.delay, object\.mass"):
        SPACE | SPACE


def test_equal_spaces_are_equal_values() -> None:
    copy = pickle.loads(pickle.dumps(SPACE))
    assert copy == SPACE
    assert hash(copy) == hash(SPACE)
    assert SPACE.with_ranges({"actuator.delay": (0.0, 0.1)}) != SPACE


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    for call in (
        lambda: SPACE["object.mas"],
        lambda: SPACE.complete({"object.mas": 1.0}),
        lambda: SPACE.subset(["object.mas"]),
        lambda: SPACE.with_ranges({"object.mas": (0.0, 1.0)}),
    ):
        with pytest.raises(UnknownNameError, match=r"Did you mean 'object\.mass'\? Available: object\.mass, actuator"):
            call()


def test_a_domain_is_completed_with_nominal_values_in_column_order() -> None:
    assert SPACE.complete({}) == SPACE.nominal() == {"object.mass": 0.2, "actuator.delay": 0.0}
    completed = SPACE.complete({"actuator.delay": float(np.float32(0.25))})
    assert tuple(completed) == SPACE.names
    assert completed == {"object.mass": 0.2, "actuator.delay": 0.25}


def test_a_domain_of_another_size_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"must have shape \(2,\), but got \(3,\)"):
        SPACE.to_domain([1.0, 2.0, 3.0])


@given(space=spaces(), data=st.data())
def test_the_unit_cube_and_back_is_where_it_began(space: ParameterSpace, data: st.DataObject) -> None:
    cube = np.array(data.draw(st.lists(st.floats(0.0, 1.0), min_size=2 * len(space), max_size=2 * len(space))))
    cube = cube.reshape(2, len(space))
    values = space.from_unit(cube)
    for column, parameter in enumerate(space.values()):
        assert ((parameter.low <= values[:, column]) & (values[:, column] <= parameter.high)).all()
        width = parameter.high - parameter.low
        back = space.to_unit(values)[:, column]
        if width == 0.0:
            assert (back == 0.5).all()
        elif width > 1e-6 * max(abs(parameter.low), abs(parameter.high)):
            assert back == pytest.approx(cube[:, column], abs=1e-8)


@given(space=spaces())
def test_the_corners_of_the_unit_cube_are_the_ends_of_the_ranges_exactly(space: ParameterSpace) -> None:
    assert space.from_unit(np.zeros(len(space))).tolist() == [parameter.low for parameter in space.values()]
    assert space.from_unit(np.ones(len(space))).tolist() == [parameter.high for parameter in space.values()]


@given(parameter=parameters())
def test_the_middle_is_the_geometric_mean_of_a_log_range_and_the_arithmetic_of_another(parameter: Parameter) -> None:
    assume(parameter.low < parameter.high)
    middle = float(ParameterSpace([parameter]).from_unit([0.5])[0])
    low, high = parameter.low, parameter.high
    assert middle == pytest.approx(math.sqrt(low * high) if parameter.log else (low + high) / 2.0, rel=1e-9, abs=1e-12)


def test_mapping_leaves_its_argument_as_it_was() -> None:
    cube, values = np.array([0.25, 0.5]), np.array([0.2, 0.01])
    SPACE.from_unit(cube)
    SPACE.to_unit(values)
    assert (cube.tolist(), values.tolist()) == ([0.25, 0.5], [0.2, 0.01])


# -- Presets -----------------------------------------------------------------------------------------------------

ALL_KINDS = ParameterSpace(
    Parameter(name, 0.0, 0.0, 1.0, (0.0, 1.0), "-")
    for name in (
        "physics.gravity",
        "sensor.delay",
        "object.mass",
        "table.friction",
        "hole.clearance",
        "light.ambient",
        "joint.friction",
        "camera.blur",
        "actuator.delay",
        "disturbance.payload",
        "appearance.table_hue",
        "recording.clock",
        "pendulum.length",
    )
)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["physics"], "physics.gravity"),
        (["object"], "object.mass table.friction hole.clearance"),
        (["joint"], "joint.friction"),
        (["actuator"], "actuator.delay"),
        (["sensor"], "sensor.delay"),
        (["camera"], "camera.blur"),
        (["light"], "light.ambient"),
        (["appearance"], "appearance.table_hue"),
        (["disturbance"], "disturbance.payload"),
        (["visual"], "light.ambient camera.blur appearance.table_hue"),
        (
            ["dynamics"],
            "physics.gravity object.mass table.friction hole.clearance joint.friction actuator.delay pendulum.length",
        ),
        (["all"], " ".join(ALL_KINDS)),
        (["sensor", "physics", "sensor"], "physics.gravity sensor.delay"),
        (["light", "visual"], "light.ambient camera.blur appearance.table_hue"),
        ([], ""),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_a_preset_holds_its_parameters_in_the_order_of_the_space(names: list[str], wanted: str) -> None:
    preset = ALL_KINDS.preset(*names)
    assert preset.names == tuple(wanted.split())
    assert preset == ALL_KINDS.subset(wanted.split())


def test_every_preset_exists() -> None:
    assert {"physics", "object", "joint", "actuator", "sensor", "camera", "light", "appearance"} < set(PRESETS)
    assert {"disturbance", "dynamics", "visual", "all"} < set(PRESETS)
    assert all(len(ALL_KINDS.preset(name)) for name in PRESETS)


def test_an_unknown_preset_and_one_without_parameters_here_are_refused_with_those_that_exist() -> None:
    with pytest.raises(
        UnknownNameError, match=r"'visuals' is not a preset that holds parameters here\. Did you mean 'vis"
    ):
        ALL_KINDS.preset("object", "visuals")
    with pytest.raises(UnknownNameError, match=r"'light' is not .* Available: object, actuator, dynamics, all"):
        SPACE.preset("light")
