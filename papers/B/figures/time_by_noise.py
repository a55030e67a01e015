"""B-Fig 6: capacity speeds fitting up, and data slow it down, the more so the noisier the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from closerlook.figures import levels, style
from closerlook.tables.sweeps import examples_sweep, exponents, reached, width_sweep

SWEEPS = {"width": (width_sweep, "Hidden units per layer"), "examples": (examples_sweep, "Training examples")}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: relative epochs to fit by kind and level, and their power-law exponents by level."""
    seen = table[~table["diverged"]]
    ours = reached(seen[seen["source"] == "run"])
    datasets = list(ours.groupby(["dataset", "image_size"]))[::-1]  # MNIST first, as in the paper
    heights = [0.3 + 1.2 * max(2, len(levels.kinds_of(rows))) for _, rows in datasets]
    drawing = style.figure(style.FULL_WIDTH, 0.75 + sum(heights))
    blocks = np.atleast_1d(drawing.subfigures(len(datasets), 1, height_ratios=heights))
    for block, (_, rows) in zip(blocks, datasets, strict=True):
        _block(block, rows, seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])])
    handles = levels.keys(ours)
    drawing.legend(handles=handles, loc="outside upper center", ncols=5 if len(handles) == 5 else min(len(handles), 4))
    style.note(drawing, _small_print(table, ours))
    return drawing


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    sentences = [
        "Left: geometric means over seeds, relative to the smallest size. Right: exponents of epochs to fit as a",
        "power of the size, a fit per seed; means with 95 % t intervals.",
    ]
    sentences += levels.late_words(ours)
    if (table["source"] == "paper").any():
        sentences.append(levels.DASHED)
    return sentences + style.left_out(table)


def _block(block: SubFigure, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    """Draw a data set: a row of relative times per kind of noise, and at the right what they come to."""
    kinds = levels.kinds_of(rows)
    grid = block.add_gridspec(len(kinds), 3)
    right = grid[:, 2].subgridspec(2, 1)
    first: Axes | None = None
    for column, (swept, (select, words)) in enumerate(SWEEPS.items()):
        sweep = select(rows)
        for place, kind in enumerate(kinds):
            axes = block.add_subplot(grid[place, column])
            levels.relative(axes, levels.of_kind(sweep, kind), levels.of_kind(paper, kind), swept)
            axes.set(
                ylabel="Relative epochs",
                xlabel=words,
                title=f"{style.kind_words(kind).capitalize()}, {levels.fixed_words(sweep, swept)}",
            )
            axes.xaxis.label.set_visible(place == len(kinds) - 1)
        last = block.add_subplot(right[column], sharex=first)
        _exponents(last, sweep, paper, swept, kinds)
        last.xaxis.label.set_visible(column == len(SWEEPS) - 1)
        first = first or last
    block.suptitle(style.dataset_words(rows.iloc[0]), fontsize=8.5, fontweight="bold")


def _exponents(axes: Axes, sweep: pd.DataFrame, paper: pd.DataFrame, swept: str, kinds: Sequence[str]) -> None:
    """Draw the power-law exponent of a size against the noise level; hollow where some network had not fitted."""
    found = exponents(sweep, swept)
    original = pd.DataFrame()
    if "relative_epochs" in paper:
        original = exponents(paper[paper["sweep"] == swept].assign(seed=0, fitted=True), swept, "relative_epochs")
    for kind in kinds:
        line = levels.of_kind(found, kind)
        style.curve(axes, line, "level", "exponent", noise=kind, level=0.7)
        late = line.groupby("level").filter(lambda cell: not cell["fitted"].all())
        hollow = {"linestyle": "none", "markerfacecolor": "white", "markeredgecolor": style.colour(kind, 0.7)}
        style.curve(axes, late, "level", "exponent", noise=kind, level=0.7, band=False, markeredgewidth=0.9, **hollow)
        if len(original) and kind in set(original["noise"]):
            dashed = {"linestyle": "--", "linewidth": 0.7}
            style.curve(axes, levels.of_kind(original, kind), "level", "exponent", noise=kind, level=0.7, **dashed)
    axes.axhline(0, color="#888888", linewidth=0.6, zorder=0)
    style.share_axis(axes, sweep["level"])
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel="Noise share", ylabel="Exponent", title=f"Power of {swept}")
