"""B-Fig 5: the noisier the training set, the more units it takes to validate as well as one can."""

from __future__ import annotations

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
    drawing = style.figure(style.FULL_WIDTH, 2.7 * len(cells))
    for block, (_, rows) in zip(np.atleast_1d(drawing.subfigures(len(cells), 1)), cells, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        _block(block, rows, paper)
    style.note(drawing, _small_print(table))
    return drawing


def _block(block: SubFigure, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    kinds = levels.kinds_of(rows)
    panels: list[Axes] = []
    grid = block.add_gridspec(1, len(kinds) + 1)
    for column, kind in enumerate(kinds):
        axes = block.add_subplot(grid[column], sharey=panels[0] if panels else None)
        levels.accuracy(axes, rows, paper, kind, "best_validation_accuracy")
        axes.set(ylabel="Best validation accuracy", title=style.kind_words(kind).capitalize())
        levels.level_key(axes, rows[rows["level"] < 1] if levels.hides_pure_noise(rows) else rows, kind)
        if panels:
            style.shares_y(axes)
        panels.append(axes)
    needed = block.add_subplot(grid[len(kinds)])
    below = rows[rows["level"] < 1]  # pure noise validates at chance at every width
    keys = levels.needed(needed, below if len(below) else rows, kinds, "best_validation_accuracy", within=WITHIN)
    needed.set(ylabel="Hidden units per layer", title=f"Width within {100 * WITHIN:g} point of the best")
    levels.key_below(needed, keys, title="geometric mean of")
    words = f"{style.dataset_words(rows.iloc[0])}, {int(rows['examples'].iloc[0]):,} training examples"
    block.suptitle(words, fontsize=8.5, fontweight="bold")


def _small_print(table: pd.DataFrame) -> list[str]:
    sentences = ["Lines: mean over seeds; bands: 95 % t intervals. Best: over the epochs of a run."]
    sentences.append("Right: the smallest such width of every seed.")
    if levels.hides_pure_noise(table):
        sentences.append("Pure noise validates at chance and is left out.")
    if (table["source"] == "paper").any():
        sentences.append(levels.DASHED)
    return sentences + style.left_out(table)
