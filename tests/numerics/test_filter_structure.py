from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from closerlook.numerics.filters import as_images, low_frequencies, low_frequency_power, neighbour_correlation


def image(function: object, size: int = 8) -> np.ndarray:
    row, column = np.mgrid[:size, :size]
    return np.asarray(function(row, column), float)[None, None]


CHECKERBOARD = image(lambda row, column: (-1.0) ** (row + column))
GRADIENT = image(lambda row, column: row + 2.0 * column)


def brute_moran(filters: np.ndarray) -> float:
    """Moran's I by its definition, over all pairs of pixels."""
    above = below = pairs = 0.0
    for channel in filters.reshape(-1, *filters.shape[2:]):
        centred = channel - channel.mean()
        places = list(np.ndindex(channel.shape))
        for one, other in itertools.product(places, places):
            if abs(one[0] - other[0]) + abs(one[1] - other[1]) == 1:
                above += centred[one] * centred[other]
                pairs += 1
        below += (centred**2).sum()
    pixels = filters.shape[2] * filters.shape[3]
    pairs /= filters.shape[0] * filters.shape[1]
    return (pixels / pairs * above / below * (pixels - 1) + 1) / pixels


def test_the_correlation_is_morans_by_its_definition() -> None:
    filters = np.random.default_rng(0).normal(size=(3, 2, 4, 5))
    assert neighbour_correlation(filters) == pytest.approx(brute_moran(filters), rel=1e-12)


@pytest.mark.parametrize("measure", [neighbour_correlation, low_frequency_power])
def test_exchangeable_weights_have_the_value_of_white_ones_exactly(measure: object) -> None:
    values = np.array([0.3, -2.0, 5.0, 0.1, 0.7, -1.1])
    orders = np.array(list(itertools.permutations(values))).reshape(-1, 1, 1, 6)
    mean = np.mean([measure(order[None]) for order in orders])
    assert mean == pytest.approx(0 if measure is neighbour_correlation else 1, abs=1e-12)


def test_white_weights_have_neither() -> None:
    filters = np.random.default_rng(1).normal(size=(400, 3, 10, 10))
    pairs = 400 * 3 * 180
    assert abs(neighbour_correlation(filters)) < 4 / math.sqrt(pairs)
    assert low_frequency_power(filters) == pytest.approx(1, abs=0.03)


def test_a_checkerboard_is_as_rough_as_can_be() -> None:
    assert neighbour_correlation(CHECKERBOARD) == pytest.approx((-63 + 1) / 64)
    assert low_frequency_power(CHECKERBOARD) == pytest.approx(0, abs=1e-12)


def test_a_gradient_is_smooth() -> None:
    # A ramp over n pixels has power 1 / sin^2(pi k / n) at frequency k: (n^2 - 1) / 3 in all.
    share = 2 / math.sin(math.pi / 8) ** 2 / ((8**2 - 1) / 3)
    assert low_frequency_power(GRADIENT) == pytest.approx(share * 63 / 8)
    # Its lagged products are a ramp's: sum over i of (i - 7/2)(i - 5/2) for i from 0 to 6, beside 63/12 at lag 0.
    neighbours = sum((i - 3.5) * (i - 2.5) for i in range(7)) / 7
    moran = (neighbours + 63 / 12) / 2 / (63 / 12)  # half of the pairs are along, half across either slope
    assert neighbour_correlation(GRADIENT) == pytest.approx((moran * 63 + 1) / 64)


@pytest.mark.parametrize(("waves", "low"), [(1, True), (3, False)])
def test_all_the_power_of_a_wave_is_at_its_own_frequency(waves: int, low: bool) -> None:
    wave = image(lambda row, column: np.cos(2 * math.pi * waves * row / 8 + 0.4))
    assert low_frequency_power(wave) == pytest.approx(63 / 8 if low else 0, abs=1e-9)


def test_the_lowest_quarter_is_a_quarter_of_the_plane_without_the_mean() -> None:
    assert low_frequencies(8, 8).sum() == 3 * 3 - 1  # -1, 0, 1; 2 of 8 is half of the highest
    assert low_frequencies(100, 100).mean() == pytest.approx(0.25, abs=0.02)
    assert not low_frequencies(5, 7)[0, 0]


white = arrays(np.float64, (2, 1, 5, 5), elements=st.floats(-1, 1, width=32)).filter(lambda f: f.std() > 1e-2)


@given(filters=white, factor=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_scale_and_mean_do_not_matter(filters: np.ndarray, factor: float, shift: float) -> None:
    for measure in (neighbour_correlation, low_frequency_power):
        assert measure(factor * filters + shift) == pytest.approx(measure(filters), rel=1e-6, abs=1e-6)


def test_a_filter_weighs_as_its_variance() -> None:
    tiny = 1e-6 * np.random.default_rng(2).normal(size=GRADIENT.shape)
    together = np.concatenate([GRADIENT, tiny])
    assert neighbour_correlation(together) == pytest.approx(neighbour_correlation(GRADIENT), rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 0.0, np.nan])
def test_constant_and_missing_weights_have_no_structure_to_speak_of(value: float) -> None:
    filters = np.full((2, 1, 14, 14), value, np.float32)
    assert math.isnan(neighbour_correlation(filters))
    assert math.isnan(low_frequency_power(filters))


def test_small_filters_have_no_low_frequency() -> None:
    filters = np.random.default_rng(3).normal(size=(5, 1, 3, 3))
    assert math.isnan(low_frequency_power(filters))
    assert math.isfinite(neighbour_correlation(filters))


def test_rows_of_a_fully_connected_layer_become_images() -> None:
    weights = np.arange(2 * 12.0).reshape(2, 12)
    images = as_images(weights, 2)
    assert images.shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(images[1, 2], [[20, 21], [22, 23]])
    kernels = np.zeros((4, 3, 5, 5))
    assert as_images(kernels, 32) is kernels


def test_weights_that_are_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 10\) are no filters on images of 3x3"):
        as_images(np.zeros((2, 10)), 3)
