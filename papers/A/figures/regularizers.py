"""A-Fig 3 right: what each regularizer costs on real data, and how much memorizing it prevents."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.figures import style
from closerlook.figures.labels import label_points
from closerlook.tables.regularized import X, Y, order, trade_off

ACCENT = "#8E3A80"
"""One regularizer a panel, so one colour for all."""
DEPTH = 0.06
"""How far below the unregularized validation accuracy the panels reach; what lies deeper is drawn at the edge."""

PANEL = (0.27 * 72 * style.FULL_WIDTH, 84)
"""About the size of a panel in points, for placing labels."""


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per regularizer: its curve through its strengths, the others in grey, none as a cross."""
    seen = table[~table["diverged"]]
    datasets = list(seen.groupby(["dataset", "image_size"]))[::-1]
    shown = [name for name in order(seen["regularizer"]) if name != "none"] or ["none"]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    deep = False
    drawing = style.figure(style.FULL_WIDTH, 0.6 + 1.75 * lines * len(datasets))
    for block, (_, rows) in zip(np.atleast_1d(drawing.subfigures(len(datasets), 1)), datasets, strict=True):
        points = trade_off(rows)
        deep |= bool((points[Y] < _floor(points)).any())
        grid = block.subplots(lines, columns, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(shown):
                axes.remove()
                continue
            _panel(axes, points, shown[place])
            axes.xaxis.label.set_visible(place + columns >= len(shown))
            if place % columns:
                style.shares_y(axes)
        block.suptitle(style.dataset_words(rows.iloc[0]), fontsize=8.5, fontweight="bold")
    style.note(drawing, _small_print(table, deep))
    return drawing


def _small_print(table: pd.DataFrame, deep: bool) -> list[str]:
    sentences = [
        "Means over seeds with 95 % t intervals; numbers: strength; cross and dotted lines: no regularizer;",
        "grey: the other regularizers.",
    ]
    if deep:
        sentences.append("Triangle: further down.")
    return sentences + style.left_out(table)


def _reference(points: pd.DataFrame) -> float:
    """Return the validation accuracy without a regularizer (where that was not run: the best there is)."""
    plain = points.loc[points["regularizer"] == "none", Y]
    return float(plain.mean() if len(plain) else points[Y].max())


def _floor(points: pd.DataFrame) -> float:
    """Return the lowest validation accuracy that the panels show."""
    return max(_reference(points) - DEPTH, float(points[Y].min()) - 0.01)


def _panel(axes: Axes, points: pd.DataFrame, name: str) -> None:
    plain = points[points["regularizer"] == "none"]
    reference = _reference(points)
    floor, ceiling = _floor(points), max(points[Y].max(), reference) + 0.02
    for other, curve in points.groupby("regularizer"):
        if other not in (name, "none"):
            axes.plot(curve[X], curve[Y].clip(lower=floor), color="#CFCFCF", linewidth=0.8, zorder=1)
    for _, cross in plain.iterrows():
        axes.axhline(cross[Y], color=style.CLEAN, linewidth=0.6, linestyle=":", zorder=1)
        axes.axvline(cross[X], color=style.CLEAN, linewidth=0.6, linestyle=":", zorder=1)
        axes.plot([cross[X]], [cross[Y]], marker="+", color=style.CLEAN, markersize=8, markeredgewidth=1.2, zorder=4)
    axes.set(xlim=(-0.04, 1.09), ylim=(floor - 0.004, ceiling), title=name.capitalize())
    axes.set(xlabel="Training accuracy on random labels", ylabel="Best validation\naccuracy, real labels")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _strengths(axes, points[points["regularizer"] == name], floor)


def _strengths(axes: Axes, curve: pd.DataFrame, floor: float) -> None:
    """Draw a regularizer's points with intervals, and write their strengths; coinciding points share a label."""
    seen = curve.assign(drawn=curve[Y].clip(lower=floor))
    axes.plot(seen[X], seen["drawn"], color=ACCENT, zorder=3)
    for deep, rows in seen.groupby(seen[Y] < floor):
        axes.plot(rows[X], rows["drawn"], linestyle="none", marker="v" if deep else "o", markersize=4,
                  color=ACCENT, markeredgewidth=0, zorder=3)  # fmt: skip
        if not deep:
            spread = {"xerr": [rows[X] - rows[f"{X}_low"], rows[f"{X}_high"] - rows[X]],
                      "yerr": [rows[Y] - rows[f"{Y}_low"], rows[f"{Y}_high"] - rows[Y]]}  # fmt: skip
            axes.errorbar(rows[X], rows[Y], **spread, fmt="none", ecolor=ACCENT, elinewidth=0.7, alpha=0.5)
    labels = []
    for group in _coinciding(seen):
        ends = group["strength"].iloc[[0, -1]]
        text = ends.iloc[0] if len(group) == 1 else "–".join(ends)
        labels.append((group[X].mean(), group["drawn"].max(), text))
    label_points(axes, labels, seen[[X, "drawn"]].to_numpy(), PANEL, color=ACCENT)


def _coinciding(curve: pd.DataFrame) -> list[pd.DataFrame]:
    """Split a curve, in the order of strength, into runs of points too close together to label one by one."""
    near = (curve[X].diff().abs() < 0.06) & (curve["drawn"].diff().abs() < 0.012)
    return [group for _, group in curve.groupby((~near).cumsum())]
