"""A-Fig 1: noise needs more capacity. Accuracy against width, and the width that it takes to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closerlook.figures import levels, style
from closerlook.tables.prose import at_level, distinct, mean, points, seen, where
from closerlook.tables.rows import runs, tidy, with_targets
from closerlook.tables.sweeps import FITTED

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "best_train_accuracy",
    "best_validation_accuracy", "final_validation_accuracy", "fit_epoch", "diverged",
)  # fmt: skip
PANELS = {"best_validation_accuracy": "Best validation\naccuracy", "best_train_accuracy": "Best training\naccuracy"}


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    Accuracies are fractions; best and final are over the epochs that were evaluated. `measured` is not used.
    """
    return with_targets(tidy(runs(trained), COLUMNS), targets)


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: accuracies against width with a line per noise level, and the width needed to fit."""
    seen = table[~table["diverged"]]
    cells = list(seen[seen["source"] == "run"].groupby(["dataset", "image_size", "examples"]))
    kinds = levels.kinds_of(seen)
    drawing = style.figure(style.FULL_WIDTH, 3.9 * len(cells))
    for half, (_, rows) in zip(np.atleast_1d(drawing.subfigures(len(cells), 1)), cells, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        grid = half.add_gridspec(2, len(kinds) + 1, width_ratios=[*[1] * len(kinds), 1.15])
        for row, accuracy in enumerate(PANELS):
            first = None
            for column, kind in enumerate(kinds):
                axes = half.add_subplot(grid[row, column], sharey=first)
                levels.accuracy(axes, rows, paper, kind, accuracy)
                axes.set_ylabel(PANELS[accuracy])
                if first is not None:
                    style.shares_y(axes)
                if row == 0:
                    axes.set_title(style.kind_words(kind).capitalize())
                    axes.xaxis.label.set_visible(False)
                else:
                    levels.level_key(axes, rows, kind)
                first = first or axes
        _needed(half.add_subplot(grid[:, len(kinds)]), rows, kinds)
        words = f"{style.dataset_words(rows.iloc[0])}, {int(rows['examples'].iloc[0]):,} training examples"
        half.suptitle(words, fontsize=8.5, fontweight="bold")
    style.note(drawing, _small_print(table))
    return drawing


def _small_print(table: pd.DataFrame) -> list[str]:
    sentences = ["Lines: mean over seeds; bands: 95 % t intervals. Best: over the epochs of a run."]
    if levels.hides_pure_noise(table):
        sentences.append("Pure noise validates at chance and is left out above.")
    if (table["source"] == "paper").any():
        sentences.append(levels.DASHED)
    return sentences + style.left_out(table)


def _needed(axes: Axes, rows: pd.DataFrame, kinds: Sequence[str]) -> None:
    keys = levels.needed(axes, rows, kinds, "best_train_accuracy", reach=FITTED)
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top * (1 + 0.22 * len(keys)))
    axes.set(ylabel=f"Smallest width with ≥ {FITTED:.0%} training accuracy", title="Capacity needed to fit")
    axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, 1.01), borderaxespad=0.2)


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
