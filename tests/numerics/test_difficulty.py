from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from closerlook.numerics.difficulty import at_error, binomial_order, difficulty, resampling_weights


def one(wrong: list[int] | np.ndarray, networks: int) -> tuple[float, float, float]:
    found = difficulty(np.asarray(wrong)[None], networks, resamples=0)
    return found.mean_error[0, 0], found.dispersion[0, 0], found.always_right[0, 0]


@given(st.lists(st.integers(0, 12), min_size=2, max_size=30).filter(lambda wrong: 0 < sum(wrong) < 12 * len(wrong)))
def test_the_dispersion_is_the_chi_square_statistic_over_its_degrees_of_freedom(wrong: list[int]) -> None:
    table = np.array([wrong, [12 - count for count in wrong]])
    statistic = stats.chi2_contingency(table, correction=False).statistic
    assert one(wrong, 12)[1] == pytest.approx(statistic / (len(wrong) - 1), rel=1e-9, abs=1e-9)


def test_equally_hard_examples_have_the_dispersion_of_the_binomial() -> None:
    count, looks = 1000, 200
    wrong = np.random.default_rng(1).binomial(100, 0.3, (looks, count))
    found = difficulty(wrong, 100, resamples=0).dispersion[0]
    # chi-square with N - 1 degrees of freedom over N - 1: variance 2 / (N - 1)
    assert found.mean() == pytest.approx(1, abs=4 * math.sqrt(2 / (count - 1) / looks))
    assert found.std() == pytest.approx(math.sqrt(2 / (count - 1)), rel=0.2)


@pytest.mark.parametrize(("easy", "hard"), [(0.2, 0.6), (0.0, 1.0)])
def test_two_kinds_of_examples_have_the_dispersion_of_the_closed_form(easy: float, hard: float) -> None:
    networks, count = 100, 20000
    chances = np.where(np.arange(count) % 2, easy, hard)
    wrong = np.random.default_rng(2).binomial(networks, chances)
    chance, variance = chances.mean(), chances.var()
    expected = 1 + (networks - 1) * variance / (chance * (1 - chance))
    assert one(wrong, networks)[1] == pytest.approx(expected, rel=0.02)


def test_the_mean_error_and_the_easy_examples_are_counted() -> None:
    error, _, easy = one([0, 0, 0, 1, 4], 4)
    assert (error, easy) == (0.25, 0.6)


@pytest.mark.parametrize("wrong", [[0, 0, 0], [7, 7, 7]])
def test_without_any_doubt_there_is_no_dispersion(wrong: list[int]) -> None:
    assert math.isnan(one(wrong, 7)[1])


def test_a_bootstrap_sample_is_the_statistic_of_the_examples_that_were_drawn() -> None:
    wrong = np.random.default_rng(3).integers(0, 6, (2, 40))
    found, weights = difficulty(wrong, 5), resampling_weights(40)
    for row in (0, 1, 77):
        drawn = np.repeat(np.arange(40), weights[row].astype(int))
        assert len(drawn) == 40
        again = difficulty(wrong[:, drawn], 5, resamples=0)
        for name in ("mean_error", "dispersion", "always_right"):
            np.testing.assert_allclose(getattr(found, name)[row], getattr(again, name)[0], rtol=1e-9)


def test_bootstrap_samples_spread_as_the_statistic_does() -> None:
    shares = difficulty(np.random.default_rng(4).binomial(1, 0.3, (1, 500)), 1).mean_error[1:, 0]
    assert shares.std() == pytest.approx(math.sqrt(0.3 * 0.7 / 500), rel=0.1)


@pytest.mark.parametrize(("wrong", "networks"), [([[1]], 2), ([[0, 0]], 0), ([[0, 3]], 2), ([[-1, 1]], 2)])
def test_impossible_counts_are_refused(wrong: list, networks: int) -> None:
    with pytest.raises(ValueError, match="networks"):
        difficulty(np.array(wrong), networks)


def test_the_order_of_the_binomial_is_that_of_sorted_draws() -> None:
    draws = np.sort(np.random.default_rng(5).binomial(100, 0.12, (400, 1000)), axis=1).mean(axis=0) / 100
    order = binomial_order(100, 0.12, 1000)
    assert (np.diff(order) >= 0).all()
    assert np.abs(order - draws).max() < 0.015  # the two ends move from draw to draw
    assert np.abs(order - draws).mean() < 0.004


def test_between_two_looks_values_are_linear_in_the_error() -> None:
    error, values = np.array([[0.9, 0.5, 0.1]]), np.array([[1.0, 3.0, 11.0]])
    for wanted, expected in [(0.9, 1.0), (0.7, 2.0), (0.5, 3.0), (0.2, 9.0), (0.1, 11.0)]:
        assert at_error(error, values, np.array([wanted]))[0] == pytest.approx(expected)


def test_an_error_that_training_never_passes_has_no_value() -> None:
    error, values = np.array([[0.9, 0.5, 0.1]] * 2), np.ones((2, 3))
    assert np.isnan(at_error(error, values, np.array([0.95, 0.05]))).all()


def test_the_first_passage_counts() -> None:
    error, values = np.array([[0.8, 0.4, 0.6, 0.2]]), np.array([[0.0, 1.0, 2.0, 3.0]])
    assert at_error(error, values, np.array([0.5]))[0] == pytest.approx(0.75)


def test_a_look_without_a_value_does_not_spoil_the_one_before() -> None:
    error, values = np.array([[0.8, 0.4, 0.0]]), np.array([[1.0, 2.0, np.nan]])
    assert at_error(error, values, np.array([0.4]))[0] == 2.0
    assert np.isnan(at_error(error, values, np.array([0.2]))[0])
