"""B-Fig 5: the noisier the training set, the more units it takes to validate as well as one can."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from closerlook.figures import levels, style

WITHIN = 0.01
"""How far below the best of all widths an accuracy still counts as the best, as in the claims B6."""


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: best validation accuracy against width, and the width needed for it against the level."""
    seen = table[~table["diverged"]]
    cells = list(seen[seen["source"] == "run"].groupby(["dataset", "image_size", "examples"]))[::-1]
    lines = [levels.grid_of(levels.kinds_of(rows))[0] for _, rows in cells]
    drawing = style.figure(style.FULL_WIDTH, 2.7 * sum(lines))
    blocks = np.atleast_1d(drawing.subfigures(len(cells), 1, height_ratios=lines))
    for block, (_, rows) in zip(blocks, cells, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        _block(block, rows, paper)
    style.note(drawing, _small_print(table, [rows for _, rows in cells]))
    return drawing


def _block(block: SubFigure, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    kinds = levels.kinds_of(rows)
    first: Axes | None = None
    lines, columns = levels.grid_of(kinds)
    grid = block.add_gridspec(lines, columns)
    for place, kind in enumerate(kinds):
        line, column = divmod(place, columns)
        axes = block.add_subplot(grid[line, column], sharey=first)
        levels.accuracy(axes, rows, paper, kind, "best_validation_accuracy")
        axes.set(ylabel="Best validation accuracy", title=style.kind_words(kind).capitalize())
        levels.level_key(axes, levels.validating(rows), kind)
        if column:
            style.shares_y(axes)
        first = first or axes
    needed = block.add_subplot(grid[-1, len(kinds) % columns :])
    below = levels.informative(rows)
    keys = levels.needed(needed, below if len(below) else rows, kinds, "best_validation_accuracy", within=WITHIN)
    needed.set(ylabel="Hidden units per layer", title=f"Width within {100 * WITHIN:g} point of the best")
    levels.key_below(needed, keys, title="geometric mean of")
    words = f"{style.dataset_words(rows.iloc[0])}, {int(rows['examples'].iloc[0]):,} training examples"
    block.suptitle(words, fontsize=8.5, fontweight="bold")


def _small_print(table: pd.DataFrame, cells: Sequence[pd.DataFrame]) -> list[str]:
    sentences = ["Lines: mean over seeds; bands: 95 % t intervals. Best: over the epochs of a run."]
    sentences.append("Right: the smallest such width of every seed.")
    sentences += levels.left_out_words(cells)
    if (table["source"] == "paper").any():
        sentences.append(levels.DASHED)
    return sentences + style.left_out(table)
