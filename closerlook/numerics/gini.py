"""The Gini coefficient: how unequally a quantity is spread over the examples."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def gini(values: Float[np.ndarray, " example"]) -> float:
    """Return sum_ij |x_i - x_j| / (2 n sum_i x_i): 0 where all are equal, 1 - 1/n where one has everything.

    Parameters
    ----------
    values : array (example,)
        None below 0. With a NaN among them, or all of them 0, the result is NaN.

    Raises
    ------
    ValueError
        If a value is below 0 or there is none.
    """
    values = np.sort(np.asarray(values, dtype=float))
    if not values.size or values[0] < 0:
        raise ValueError("a Gini coefficient needs values, none of them below 0")
    total = values.sum()
    if not total > 0:
        return float("nan")
    count = len(values)
    return float((2 * np.arange(1, count + 1) - count - 1) @ values / (count * total))
