"""B-Figs 7 and 8: accuracy and critical samples over training, by the share of noise in the training set.

The share of critical samples is high before training, falls as the network becomes sure of its answers, and grows again
as it fits noise; so the epochs are drawn on an axis that shows the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.figures import levels, style
from closerlook.tables.criticality import (
    COLUMNS,
    LARGER_THAN_ORIGINAL,
    PROBLEM,
    at_radius,
    critical_rows,
    epoch_axis,
    first_problem,
    in_pixels,
)
from closerlook.tables.prose import beside, mean, seen, where
from closerlook.tables.rows import tidy, with_targets

MEASURES = ("critical_samples",)


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network, epoch and radius: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    `radius` is in pixel units from 0 to 1, and empty at epochs where accuracies alone are known. Rows of `targets` have
    level 0 under each kind of noise: the original's two panels of real data differ.

    Raises
    ------
    ValueError
        If a trained.h5 has no critical_samples.h5 beside it.
    """
    return with_targets(tidy(critical_rows(trained, measured), COLUMNS), targets)


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
                epoch_axis(axes, pd.concat([own, original]).dropna(subset=[column])["epoch"], room)
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
            style.curve(axes, line, "epoch", column, noise=kind, level=level, errorbar=None, **look)
        _original(axes, paper, column, "s" if column == "train_accuracy" else "o")
    axes.set_ylabel("Accuracy")
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _critical(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    """Draw the lines, and the intervals of their last points side by side: bands of all would hide each other."""
    kept = at_radius(rows).dropna(subset=["validation_critical"])
    for place, (kind, level, line) in enumerate(_lines(kept)):
        look = {"errorbar": None, "markersize": 2.6}
        style.curve(axes, line, "epoch", "validation_critical", noise=kind, level=level, **look)
        end = line.loc[line["epoch"] == line["epoch"].max(), ["epoch", "validation_critical"]]
        low, high = style.t_interval(end["validation_critical"])
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


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return final validation accuracies on MNIST, ours and the original's, on real data and where 0.8 is noise.

    `real_left` is how many real examples a share of 0.8 leaves of our `examples`. `original_panels` are the critical
    samples with which the clean panels of the original's figure 8 end, for the same data.
    """
    digits = first_problem(where(seen(table), dataset="mnist"))
    ended = where(digits, epoch=digits["epoch"].max())
    examples = int(digits["examples"].iloc[0]) if len(digits) else None
    return {
        "examples": examples,
        "real_left": None if examples is None else 0.2 * examples,
        "final": {
            kind: [
                mean(where(ended, noise=of, level=level)["validation_accuracy"])
                for of, level in (("none", 0), (kind, 0.8))
            ]
            for kind in ("randX", "randY")
        },
        "beside_original": {f"{level:g}": _at_the_end(table, level) for level in (0.4, 0.8)},
    } | ({} if original is None else original_prose(original))


def original_prose(original: pd.DataFrame) -> dict[str, object]:
    """Return the original's final accuracies on MNIST at shares of 0 and 0.8, and where its clean panels end."""
    ended = where(original, epoch=100)
    digits, clean = where(ended, dataset="mnist"), where(ended, dataset="cifar10", level=0)
    kinds = ("randX", "randY")
    return {
        "original_final": {
            kind: [mean(where(digits, noise=kind, level=level)["validation_accuracy"]) for level in (0, 0.8)]
            for kind in kinds
        },
        "original_panels": {kind: mean(where(clean, noise=kind)["validation_critical"]) for kind in kinds},
    }


def _at_the_end(table: pd.DataFrame, level: float) -> dict[str, list[float] | None]:
    """Return accuracy and critical samples after 100 epochs on random labels, the original's and ours."""
    cell = {"dataset": "mnist", "noise": "randY", "level": level, "epoch": 100}
    small = table[table["radius"] < LARGER_THAN_ORIGINAL]
    return {
        "accuracy": beside(table, "validation_accuracy", cell),
        "critical": beside(small, "validation_critical", cell),
    }
