"""B-Figs 7 and 8: accuracy and critical samples over training, by the share of noise in the training set.

The share of critical samples is high before training, falls as the network becomes sure of its answers, and grows again
as it fits noise; so the epochs are drawn on an axis that shows the first of them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.figures import levels, style
from closerlook.tables.criticality import (
    PROBLEM,
    at_radius,
    in_pixels,
)
from closerlook.tables.statistics import t_interval


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a row per problem; for each kind of noise, a panel of accuracies and one of the share that is critical."""
    seen = table[~table["diverged"].astype(bool)]
    ours = seen[seen["source"] == "run"]
    problems = list(ours.groupby(PROBLEM))[::-1]  # MNIST first, as in the paper
    kinds = levels.kinds_of(ours)
    drawing = style.figure(style.FULL_WIDTH, 0.8 + 1.5 * len(problems))
    for block, kind in zip(np.atleast_1d(drawing.subfigures(1, len(kinds))), kinds, strict=True):
        grid = block.subplots(len(problems), 2, squeeze=False)
        for line, (_, rows) in zip(grid, problems, strict=True):
            paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
            own, original = (part[part["noise"].isin(["none", kind])] for part in (rows, paper))
            _accuracies(line[0], own, original)
            _critical(line[1], own, original)
            line[0].set_title(style.dataset_words(rows.iloc[0]), loc="left", fontweight="bold")
            for axes, column, room in ((line[0], "train_accuracy", 1.15), (line[1], "validation_critical", 2.4)):
                style.epoch_axis(axes, pd.concat([own, original]).dropna(subset=[column])["epoch"], room)
                axes.xaxis.label.set_visible(axes in grid[-1])
        _key(block, ours[ours["noise"].isin(["none", kind])], kind)
    style.note(drawing, _small_print(table, ours))
    return drawing


def _key(block: SubFigure, rows: pd.DataFrame, kind: str) -> None:
    present = sorted(set(rows["level"]))
    handles = [style.key(kind if level else "none", level, f"{level:g}") for level in present]
    words = style.kind_words(kind)
    block.legend(
        handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=0.8, handletextpad=0.3,
        handlelength=1.1, title=f"{words[0].upper()}{words[1:]}, share of the training set",
    )  # fmt: skip


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    radii = at_radius(ours)["radius"]
    sentences = [
        "Means over seeds. Left of each pair: solid training set, dotted validation set. Right: validation samples",
        f"with another answer within {in_pixels(radii)} in every pixel, as LASS finds them; bars: 95 % t intervals",
        "at the end.",
    ]
    if (table["source"] == "paper").any():
        sentences.append("Open markers: read off the original figures, whose panels differ in how they searched.")
    return sentences + style.left_out(table)


def _lines(rows: pd.DataFrame) -> list[tuple[str, float, pd.DataFrame]]:
    return [(kind, level, line) for (kind, level), line in rows.groupby(["noise", "level"])]


def _accuracies(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    once = rows.drop_duplicates([*PROBLEM, "noise", "level", "seed", "epoch"])
    for column, dashes in (("train_accuracy", "-"), ("validation_accuracy", ":")):
        for kind, level, line in _lines(once):
            look = {"linestyle": dashes, "linewidth": 1.0, "marker": ""}
            style.curve(axes, line, "epoch", column, noise=kind, level=level, band=False, **look)
        _original(axes, paper, column, "s" if column == "train_accuracy" else "o")
    axes.set_ylabel("Accuracy")
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _critical(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    """Draw the lines, and the intervals of their last points side by side: bands of all would hide each other."""
    kept = at_radius(rows).dropna(subset=["validation_critical"])
    for place, (kind, level, line) in enumerate(_lines(kept)):
        look = {"band": False, "markersize": 2.6}
        style.curve(axes, line, "epoch", "validation_critical", noise=kind, level=level, **look)
        end = line.loc[line["epoch"] == line["epoch"].max(), ["epoch", "validation_critical"]]
        low, high = t_interval(end["validation_critical"])
        bar = end["epoch"].max() * 1.15 * 1.11**place
        axes.plot([bar, bar], [low, high], color=style.colour(kind, level), linewidth=1.1, solid_capstyle="butt")
    _original(axes, paper, "validation_critical", "o")
    axes.set_ylabel("Critical samples")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _original(axes: Axes, paper: pd.DataFrame, column: str, marker: str) -> None:
    for kind, level, line in _lines(paper.dropna(subset=[column]) if column in paper else paper.iloc[:0]):
        axes.plot(
            line["epoch"], line[column], linestyle="none", marker=marker, color=style.colour(kind, level), zorder=4,
            markerfacecolor="white", markersize=3.6, markeredgewidth=0.9, clip_on=False,
        )  # fmt: skip
