"""What figures and claims both derive from tidy rows: which rows form a sweep, and the smallest width that suffices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

FITTED = 0.99
"""Training accuracy from which a network counts as having fitted its training set in the capacity sweep (A-Fig 1)."""


def width_sweep(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the number of examples that was trained at the most widths (A-Fig 2 left)."""
    return _most_varied(table, fixed="examples", swept="width")


def examples_sweep(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the width that was trained on the most numbers of examples (A-Fig 2 right)."""
    return _most_varied(table, fixed="width", swept="examples")


def _most_varied(table: pd.DataFrame, fixed: str, swept: str) -> pd.DataFrame:
    if table.empty:
        return table
    counts = table.groupby(fixed)[swept].nunique()  # sorted by `fixed`, so a tie goes to the smallest value
    return table[table[fixed] == counts.idxmax()]


def smallest_width(widths: pd.Series, accuracy: pd.Series, reach: float) -> tuple[float, bool]:
    """Return the smallest width whose `accuracy` is at least `reach`, and whether the sweep contains one.

    Where it does not, the width is twice the largest one tried: a lower bound on an octave grid.
    """
    enough = widths[accuracy >= reach]
    return (float(enough.min()), True) if len(enough) else (2.0 * float(widths.max()), False)


def needed_widths(table: pd.DataFrame, column: str, reach: float | None = None, within: float = 0.0) -> pd.DataFrame:
    """Return the width that each seed needs at each noise level.

    Parameters
    ----------
    table
        Rows of a width sweep: `seed`, `level`, `width` and `column`.
    column
        The accuracy that must suffice, as a fraction.
    reach
        The accuracy that suffices; None: what the same seed and level reach at their best width, less `within`.
    within
        See `reach`; 0.01 is one percentage point.

    Returns
    -------
    DataFrame
        One row per `seed` and `level`: `width`, and `reached` (False: no width of the sweep suffices).
    """
    rows = []
    for (seed, level), cell in table.dropna(subset=[column]).groupby(["seed", "level"]):
        enough = cell[column].max() - within - 1e-9 if reach is None else reach
        width, reached = smallest_width(cell["width"], cell[column], enough)
        rows.append({"seed": seed, "level": level, "width": width, "reached": reached})
    return pd.DataFrame(rows, columns=["seed", "level", "width", "reached"])


def octave(widths: pd.Series) -> float:
    """Return the coarsest step of a width sweep in octaves (1 for 8, 16, 32): the resolution of a needed width."""
    distinct = sorted(set(widths))
    return max((math.log2(b / a) for a, b in pairwise(distinct)), default=1.0)


def reached(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `reached`: the epochs to fit, or the last epoch where a network had not `fitted` by then."""
    return table.assign(
        fitted=table["epochs_to_fit"].notna(), reached=table["epochs_to_fit"].fillna(table["epochs"]).astype(float)
    )


def relative_epochs(rows: pd.DataFrame, swept: str) -> pd.DataFrame:
    """Return the rows of `reached` with `relative`: epochs over those of the same cell at the smallest `swept`.

    A cell is a seed, noise and level. Rows whose baseline was not trained are left out; `fitted` is False where either
    of the two did not fit.
    """
    names = ["noise", "level", "seed"]
    base = rows[rows[swept] == rows[swept].min()]
    joined = rows.merge(base[[*names, "reached", "fitted"]], on=names, suffixes=("", "_base"))
    joined["relative"] = joined["reached"] / joined["reached_base"]
    return joined.assign(fitted=joined["fitted"] & joined["fitted_base"])


def slopes(rows: pd.DataFrame, x: str, y: str, names: Sequence[str]) -> pd.DataFrame:
    """Return the least-squares slope of each cell through its mean `y` at every `x`.

    Parameters
    ----------
    rows
        Columns `x`, `y` and `names`.
    names
        What names a cell, such as ``["seed"]``.

    Returns
    -------
    DataFrame
        One row per cell with two values of `x` or more: `names` and `slope`.
    """
    found = []
    for cell, part in rows.groupby([*names]):
        means = part.groupby(x)[y].mean()
        if len(means) > 1:
            slope = np.polyfit(means.index.to_numpy(float), means.to_numpy(float), 1)[0]
            found.append((*cell, float(slope)))
    table = pd.DataFrame(found, columns=[*names, "slope"])
    return table.astype({**rows.dtypes[[*names]], "slope": float})  # of no cell, too


def exponents(rows: pd.DataFrame, swept: str, time: str = "reached") -> pd.DataFrame:
    """Return how epochs to fit go with a size: the least-squares slope of ln(`time`) over ln(`swept`).

    Parameters
    ----------
    rows
        Rows of one sweep: `seed`, `noise`, `level`, the columns `swept` and `time` (positive), and `fitted`.
    swept, time
        The size, and the time: epochs, or epochs relative to any base.

    Returns
    -------
    DataFrame
        One row per noise, level and seed with two sizes or more: `exponent`, and `fitted` (False: some network had
        not fitted, so a bound went into it).
    """
    names = ["noise", "level", "seed"]
    logs = rows.assign(size=np.log(rows[swept].astype(float)), log_time=np.log(rows[time].astype(float)))
    found = slopes(logs, "size", "log_time", names).rename(columns={"slope": "exponent"})
    return found.merge(rows.groupby(names)["fitted"].all().reset_index(), on=names)
