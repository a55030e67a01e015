from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from closerlook.tables import statistics


@given(values=st.lists(st.floats(0.01, 100), min_size=2, max_size=9).filter(lambda values: np.ptp(values) > 1e-3))
def test_bands_are_scipys_t_intervals(values: list[float]) -> None:
    oracle = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert statistics.t_interval(values) == pytest.approx(oracle)
    logs = np.log(values)
    oracle = np.exp(stats.t.interval(0.95, len(values) - 1, logs.mean(), stats.sem(logs)))
    assert statistics.log_t_interval(values) == pytest.approx(tuple(oracle))
    assert statistics.geometric_mean(np.array(values)) == pytest.approx(stats.gmean(values))


def test_one_member_has_no_band() -> None:
    assert np.isnan(statistics.t_interval([0.5])).all()
