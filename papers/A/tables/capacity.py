"""The table of A-Fig 1: noise needs more capacity. Accuracy against width, and the width that it takes to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import at_level, distinct, mean, points, seen, where
from closerlook.tables.rows import runs, tidy, with_targets

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "best_train_accuracy",
    "best_validation_accuracy", "final_validation_accuracy", "fit_epoch", "diverged",
)  # fmt: skip


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    Accuracies are fractions; best and final are over the epochs that were evaluated. `measured` is not used.
    """
    return with_targets(tidy(runs(trained), COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return what the text quotes of the width sweep: accuracies of the smallest width, and what the widest gains.

    `fitted` is the best training accuracy at `smallest_width` on real data and at `top_level` of each kind of noise;
    `gain` the points of best validation accuracy between the smallest and the `largest_width`, at `partial_level`.
    """
    rows = seen(table)
    cell = where(rows, **rows[["dataset", "examples"]].iloc[0].to_dict())
    widths = distinct(cell["width"])
    levels = [level for level in distinct(cell["level"]) if level > 0]
    top = levels[-1]
    partial = max((level for level in levels if level < 1), default=top)
    narrow, wide = where(cell, width=widths[0]), where(cell, width=widths[-1])
    gained = {
        kind: points(
            mean(where(wide, noise=kind, level=level)["best_validation_accuracy"]),
            mean(where(narrow, noise=kind, level=level)["best_validation_accuracy"]),
        )
        for kind, level in at_level(cell, partial)
    }
    return {
        "smallest_width": widths[0],
        "largest_width": widths[-1],
        "top_level": top,
        "partial_level": partial,
        "fitted": {
            kind: mean(where(narrow, noise=kind, level=level)["best_train_accuracy"])
            for kind, level in at_level(cell, top)
        },
        "gain": gained,
    }
