"""A-Fig 3 left: sharpness against the noise share, at a fixed number of epochs and at a matched training loss.

The largest eigenvalue scales with the loss that was reached, so "at convergence" alone would compare losses; trace and
Frobenius norm stand beside it because a few outliers, of which real data has more, decide the largest eigenvalue.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closerlook.data.noise import NOISES
from closerlook.figures import style
from closerlook.tables.rows import checkpoint_order

NUMBERS = {
    "largest_eigenvalue": "Largest eigenvalue",
    "trace": "Trace",
    "frobenius": "Frobenius norm",
}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a block of panels per data set: a row per curvature number, a column per checkpoint."""
    seen = table[~table["diverged"]]
    datasets = list(seen.groupby(["dataset", "image_size"]))[::-1]  # MNIST first, as in the paper
    checkpoints = checkpoint_order(seen["checkpoint"])
    drawing = style.figure(style.FULL_WIDTH, 4.6)
    for block, (_, rows) in zip(np.atleast_1d(drawing.subfigures(1, len(datasets))), datasets, strict=True):
        grid = block.subplots(len(NUMBERS), len(checkpoints), sharex=True, sharey="row", squeeze=False)
        for line, number in zip(grid, NUMBERS, strict=True):
            for axes, checkpoint in zip(line, checkpoints, strict=True):
                _panel(axes, rows[rows["checkpoint"] == checkpoint], number)
                if axes is not line[0]:
                    style.shares_y(axes)
                axes.xaxis.label.set_visible(False)  # one label a block: three would touch
            style.log_numbers(line[0])
        for axes, checkpoint in zip(grid[0], checkpoints, strict=True):
            axes.set_title(rows.loc[rows["checkpoint"] == checkpoint, "at"].iloc[0].replace(" ", "\n", 1), fontsize=7)
        style.share_axis(grid[0, 0], rows["level"])
        block.supxlabel(grid[-1, 0].get_xlabel(), fontsize=grid[-1, 0].xaxis.label.get_fontsize())
        block.suptitle(style.dataset_words(rows.iloc[0]), fontsize=8.5, fontweight="bold")
    kinds = [kind for kind in NOISES.names() if kind in set(seen["noise"])]
    handles = [style.key(kind, 0.7, style.kind_words(kind)) for kind in kinds]
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(kinds))
    style.note(drawing, _small_print(table))
    return drawing


def _small_print(table: pd.DataFrame) -> list[str]:
    sentences = ["Geometric means over seeds with 95 % t intervals; share 0 is real data."]
    missed = int(table.loc[~table["diverged"], "largest_eigenvalue"].isna().sum())
    if missed:
        sentences.append(f"{missed} checkpoint{'s were' if missed > 1 else ' was'} not reached.")
    loose = int((~table["converged"].astype(bool) & table["largest_eigenvalue"].notna()).sum())
    if loose:
        sentences.append(f"{loose} eigenvalues had not converged.")
    return sentences + style.left_out(table)


def _panel(axes: Axes, rows: pd.DataFrame, number: str) -> None:
    for kind in NOISES.names()[1:]:
        if kind in set(rows["noise"]):
            style.curve(
                axes, rows[rows["noise"].isin(["none", kind])], "level", number, noise=kind, level=0.7, log=True
            )
    style.share_axis(axes, rows["level"])
    style.curve(axes, rows[rows["noise"] == "none"], "level", number, noise="none", log=True, band=False, zorder=4)
    axes.set_ylabel(NUMBERS[number])
