"""Tests of claims about loss sensitivity (B4, B5), on the tables of figures `sensitivity` and `class_sensitivity`.

Seeds are the independent units: networks of one seed share examples, initial weights and batch order, so real data and
noise are compared within a seed.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from closerlook.claims.estimates import Units
from closerlook.claims.tests.effects import over_seeds, register
from closerlook.tables.sensitivities import MEMBER, summarise

CLASSES = (*MEMBER, "loss_class", "example_class", "sensitivity")


@register(
    ("seed", "level", "steps", "gini"),
    "Gini coefficient of sensitivities at the last horizon, less noise minus more",
    "Gini coefficient",
)
def less_equal_with_less_noise(rows: pd.DataFrame) -> Units:
    """Per seed, the Gini coefficient at the lowest noise level of the rows less that at the highest, when last seen."""
    return _between_levels(rows[rows["steps"] == rows["steps"].max()], "gini")


@register(
    CLASSES, "ln(mean sensitivity of a class's loss to its own examples / to those of others)", "ln ratio", base=math.e
)
def diagonal_dominance(rows: pd.DataFrame) -> Units:
    """Per seed, ln of the mean of the class matrix's diagonal over the mean of the rest; levels are averaged."""
    numbers = summarise(rows)
    by_seed = np.log(numbers["dominance"].astype(float)).groupby(numbers["seed"]).mean()
    return over_seeds(by_seed, (), "no class matrix")


@register(CLASSES, "number of the class matrix, less noise minus more", "as of the number")
def class_matrix_difference(rows: pd.DataFrame, *, number: str) -> Units:
    """Per seed, a `number` of `closerlook.tables.sensitivities.summarise`, at the lowest level less the highest.

    "share": of all sensitivity, what lies off the diagonal. "spread": the coefficient of variation off the diagonal.
    """
    return _between_levels(summarise(rows), number)


def _between_levels(rows: pd.DataFrame, column: str) -> Units:
    by_level = rows.dropna(subset=[column]).pivot_table(column, "seed", "level")
    levels = sorted(by_level.columns)
    differences = by_level[levels[0]] - by_level[levels[-1]] if len(levels) > 1 else pd.Series(dtype=float)
    return over_seeds(differences.dropna(), (), "no seed with both levels")
