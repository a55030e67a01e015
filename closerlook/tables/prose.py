"""What the text quotes of a figure: numbers by name, written as JSON beside its table. The text looks them up.

A table's module may have a function `prose(table, original)` that returns them: `table` is the table as it was written,
`original` the values that were read off the original's plot, or None. A name stands for a number, a word, a list, or a
mapping from what the number is of (a data set, a kind of noise, ...) to the number; what was not measured is None, or
not in the mapping.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from closerlook.store import replacing


def write_prose(numbers: Mapping[str, object], path: str | Path) -> None:
    """Write numbers by name as JSON, all at once.

    Raises
    ------
    ValueError
        If something is not what a text can quote; one line that names it.
    """
    content = json.dumps(_quotable(dict(numbers), "prose"), indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def _quotable(value: object, place: str) -> object:
    """Return a value as JSON has it: NaN and infinities, which JSON has not, are None."""
    match value:
        case None | str():
            return value
        case bool() | np.bool_():
            return bool(value)
        case int() | np.integer():
            return int(value)
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
        case list() | tuple():
            return [_quotable(part, place) for part in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _quotable(part, f"{place}.{key}") for key, part in value.items()}
    raise ValueError(f"{place}: {type(value).__name__} is nothing that a text can quote; a number, a word, a list is")


def seen(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of this run (not the original's) whose network did not diverge."""
    kept = table[table["source"] == "run"] if "source" in table else table
    return kept[~kept["diverged"].astype(bool)] if "diverged" in kept else kept


def where(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows whose columns have the values: ``where(table, noise="randX", level=1)``."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def pure(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of real data and of pure noise."""
    return table[table["level"].isin([0, 1])]


def mean(values: pd.Series) -> float | None:
    """Return the mean of the values that are there, the same on every machine; None where there are none."""
    values = values.dropna()
    return math.fsum(values) / len(values) if len(values) else None


def geometric_mean(values: pd.Series) -> float | None:
    """Return the geometric mean of the positive values; None where there are none."""
    values = values[values > 0]
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if len(values) else None


def distinct(values: pd.Series) -> list[float]:
    """Return the distinct values, ascending, as Python's numbers."""
    return sorted(values.dropna().unique().tolist())


def ratio(one: float | None, other: float | None) -> float | None:
    """Return one number over another; None where either is missing or the other is zero."""
    return None if one is None or not other else one / other


def points(high: float | None, low: float | None) -> float | None:
    """Return by how many percentage points a fraction is above another; None where either is missing."""
    return None if high is None or low is None else 100 * (high - low)


def beside(table: pd.DataFrame, column: str, here: Mapping[str, object], there: Mapping[str, object] | None = None):
    """Return the original's mean of a column and ours, ``[original, here]``, where the table has both; else None.

    The original's rows (`source` "paper") are in the table where our runs have the original's size. `here` selects
    our rows, `there` the original's, where these are named otherwise.
    """
    if "source" not in table:
        return None
    paper = mean(where(table[table["source"] == "paper"], **(here if there is None else there))[column])
    ours = mean(where(seen(table), **here)[column])
    return None if paper is None or ours is None else [paper, ours]


def at_level(rows: pd.DataFrame, level: float) -> list[tuple[str, float]]:
    """Return each kind of noise with the level at which it is quoted: real data at 0, the others at `level`."""
    return [(kind, 0 if kind == "none" else level) for kind in sorted(set(rows["noise"]))]
