"""B-Fig 11: training accuracy epoch by epoch under each regularizer, on random labels and on real data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.figures import style
from closerlook.tables.regularized import (
    TOLERANCE,
    order,
)

PANELS = {"randY": "Random labels", "none": "Real data"}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: training accuracy against epoch on random labels and on real data, a line a regularizer."""
    seen = table[~table["diverged"]]
    ours = seen[seen["source"] == "run"]
    datasets = list(ours.groupby(["dataset", "image_size"]))[::-1]
    drawing = style.figure(style.FULL_WIDTH, 0.35 + 2.1 * len(datasets))
    for block, (_, rows) in zip(np.atleast_1d(drawing.subfigures(len(datasets), 1)), datasets, strict=True):
        _block(block, rows, seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])])
    style.note(drawing, _small_print(table))
    return drawing


def _small_print(table: pd.DataFrame) -> list[str]:
    sentences = [
        "Means over seeds with 95 % t intervals. Each at the strength that memorizes least of those that cost at most",
        f"{TOLERANCE:g} point of validation accuracy on real data, chosen on the even seeds.",
    ]
    if (table["source"] == "paper").any():
        sentences.append("Open: read off the original figure.")
    return sentences + style.left_out(table)


def _block(block: SubFigure, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    shown = [noise for noise in PANELS if noise in set(rows["noise"])]
    for axes, noise in zip(block.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _panel(axes, rows[rows["noise"] == noise], paper[paper["noise"] == noise])
        axes.set_title(PANELS[noise])
    strengths = rows.groupby("regularizer")["strength"].first()
    handles = [style.regularizer_key(name, strengths[name], markersize=3) for name in order(strengths.index)]
    block.legend(handles=handles, loc="outside right upper")
    block.suptitle(style.dataset_words(rows.iloc[0]), fontsize=8.5, fontweight="bold")


def _panel(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    """Draw a line per regularizer, its marker at a few of the epochs, and the original's values as open markers."""
    names = order(rows["regularizer"])
    for place, name in enumerate(names):
        line = rows[rows["regularizer"] == name]
        count = line["epoch"].nunique()
        every = max(1, count // 5)
        marks = {"markevery": (place * every // len(names), every), "markersize": 3}
        style.curve(axes, line, "epoch", "train_accuracy", noise="none", **style.regularizer_look(name), **marks)
    for name, values in paper.groupby("regularizer"):
        look = style.regularizer_look(name)
        axes.plot(
            values["epoch"], values["train_accuracy"], linestyle="none", **look, markerfacecolor="white",
            markersize=4.5, clip_on=False, zorder=4,
        )  # fmt: skip
    axes.set(xlabel="Epoch", ylabel="Training accuracy")
    ticks = [tick for power in range(6) for tick in (10**power, 2 * 10**power, 5 * 10**power)]
    style.log_axis(axes, [tick for tick in ticks if rows["epoch"].min() <= tick <= rows["epoch"].max()])
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
