import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from closerlook.numerics.gini import gini

amounts = hnp.arrays(float, st.integers(1, 30), elements=st.floats(0.01, 100))


@given(amounts)
def test_is_the_sum_over_all_pairs(values):
    pairs = np.abs(values[:, None] - values[None, :]).sum()
    assert gini(values) == pytest.approx(pairs / (2 * len(values) * values.sum()), abs=1e-12)


@given(amounts, st.floats(0.1, 10), st.randoms())
def test_does_not_depend_on_unit_or_order(values, unit, random):
    shuffled = values.tolist()
    random.shuffle(shuffled)
    assert gini(unit * np.array(shuffled)) == pytest.approx(gini(values), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full(7, 3.0), 0.0),
        (np.array([0.0, 0.0, 0.0, 5.0]), 3 / 4),
        (np.arange(1.0, 101.0), 99 / 300),  # (n² - 1)/3n over n + 1
        (np.array([2.0]), 0.0),
    ],
    ids=["all equal", "one has everything", "1 to 100", "one example"],
)
def test_closed_forms(values, expected):
    assert gini(values) == pytest.approx(expected, abs=1e-15)


def test_of_exponential_amounts_is_one_half():
    assert gini(np.random.default_rng(0).exponential(size=200_000)) == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("values", [[1.0, np.nan], [0.0, 0.0]], ids=["NaN", "nothing to share"])
def test_is_not_a_number_where_it_has_no_value(values):
    assert np.isnan(gini(np.array(values)))


@pytest.mark.parametrize("values", [[1.0, -1e-9], []], ids=["below 0", "empty"])
def test_refuses_what_has_no_coefficient(values):
    with pytest.raises(ValueError, match="none of them below 0"):
        gini(np.array(values))
