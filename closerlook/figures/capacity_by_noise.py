"""B-Fig 5: the noisier the training set, the more units it takes to validate as well as one can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from closerlook.figures import levels, style
from closerlook.tables.prose import at_level, beside, distinct, mean, points, seen, where
from closerlook.tables.rows import runs, tidy, with_targets

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "best_validation_accuracy", "diverged",
)  # fmt: skip
WITHIN = 0.01
"""How far below the best of all widths an accuracy still counts as the best, as in the claims B6."""


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    Accuracies are fractions, the best over the epochs that were evaluated. Nothing of `measured` is used.
    """
    return with_targets(tidy(runs(trained), COLUMNS), targets)


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


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return what twice the width still gains at the end of the sweep on MNIST, and the widths that the original needs.

    `gain` is in points of best validation accuracy between the two largest widths, on real data and at `top_level`, the
    highest share below 1, of each kind of noise. `short`: the sweep ends before the width that the original needs.
    """
    rows = seen(table)
    top = max((level for level in rows["level"] if 0 < level < 1), default=0.8)
    digits = where(rows, dataset="mnist")
    widths = distinct(digits["width"])
    gain = {kind: gained(where(digits, noise=kind, level=level), widths) for kind, level in at_level(digits, top)}
    found: dict[str, object] = {"top_level": top, "widest": max(widths, default=None), "gain": gain, "short": False}
    if original is not None:
        needed = {kind: original_width(original, kind, level) for kind, level in (("none", 0), ("randX", 0.8))}
        short = gain.get("randX") is not None and widths[-1] < needed["randX"]
        found |= {"original_width": needed, "short": short}
    at = {"dataset": "mnist", "width": 4096}
    found["beside_original"] = {
        kind: beside(table, "best_validation_accuracy", {**at, "noise": kind, "level": level})
        for kind, level in (("none", 0), ("randX", 0.8), ("randY", 0.8))
    }
    return found


def gained(rows: pd.DataFrame, widths: list[float]) -> float | None:
    """Return the points of best validation accuracy that the largest of the widths gains over the one before it."""
    if len(widths) < 2:
        return None
    last, before = (mean(where(rows, width=width)["best_validation_accuracy"]) for width in (widths[-1], widths[-2]))
    return points(last, before)


def original_width(original: pd.DataFrame, kind: str, level: float) -> int:
    """Return the smallest width that comes within one point of the best, in the original's values."""
    rows = where(original, noise=kind, level=level)
    enough = rows["best_validation_accuracy"] >= rows["best_validation_accuracy"].max() - 0.01
    return int(rows.loc[enough, "width"].min())
