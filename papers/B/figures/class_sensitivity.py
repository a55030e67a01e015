"""B-Fig 4: how much each class's loss depends on the training examples of each class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import NullLocator

from closerlook.figures import levels, style
from closerlook.tables.sensitivities import PROBLEM, SUMMARIES, matrix_of, summarise
from closerlook.tables.statistics import t_interval


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set, a matrix for each kind of data with common colours, and below them three numbers of each."""
    seen = table[~table["diverged"]].dropna(subset=["sensitivity"])
    if seen.empty:
        return style.nothing(table)
    problems = list(seen.groupby([*PROBLEM]))
    drawing = style.figure(style.FULL_WIDTH, 0.85 + 3.1 * len(problems))
    for block, (_, rows) in zip(np.atleast_1d(drawing.subfigures(len(problems), 1)), problems, strict=True):
        _block(block, rows)
    handles = levels.keys(seen)
    drawing.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 3))
    style.note(drawing, _small_print(table))
    return drawing


def _block(block: SubFigure, rows: pd.DataFrame) -> None:
    """Draw one data set into a subfigure."""
    upper, lower = block.subfigures(2, 1, height_ratios=(1.45, 1))
    lines = levels.lines(rows)
    matrices = [matrix_of(rows[(rows["noise"] == kind) & (rows["level"] == level)]) for kind, level, _, _ in lines]
    values = np.concatenate([matrix.ravel() for matrix in matrices])
    norm = LogNorm(values[values > 0].min(), values.max())
    grid = upper.subplots(1, len(lines), sharey=True, squeeze=False)[0]
    for axes, matrix, (_, _, _, words) in zip(grid, matrices, lines, strict=True):
        mesh = _matrix(axes, matrix, norm)
        axes.set_title(words.replace("random inputs", "random"), fontsize=7)
    upper.suptitle(f"{style.dataset_words(rows.iloc[0])}, after {rows['steps'].iloc[0]:,} SGD steps",
                   fontsize=8.5, fontweight="bold")  # fmt: skip
    grid[0].set_ylabel("Class of the loss")
    upper.supxlabel("Class of the training example", fontsize=grid[0].yaxis.label.get_fontsize())
    bar = upper.colorbar(mesh, ax=list(grid), shrink=0.9, pad=0.015, aspect=14)
    bar.set_label("Sensitivity\n(loss per pixel intensity)")
    bar.ax.yaxis.set_minor_locator(NullLocator())
    numbers = summarise(rows)
    for axes, (name, words) in zip(lower.subplots(1, len(SUMMARIES)), SUMMARIES.items(), strict=True):
        _numbers(axes, numbers, name)
        axes.set_ylabel(words)


def _matrix(axes: Axes, matrix: Float[np.ndarray, "class class"], norm: LogNorm) -> QuadMesh:
    edges = np.arange(len(matrix) + 1) - 0.5
    mesh = axes.pcolormesh(edges, edges, matrix, norm=norm, cmap="viridis", linewidth=0)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    ticks = np.arange(0, len(matrix), 3 if len(matrix) <= 10 else len(matrix) // 4)
    axes.set(xticks=ticks, yticks=ticks, ylim=edges[[-1, 0]])
    return mesh


def _numbers(axes: Axes, numbers: pd.DataFrame, name: str) -> None:
    """Draw every network, and each kind's mean with its 95 % t interval."""
    lines = levels.lines(numbers)
    for place, (kind, level, shade, _) in enumerate(lines):
        values = numbers.loc[(numbers["noise"] == kind) & (numbers["level"] == level), name].to_numpy()
        look = {"color": style.colour(kind, shade), "marker": style.marker(kind)}
        spots = place + 0.16 + 0.08 * (np.arange(len(values)) - (len(values) - 1) / 2) / max(1, len(values) - 1)
        axes.scatter(spots, values, s=7, alpha=0.6, linewidths=0, zorder=2, **look)
        low, high = t_interval(values)
        mean = values.mean()
        error = None if np.isnan(low) else [[mean - low], [high - mean]]
        axes.errorbar([place - 0.08], [mean], yerr=error, capsize=2, markeredgewidth=0, linestyle="none", **look)
    axes.set(xlim=(-0.5, len(lines) - 0.4), xticks=[])
    axes.set_ylim(bottom=0)


def _small_print(table: pd.DataFrame) -> list[str]:
    sentences = [
        "Derivative of a class's mean training loss with respect to a training input of a class, through all updates",
        "and directly; L1 norm, mean over pixels, examples and networks.",
        "Below: every network, with the mean's 95 % t interval; CV: standard deviation over mean within a row.",
    ]
    return sentences + style.left_out(table)
