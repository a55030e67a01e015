"""B-Fig 3: how unequally the training examples count for later losses, against the number of updates."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from closerlook.figures import levels, style
from closerlook.tables.sensitivity import ORIGINAL_RATE

PAPER = {"marker": "*", "markersize": 6, "linestyle": "--", "linewidth": 0.7, "markeredgewidth": 0}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw the Gini coefficient against updates, per data set: the usual classes, and a class for every example."""
    seen = table[~table["diverged"]].astype({"own_class": bool})
    ours, paper = seen[seen["source"] == "run"], seen[seen["source"] == "paper"]
    problems = list(ours.groupby(["dataset", "image_size"]))
    shades = {(kind, level): shade for kind, level, shade, _ in levels.lines(ours)}  # one for all panels and the key
    sorts = sorted(set(ours["own_class"]))
    width = style.FULL_WIDTH if len(sorts) > 1 else style.SINGLE_COLUMN
    drawing = style.figure(width, 0.75 + 2.1 * len(problems))
    grid = drawing.subplots(len(problems), len(sorts), squeeze=False)
    for row, (_, rows) in zip(grid, problems, strict=True):
        for axes, own_class in zip(row, sorts, strict=True):
            original = paper[(paper["dataset"] == rows["dataset"].iloc[0]) & (paper["own_class"] == own_class)]
            _panel(axes, rows[rows["own_class"] == own_class], original, shades)
            words = "a class for each" if own_class else "the usual classes"
            examples = rows.loc[rows["own_class"] == own_class, "examples"].unique()
            count = " and ".join(f"{number:,}" for number in sorted(examples))
            axes.set_title(f"{style.dataset_words(rows.iloc[0])}, {count} examples, {words}")
    handles = levels.keys(ours)
    if len(paper):
        handles.append(Line2D([], [], color="#777777", label="original figure", **PAPER))
    drawing.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5 if len(sorts) > 1 else 2))
    style.note(drawing, _small_print(table, ours))
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame, shades: Mapping[tuple[str, float], float]) -> None:
    for (kind, level), shade in shades.items():
        line = rows[(rows["noise"] == kind) & (rows["level"] == level)]
        if len(line):
            style.curve(axes, line, "scaled_steps", "gini", noise=kind, level=shade)
    for (kind, level), line in paper.groupby(["noise", "level"]):
        colour = style.colour(kind, shades.get((kind, level), level))
        axes.plot(line["steps"], line["gini"], color=colour, zorder=1.5, **PAPER)
    horizons = rows["scaled_steps"]
    thousands = {value: f"{value / 1000:g}k" for value in horizons if value >= 1000}
    style.log_axis(axes, horizons, words=thousands)
    same_rate = (horizons == rows["steps"]).all()
    axes.set_xlabel("SGD steps" if same_rate else f"SGD steps × learning rate / {ORIGINAL_RATE:g}")
    axes.set_ylabel("Gini coefficient of sensitivities")


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    sentences = [
        "Sensitivity: derivative of a later minibatch's loss with respect to a training input, through all updates in",
        "between; L1 norm, mean over losses. 0: all examples count alike. Bands: 95 % t intervals over seeds.",
    ]
    if missing := int(ours["gini"].isna().sum()):
        sentences.append(f"{missing} horizon{'s' * (missing > 1)} beyond a network's training left out.")
    return sentences + style.left_out(table)
