"""B-Fig 9: critical samples over training on real data, random inputs and random labels; and how they were searched.

Beside the original's curve, of validation samples, stand that of training samples, which the paper describes in a
footnote, and the share at several radii with that of a random search in the same boxes.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.data.noise import NOISES
from closerlook.figures import style
from closerlook.tables.criticality import (
    PROBLEM,
    at_radius,
    in_pixels,
)

SHADE = 0.7


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a row per problem: validation samples and training samples against epoch, validation against radius."""
    seen = table[~table["diverged"].astype(bool)]
    ours = seen[seen["source"] == "run"]
    problems = list(ours.groupby(PROBLEM))[::-1]
    drawing = style.figure(style.FULL_WIDTH, 0.7 + 1.5 * len(problems))
    grid = drawing.subplots(len(problems), 3, sharey="row", squeeze=False)
    for line, (_, rows) in zip(grid, problems, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        _over_training(line[0], at_radius(rows), paper, "validation_critical", "Validation samples")
        _over_training(line[1], at_radius(rows), paper.iloc[:0], "training_critical", "Training samples")
        _over_radius(line[2], rows)
        for axes in line:
            axes.xaxis.label.set_visible(axes in grid[-1])
            if axes is not line[0]:
                style.shares_y(axes)
        line[0].set_ylim(0, min(1.05, line[0].get_ylim()[1]))
        line[0].annotate(
            style.dataset_words(rows.iloc[0]), (0, 0.5), (-44, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, va="center", ha="center", fontsize=8.5, fontweight="bold",
        )  # fmt: skip
    kinds = [kind for kind in NOISES.names() if kind in set(ours["noise"])]
    handles = [style.key(kind, SHADE, style.kind_words(kind)) for kind in kinds]
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    style.note(drawing, _small_print(table, ours))
    return drawing


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    sentences = [
        "Means over seeds with 95 % t intervals; noise share 1. Left and centre: samples with another answer within",
        f"{in_pixels(at_radius(ours)['radius'])} in every pixel. Right: validation samples at the last epoch",
        "measured, by LASS (solid) and by as many random corners of the box (dashed).",
    ]
    if (table["source"] == "paper").any():
        sentences.append("Left, open: read off the original figure.")
    return sentences + style.left_out(table)


def _over_training(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame, column: str, words: str) -> None:
    for kind, line in rows.groupby("noise"):
        style.curve(axes, line, "epoch", column, noise=kind, level=SHADE)
    for kind, line in paper.groupby("noise"):
        axes.plot(
            line["epoch"], line[column], linestyle="none", marker=style.marker(kind), markerfacecolor="white",
            color=style.colour(kind, SHADE), markersize=4, markeredgewidth=0.9, zorder=4, clip_on=False,
        )  # fmt: skip
    if rows[column].isna().all():
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#888888")
    style.epoch_axis(axes, [*rows["epoch"], *paper["epoch"]])
    _shares(axes, words)


def _over_radius(axes: Axes, rows: pd.DataFrame) -> None:
    last = at_last_epoch(rows)
    for kind, line in last.groupby("noise"):
        style.curve(axes, line, "radius", "validation_critical", noise=kind, level=SHADE)
        style.curve(axes, line, "radius", "validation_random", noise=kind, level=SHADE, linestyle="--", band=False)
    style.log_axis(axes, last["radius"], words={radius: f"{255 * radius:.3g}" for radius in last["radius"]})
    axes.set_xlabel("Radius (of 255)")
    axes.margins(x=0.12)
    _shares(axes, "At the end, by radius")


def at_last_epoch(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each network's rows at the last epoch at which its critical samples were measured."""
    measured = rows.dropna(subset=["validation_critical"])
    last = measured.groupby([*PROBLEM, "noise", "level", "seed"])["epoch"].transform("max")
    return measured[measured["epoch"] == last]


def _shares(axes: Axes, title: str) -> None:
    axes.set(title=title, ylabel="Critical samples")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
