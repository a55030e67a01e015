"""B-Fig 10: how little of random labels a network memorizes, for how good it gets on real data, by regularizer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.figures import style
from closerlook.figures.labels import label_points
from closerlook.tables.regularized import X, Y, order, trade_off

DEPTH = 0.06
"""How far below the unregularized validation accuracy a panel reaches; what lies deeper is drawn at its edge."""
PANEL_HEIGHT = 2.25


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per data set, with the points of each regularizer and its running best as steps."""
    seen = table[~table["diverged"]]
    ours = seen[seen["source"] == "run"]
    datasets = list(ours.groupby(["dataset", "image_size"]))[::-1]
    drawing = style.figure(style.FULL_WIDTH, 0.4 + PANEL_HEIGHT * len(datasets))
    deep = False
    for axes, (_, rows) in zip(drawing.subplots(len(datasets), 1, squeeze=False)[:, 0], datasets, strict=True):
        points = trade_off(rows)
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        original = paper[Y] if Y in paper else pd.Series(dtype=float)
        floor = min([_floor(points), *original])
        deep |= bool((points[Y] < floor).any())
        axes.set(xlim=(0, 1.06), ylim=(floor - 0.006, max([*points[Y], *original]) + 0.014))
        _original(axes, paper)
        _panel(axes, points, floor)
        axes.set_title(f"{style.dataset_words(rows.iloc[0])}, {int(rows['examples'].iloc[0]):,} training examples")
    handles = [style.regularizer_key(name) for name in order(ours["regularizer"])]
    drawing.legend(handles=handles, loc="outside right upper")
    style.note(drawing, _small_print(table, deep))
    return drawing


def running_best(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the points of one regularizer by ascending `memorized`, with `best`: the best `validation` so far.

    `on_frontier` says whether a point raises it.
    """
    sorted_ = curve.sort_values([X, Y], ascending=[True, False], ignore_index=True)
    best = sorted_[Y].cummax()
    return sorted_.assign(best=best, on_frontier=best > best.shift(fill_value=-np.inf))


def _small_print(table: pd.DataFrame, deep: bool) -> list[str]:
    sentences = [
        "Means over seeds with 95 % t intervals; numbers: strength. Steps: the best validation accuracy of all",
        "strengths that memorize no more; faint: no best. Dotted: no regularizer.",
    ]
    if table["regularizer"].eq("LASS + dropout").any():
        sentences.append("LASS + dropout: weight of the loss at LASS points + dropout.")
    if deep:
        sentences.append("At the lower edge: further down.")
    if (table["source"] == "paper").any():
        sentences.append("Dashed, open: the lowest point and the plateau read off the original figure.")
    return sentences + style.left_out(table)


def _floor(points: pd.DataFrame) -> float:
    """Return the lowest validation accuracy that a panel shows."""
    plain = points.loc[points["regularizer"] == "none", Y]
    reference = plain.mean() if len(plain) else points[Y].max()
    return max(float(reference) - DEPTH, float(points[Y].min()) - 0.005)


def _panel(axes: Axes, points: pd.DataFrame, floor: float) -> None:
    """Draw the points with intervals, strengths and steps, in axes whose limits are final."""
    axes.set(xlabel="Training accuracy on random labels", ylabel="Best validation accuracy, real labels")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    words, path = [], []
    for name in order(points["regularizer"]):
        best = running_best(points[points["regularizer"] == name])
        best = best.assign(drawn=best[Y].clip(lower=floor))
        if name == "none":
            _none(axes, best)
            continue
        _points(axes, best, name, floor)
        seen = best[best[Y] >= floor]
        for row in seen.itertuples():
            words.append((getattr(row, X), getattr(row, Y), row.strength, style.regularizer_look(name)["color"]))
        path += [*_corners(seen), (np.nan, np.nan)]
    if words:
        size = (0.7 * 72 * style.FULL_WIDTH, 0.7 * 72 * PANEL_HEIGHT)
        label_points(axes, [entry[:3] for entry in words], np.array(path), size, [entry[3] for entry in words])


def _corners(best: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the corners of a regularizer's steps, to the right end of the panel."""
    steps = zip(best[X], [*best[X], 1.0][1:], best["best"], strict=True)
    return [corner for left, right, height in steps for corner in ((left, height), (right, height))]


def _none(axes: Axes, plain: pd.DataFrame) -> None:
    axes.axhline(plain["drawn"].iloc[0], color=style.CLEAN, linewidth=0.6, linestyle=":", zorder=1)
    axes.axvline(plain[X].iloc[0], color=style.CLEAN, linewidth=0.6, linestyle=":", zorder=1)
    axes.plot(plain[X], plain["drawn"], linestyle="none", **style.regularizer_look("none"), markersize=8, zorder=4)


def _points(axes: Axes, best: pd.DataFrame, name: str, floor: float) -> None:
    """Draw a regularizer's points and steps; those further down as marks at the lower edge."""
    look = style.regularizer_look(name)
    seen, deep = best[best[Y] >= floor], best[best[Y] < floor]
    axes.plot(deep[X], deep["drawn"], linestyle="none", **{**look, "marker": "v"}, markersize=3, alpha=0.6, zorder=2)
    if seen.empty:
        return
    axes.errorbar(
        seen[X], seen[Y], xerr=[seen[X] - seen[f"{X}_low"], seen[f"{X}_high"] - seen[X]],
        yerr=[seen[Y] - seen[f"{Y}_low"], seen[f"{Y}_high"] - seen[Y]], fmt="none", ecolor=look["color"],
        elinewidth=0.7, alpha=0.45, zorder=2,
    )  # fmt: skip
    axes.plot(*np.transpose(_corners(seen)), color=look["color"], linewidth=0.9, alpha=0.7)
    for frontier, rows in seen.groupby("on_frontier"):
        faint = 1 if frontier else 0.35
        axes.plot(rows[X], rows[Y], linestyle="none", **look, markersize=4.5, alpha=faint, zorder=3)


def _original(axes: Axes, paper: pd.DataFrame) -> None:
    """Draw, from each regularizer's lowest point to the right, its plateau; its value at the end where it is known."""
    for name, rows in paper.groupby("regularizer"):
        look = style.regularizer_look(name)
        at = rows.set_index("point")
        right = at.loc["end", Y] if "end" in at.index else at.loc["plateau", Y]
        y = np.array([at.loc["lowest", Y], at.loc["plateau", Y], right])
        x = np.array([at.loc["lowest", X], (1 + at.loc["lowest", X]) / 2, 1])
        axes.plot(x, y, linestyle="--", linewidth=0.7, color=look["color"], zorder=1)
        axes.plot(x[:1], y[:1], linestyle="none", **look, markerfacecolor="white", markersize=4.5, zorder=2)
