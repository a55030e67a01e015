"""Tests of plain differences between two groups of rows, seed by seed."""

from __future__ import annotations

import pandas as pd

from closerlook.claims.estimates import Units
from closerlook.claims.tests.effects import NOT_RUN, register


@register(("seed",), "difference, paired by seed", "difference")
def difference_by_seed(rows: pd.DataFrame, *, column: str, between: str, of: str, less: str) -> Units:
    """Per seed, the mean `column` where the column `between` is `of`, less that where it is `less`.

    Networks of one seed share their initial weights and batch order, so the difference is of what is compared. Seeds
    that lack one side, and rows without a number, are left out.
    """
    means = rows.dropna(subset=[column]).pivot_table(column, "seed", between)
    differences = (means[of] - means[less]).dropna() if {of, less} <= set(means.columns) else pd.Series(dtype=float)
    missing = [] if len(differences) else [f"{NOT_RUN}: no seed with both '{of}' and '{less}'"]
    return Units(differences.to_numpy(float), tuple(missing))
