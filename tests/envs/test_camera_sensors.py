"""Image sensors corrupt by as much as their parameters say: closed forms, with tolerances from the sample size."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sim2real_envs.cameras.camera import Image
from sim2real_envs.cameras.image_sensors import FOCAL_BASELINE, ColourSensor, DepthSensor, blurred, half_gaussian

SIDE = 200
FAR = 4.0
STANDARD_ERROR_OF_STD = 1.0 / math.sqrt(2.0 * SIDE * SIDE)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def colours(**changes: float) -> ColourSensor:
    """Return a colour sensor; ``changes`` are parameter names without ``camera.``."""
    sensor = ColourSensor()
    sensor.apply(sensor.parameters.complete({f"camera.{name}": value for name, value in changes.items()}))
    return sensor


def depths(**changes: float) -> DepthSensor:
    """Return a depth sensor; ``changes`` are parameter names without ``camera.``."""
    sensor = DepthSensor()
    sensor.apply(sensor.parameters.complete({f"camera.{name}": value for name, value in changes.items()}))
    return sensor


def grey(value: float) -> Image:
    return np.full((SIDE, SIDE, 3), value, dtype=np.float32)


def plane(depth: float) -> Image:
    return np.full((SIDE, SIDE), depth, dtype=np.float32)


def test_a_nominal_sensor_rounds_to_eight_bits_and_no_more() -> None:
    picture = np.array([[[-3.0, 0.4, 0.6], [100.5, 254.4, 300.0]]], dtype=np.float32)
    assert colours().sense(picture, rng()).tolist() == [[[0, 0, 1], [101, 254, 255]]]
    depth = np.array([[0.3, 1.2345678, 4.0]], dtype=np.float32)
    np.testing.assert_array_equal(depths().sense(depth, FAR, rng(), rng()), depth)


@pytest.mark.parametrize("std", [0.01, 0.05])
def test_pixel_noise_has_the_standard_deviation_asked_for(std: float) -> None:
    seen = colours(noise_std=std).sense(grey(128.0), rng()).astype(np.float64) - 128.0
    wanted = math.hypot(255.0 * std, math.sqrt(1.0 / 12.0))  # rounding adds a twelfth
    assert seen.std() == pytest.approx(wanted, rel=5.0 * STANDARD_ERROR_OF_STD)
    assert abs(seen.mean()) < 5.0 * wanted / math.sqrt(seen.size)
    first, second = seen[:, :-1].ravel(), seen[:, 1:].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 5.0 / math.sqrt(first.size)  # from pixel to pixel independent


def test_exposure_is_in_stops_and_white_balance_moves_red_against_blue() -> None:
    assert colours(exposure=1.0).sense(grey(60.0), rng())[0, 0].tolist() == [120, 120, 120]
    assert colours(exposure=-1.0).sense(grey(60.0), rng())[0, 0].tolist() == [30, 30, 30]
    assert colours(white_balance=0.1).sense(grey(100.0), rng())[0, 0].tolist() == [110, 100, 90]


@pytest.mark.parametrize("std", [0.6, 1.2, 3.0])
def test_blur_spreads_a_line_by_its_standard_deviation_and_loses_no_light(std: float) -> None:
    line = np.zeros((41, 41, 3), dtype=np.float32)
    line[:, 20] = 1.0
    weights = blurred(line, half_gaussian(std))[20, :, 0].astype(np.float64)
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    distance = np.arange(41) - 20
    assert math.sqrt((weights * distance**2).sum()) == pytest.approx(std, rel=0.03)  # cut off at three deviations


def test_blur_leaves_an_even_picture_as_it_is_up_to_the_edges() -> None:
    assert np.unique(colours(blur=2.0).sense(grey(77.0), rng())).tolist() == [77]


@pytest.mark.parametrize(
    ("parameters", "formula"),
    [
        ({"depth_noise_std": 0.01}, lambda z: 0.01),
        ({"depth_noise_std": 0.0012, "depth_noise_quadratic": 0.0019}, lambda z: 0.0012 + 0.0019 * (z - 0.4) ** 2),
        ({"disparity_noise": 1.425e-3 * FOCAL_BASELINE}, lambda z: 1.425e-3 * z**2),
        ({"depth_noise_std": 0.004, "disparity_noise": 0.1}, lambda z: math.hypot(0.004, 0.1 / FOCAL_BASELINE * z**2)),
    ],
    ids=["constant", "Nguyen, Izadi, Lovell 2012", "Khoshelham, Elberink 2012", "constant and stereo"],
)
@pytest.mark.parametrize("z", [0.5, 1.0, 3.0])
def test_depth_noise_grows_with_distance_as_published(
    parameters: dict[str, float], formula: Callable[[float], float], z: float
) -> None:
    seen = depths(**parameters).sense(plane(z), FAR, rng(), rng(1)).astype(np.float64)
    assert seen.std() == pytest.approx(formula(z), rel=5.0 * STANDARD_ERROR_OF_STD)
    assert abs(seen.mean() - z) < 5.0 * formula(z) / SIDE


def test_what_is_too_far_stays_far_and_nothing_is_nearer_than_zero() -> None:
    sensor = depths(depth_noise_std=0.1)
    assert np.unique(sensor.sense(plane(FAR), FAR, rng(), rng(1))).tolist() == [FAR]
    near = sensor.sense(plane(0.05), FAR, rng(), rng(1))
    assert near.min() == 0.0


def test_holes_take_the_share_asked_for_in_patches() -> None:
    seen = depths(depth_holes=0.1).sense(plane(1.0), FAR, rng(), rng(1))
    patches = seen.reshape(SIDE // 4, 4, SIDE // 4, 4)
    assert set(np.unique(seen).tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(patches.min(axis=(1, 3)), patches.max(axis=(1, 3)))
    share = (patches[:, 0, :, 0] == 0.0).mean()
    assert share == pytest.approx(0.1, abs=5.0 * math.sqrt(0.09 / (SIDE // 4) ** 2))


def test_holes_fit_a_picture_whose_sides_are_not_whole_patches() -> None:
    seen = depths(depth_holes=0.5).sense(np.ones((9, 6), dtype=np.float32), FAR, rng(), rng(3))
    assert seen.shape == (9, 6)
    assert 0.0 in seen


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_value_is_read_back_from_where_it_acts(share: float) -> None:
    for sensor in (ColourSensor(), DepthSensor()):
        wanted = {n: p.low + share * (p.high - p.low) for n, p in sensor.parameters.items()}
        sensor.apply(wanted)
        applied = sensor.applied()
        assert list(applied) == list(sensor.parameters)
        assert applied == pytest.approx(wanted, rel=1e-12, abs=1e-14)
