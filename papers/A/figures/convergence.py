"""A-Fig 2: time to fit the training set against capacity and against the number of examples."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closerlook.figures import levels, style
from closerlook.tables.sweeps import examples_sweep, reached, width_sweep

SWEEPS = {"width": (width_sweep, "Hidden units per layer"), "examples": (examples_sweep, "Training examples")}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: relative and absolute epochs to fit against width and against the number of examples."""
    seen = table[~table["diverged"]]
    ours = reached(seen[seen["source"] == "run"])
    datasets = list(ours.groupby(["dataset", "image_size"]))[::-1]  # MNIST first, as in the paper
    drawing = style.figure(style.FULL_WIDTH, 0.75 + 1.75 * len(datasets))
    grid = drawing.subplots(len(datasets), 4, squeeze=False)
    for row, (_, rows) in zip(grid, datasets, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        for place, (swept, (select, words)) in enumerate(SWEEPS.items()):
            sweep = select(rows)
            levels.relative(row[2 * place], sweep, paper, swept)
            _absolute(row[2 * place + 1], sweep, swept)
            for axes in row[2 * place : 2 * place + 2]:
                axes.set(xlabel=words, title=levels.fixed_words(sweep, swept))
                axes.xaxis.label.set_visible(axes in grid[-1])
        row[0].annotate(
            style.dataset_words(rows.iloc[0]), (0, 0.5), (-44, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, va="center", ha="center", fontsize=8.5, fontweight="bold",
        )  # fmt: skip
    handles = levels.keys(ours)
    drawing.legend(
        handles=handles, loc="outside upper center", ncols=min(len(handles), 3 if len(handles) in (5, 6) else 4)
    )
    style.note(drawing, _small_print(table, ours))
    return drawing


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    sentences = ["Geometric means over seeds with 95 % t intervals.", *levels.late_words(ours)]
    if (table["source"] == "paper").any():
        sentences.append(levels.DASHED)
    return sentences + style.left_out(table)


def _absolute(axes: Axes, rows: pd.DataFrame, swept: str) -> None:
    levels.curves(axes, rows, swept, "reached")
    levels.scales(axes, rows, swept)
    axes.set_ylabel("Epochs to fit")
