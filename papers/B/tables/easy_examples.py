"""The table of B-Fig 1: easy and hard examples, by how many of many networks get each training example right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from closerlook.numerics.difficulty import difficulty
from closerlook.tables.answers import CELL, COLUMNS, ENSEMBLE, counts
from closerlook.tables.prose import seen, where
from closerlook.tables.rows import tidy, with_targets

MEASURES = ()


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per data set, noise, level, step and training example: the columns of `counts`, and `source`.

    Rows of `targets` carry `position`: the share of the examples, sorted by `right`, up to this one.

    Raises
    ------
    ValueError
        If an ensemble's networks cannot be counted together, or two ensembles are of the same cell.
    """
    table = pd.concat([counts(path) for path in trained], ignore_index=True)
    if table.duplicated([*ENSEMBLE, *CELL, "step", "example"]).any():
        raise ValueError("easy_examples: two ensembles of the same data, size and noise; give the figure one of them")
    return with_targets(tidy(table, COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return what networks get right after one epoch, ours and the original's, and how noise looks at the first look.

    `right` and `error` are shares of all answers after exactly one epoch, by data set and kind; `first_look` the
    updates after which random inputs were first asked about, and `first_dispersion` that of their errors then.
    """
    rows = seen(table)
    after_one = where(rows, epoch=1)
    right = {
        dataset: {kind: float(cell["right"].mean() / cell["networks"].mean()) for kind, cell in part.groupby("noise")}
        for dataset, part in after_one.groupby("dataset")
    }
    noise = dict(list(where(rows, noise="randX").groupby("dataset")))
    first = {dataset: part[part["step"] == part["step"].min()] for dataset, part in noise.items()}
    return {
        "right": right,
        "error": {dataset: {kind: 1 - share for kind, share in kinds.items()} for dataset, kinds in right.items()},
        "first_look": {dataset: part["step"].min() for dataset, part in noise.items()},
        "first_dispersion": {dataset: dispersion(part) for dataset, part in first.items()},
    } | ({} if original is None else {"original_right": original_right(original)})


def dispersion(rows: pd.DataFrame) -> float | None:
    """Return the dispersion of the numbers of networks wrong at one look (see `closerlook.numerics.difficulty`)."""
    wrong = (rows["networks"] - rows["right"]).to_numpy()[None]
    return float(difficulty(wrong, int(rows["networks"].iloc[0]), resamples=0).dispersion[0, 0])


def original_right(points: pd.DataFrame) -> dict[str, float]:
    """Return the share of right answers by kind of noise: the area under the points read off the sorted curve."""
    shares = points.assign(share=points["right"] / points["networks"])
    return {kind: float(np.trapezoid(cell["share"], cell["position"])) for kind, cell in shares.groupby("noise")}
