"""A-Fig 1 (and B-Fig 5): noise needs more capacity. Accuracy against width, and the width that it takes to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.figures import style
from closerlook.figures.sweeps import FITTED, needed_widths
from closerlook.figures.tables import runs, tidy, with_targets
from closerlook.spec import NOISE_KINDS

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "best_train_accuracy",
    "best_validation_accuracy", "final_validation_accuracy", "fit_epoch", "diverged",
)  # fmt: skip
PANELS = {"best_validation_accuracy": "Best validation\naccuracy", "best_train_accuracy": "Best training\naccuracy"}


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    Accuracies are fractions; best and final are over the epochs that were evaluated. `measured` is not used.
    """
    return with_targets(tidy(runs(trained), COLUMNS), targets)


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: accuracies against width with a line per noise level, and the width needed to fit."""
    seen = table[~table["diverged"]]
    cells = list(seen[seen["source"] == "run"].groupby(["dataset", "image_size", "examples"]))
    kinds = [kind for kind in NOISE_KINDS[1:] if kind in set(seen["noise"])] or ["none"]
    drawing = style.figure(style.FULL_WIDTH, 3.9 * len(cells))
    for half, (_, rows) in zip(np.atleast_1d(drawing.subfigures(len(cells), 1)), cells, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        grid = half.add_gridspec(2, len(kinds) + 1, width_ratios=[*[1] * len(kinds), 1.15])
        for row, accuracy in enumerate(PANELS):
            first = None
            for column, kind in enumerate(kinds):
                axes = half.add_subplot(grid[row, column], sharey=first)
                _accuracy(axes, rows, paper, kind, accuracy)
                if first is not None:
                    style.shares_y(axes)
                if row == 0:
                    axes.set_title(style.KIND_WORDS[kind].capitalize())
                    axes.xaxis.label.set_visible(False)
                else:
                    _level_key(axes, rows, kind)
                first = first or axes
        _needed(half.add_subplot(grid[:, len(kinds)]), rows, kinds)
        words = f"{style.dataset_words(rows.iloc[0])}, {int(rows['examples'].iloc[0]):,} training examples"
        half.suptitle(words, fontsize=8.5, fontweight="bold")
    style.note(drawing, _small_print(table))
    return drawing


def _small_print(table: pd.DataFrame) -> list[str]:
    sentences = ["Lines: mean over seeds; bands: 95 % t intervals. Best: over the epochs of a run."]
    if _hides_pure_noise(table):
        sentences.append("Pure noise validates at chance and is left out above.")
    if (table["source"] == "paper").any():
        sentences.append("Dashed: read off the original figure.")
    return sentences + style.left_out(table)


def _hides_pure_noise(rows: pd.DataFrame) -> bool:
    """Whether to leave level 1 out of the validation panels: it is at chance and would squeeze the other lines."""
    return rows["level"].nunique() > 2 and bool(rows["level"].max() == 1)


def _of_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the rows of a kind; real data is level 0 of every kind."""
    return rows[rows["noise"].isin(["none", kind])]


def _accuracy(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame, kind: str, accuracy: str) -> None:
    if accuracy == "best_validation_accuracy" and _hides_pure_noise(rows):
        rows = rows[rows["level"] < 1]
    for (noise, level), line in _of_kind(rows, kind).groupby(["noise", "level"]):
        style.curve(axes, line, "width", accuracy, noise=noise, level=level)
    if accuracy in paper:
        for (noise, level), line in _of_kind(paper, kind).groupby(["noise", "level"]):
            style.curve(
                axes, line, "width", accuracy, noise=noise, level=level, linestyle="--", linewidth=0.7, alpha=0.8
            )
    style.log_axis(axes, rows["width"])
    axes.set(xlabel="Hidden units per layer", ylabel=PANELS[accuracy])
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _level_key(axes: Axes, rows: pd.DataFrame, kind: str) -> None:
    levels = sorted(set(_of_kind(rows, kind)["level"]))
    handles = [style.key(kind if level else "none", level, f"{level:g}") for level in levels]
    axes.legend(
        handles=handles, title="noise share", loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=3,
        columnspacing=0.8, handletextpad=0.4, handlelength=1.1,
    )  # fmt: skip


def _needed(axes: Axes, rows: pd.DataFrame, kinds: Sequence[str]) -> None:
    """Draw the smallest width that fits against the noise level: every seed, and the line of geometric means."""
    handles, beyond = [], 2 * rows["width"].max()
    censored = False
    for place, kind in enumerate(kinds):
        needed = needed_widths(_of_kind(rows, kind), "best_train_accuracy", reach=FITTED)
        if needed.empty:
            continue
        look = {"color": style.colour(kind, 0.7), "marker": style.marker(kind), "markeredgewidth": 0}
        means = needed.groupby("level")["width"].apply(style.geometric_mean)
        axes.plot(means.index, means.values, zorder=3, **look)
        for reached, seeds in needed.groupby("reached"):
            nudge = 0.016 * (place - (len(kinds) - 1) / 2) + 0.006 * (seeds.groupby("level").cumcount() - 1)
            fill = look["color"] if reached else "white"
            axes.scatter(seeds["level"] + nudge, seeds["width"], s=7, color=fill, edgecolors=look["color"],
                         linewidths=0.6, alpha=0.75, marker=look["marker"], zorder=2)  # fmt: skip
            censored |= not reached
        handles.append(style.key(kind, 0.7, style.KIND_WORDS[kind]))
    widths = [*rows["width"], beyond] if censored else rows["width"]
    style.log_axis(axes, widths, "y", {beyond: f">{rows['width'].max():g}"})
    axes.set_ylim(
        rows["width"].min() / 1.3, (beyond if censored else rows["width"].max()) * (1.35 + 0.3 * len(handles))
    )
    axes.set(ylabel=f"Smallest width with ≥ {FITTED:.0%} training accuracy")
    axes.set_title("Capacity needed to fit")
    style.share_axis(axes, rows["level"])
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 1.01), borderaxespad=0.2)
