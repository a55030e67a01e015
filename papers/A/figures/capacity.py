"""A-Fig 1: noise needs more capacity. Accuracy against width, and the width that it takes to fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closerlook.figures import levels, style
from closerlook.tables.sweeps import FITTED

PANELS = {"best_validation_accuracy": "Best validation\naccuracy", "best_train_accuracy": "Best training\naccuracy"}


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
