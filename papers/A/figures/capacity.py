"""A-Fig 1: noise needs more capacity. Accuracy against width, and the width that it takes to fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from closerlook.figures import levels, style
from closerlook.tables.sweeps import FITTED

PANELS = {"best_validation_accuracy": "Best validation\naccuracy", "best_train_accuracy": "Best training\naccuracy"}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: accuracies against width with a line per noise level, and the width needed to fit."""
    seen = table[~table["diverged"]]
    cells = list(seen[seen["source"] == "run"].groupby(["dataset", "image_size", "examples"]))
    lines = [levels.grid_of(levels.kinds_of(rows))[0] for _, rows in cells]
    drawing = style.figure(style.FULL_WIDTH, 3.9 * sum(lines))
    blocks = np.atleast_1d(drawing.subfigures(len(cells), 1, height_ratios=lines))
    for block, (_, rows) in zip(blocks, cells, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        _block(block, rows, paper)
    style.note(drawing, _small_print(table, [rows for _, rows in cells]))
    return drawing


def _block(block: SubFigure, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    kinds = levels.kinds_of(rows)
    lines, columns = levels.grid_of(kinds)
    grid = block.add_gridspec(2 * lines, columns, width_ratios=[*[1] * (columns - 1), 1.15])
    for row, accuracy in enumerate(PANELS):
        first: Axes | None = None
        for place, kind in enumerate(kinds):
            line, column = divmod(place, columns)
            axes = block.add_subplot(grid[2 * line + row, column], sharey=first)
            levels.accuracy(axes, rows, paper, kind, accuracy)
            axes.set_ylabel(PANELS[accuracy])
            if column:
                style.shares_y(axes)
            if row == 0:
                axes.set_title(style.kind_words(kind).capitalize())
                axes.xaxis.label.set_visible(False)
            else:
                levels.level_key(axes, rows, kind)
            first = first or axes
    needed = block.add_subplot(grid[-2:, len(kinds) % columns :])
    _needed(needed, rows, kinds, " " if (lines, columns) == (1, 3) else "\n")
    words = f"{style.dataset_words(rows.iloc[0])}, {int(rows['examples'].iloc[0]):,} training examples"
    block.suptitle(words, fontsize=8.5, fontweight="bold")


def _small_print(table: pd.DataFrame, cells: Sequence[pd.DataFrame]) -> list[str]:
    sentences = ["Lines: mean over seeds; bands: 95 % t intervals. Best: over the epochs of a run."]
    sentences += levels.left_out_words(cells, " above")
    if (table["source"] == "paper").any():
        sentences.append(levels.DASHED)
    return sentences + style.left_out(table)


def _needed(axes: Axes, rows: pd.DataFrame, kinds: Sequence[str], between: str) -> None:
    """Draw the width needed to fit; `between` divides the label, which a broad panel has in two lines."""
    keys = levels.needed(axes, rows, kinds, "best_train_accuracy", reach=FITTED)
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top * (1 + 0.22 * len(keys)))
    axes.set(ylabel=f"Smallest width with{between}≥ {FITTED:.0%} training accuracy", title="Capacity needed to fit")
    axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, 1.01), borderaxespad=0.2)
