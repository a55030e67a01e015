"""Means over the members of a cell and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

Values = Float[np.ndarray, " member"] | Sequence[float] | pd.Series
"""One number per member."""


def t_interval(values: Values) -> tuple[float, float]:
    """Return the 95 % Student interval of the mean over members (seeds); NaNs for fewer than two of them."""
    from scipy.special import stdtrit  # a quarter of a second, and not every table has an interval

    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def log_t_interval(values: Values) -> tuple[float, float]:
    """Return the 95 % Student interval of the geometric mean, for what is drawn on a log axis."""
    low, high = t_interval(np.log(np.asarray(values, dtype=float)))
    return float(np.exp(low)), float(np.exp(high))


def geometric_mean(values: Values) -> float:
    """Return the geometric mean of positive values."""
    return float(np.exp(np.log(np.asarray(values, dtype=float)).mean()))
