"""The table of B-Fig 11: training accuracy epoch by epoch under each regularizer, on random labels and on real data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import where
from closerlook.tables.regularized import (
    against_none,
    by_size,
    choose,
    even_seeds,
    named,
    one_each,
    real_and_random,
    require_equal_epochs,
)
from closerlook.tables.rows import histories, runs, tidy, with_targets

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "regularizer", "strength", "noise", "level", "seed", "epoch",
    "train_accuracy", "diverged",
)  # fmt: skip
CELL = ["dataset", "image_size", "examples"]


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network and evaluated epoch, of each regularizer at one strength: `COLUMNS` and `source`.

    The strength is chosen on the even seeds (`closerlook.tables.regularized.choose`): of those that cost at most
    `TOLERANCE` points of validation accuracy on real data, the one with the lowest final training accuracy on random
    labels. `epoch` counts from 1, `train_accuracy` is a fraction. `measured` is not used.

    Raises
    ------
    ValueError
        If networks of one data set were to train for different numbers of epochs.
    """
    ends = real_and_random(named(runs(trained)))
    require_equal_epochs(ends)
    chosen = pd.concat([_chosen(rows) for _, rows in one_each(ends).groupby(CELL)], ignore_index=True)
    curves = real_and_random(one_each(named(histories(trained, "train_accuracy"))))
    return with_targets(tidy(curves.merge(chosen, on=list(chosen.columns)), COLUMNS), targets)


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the strength of each regularizer of a data set; where nothing decides between them the weakest."""
    points = even_seeds(against_none(rows[~rows["diverged"]]))
    strengths = {
        name: choose(points, name) or min(strengths, key=by_size)
        for name, strengths in rows.groupby("regularizer")["strength"]
    }
    table = pd.DataFrame(strengths.items(), columns=["regularizer", "strength"])
    return table.assign(**rows[CELL].iloc[0])


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return `original_range`: by kind, the lowest and highest accuracy at which the original's regularizers end."""
    if original is None:
        return {}
    ended = where(original, epoch=100)
    curves = ended[ended["regularizer"] != "none"].groupby("noise")["train_accuracy"]
    return {"original_range": {kind: [float(ends.min()), float(ends.max())] for kind, ends in curves}}
