"""What figures with a line per noise level share: which lines there are, accuracy against width, epochs to fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from closerlook.data.noise import NOISES
from closerlook.figures import style
from closerlook.tables.statistics import geometric_mean
from closerlook.tables.sweeps import needed_widths, relative_epochs

DASHED = "Dashed: read off the original figure."
"""What the small print says of the original's values."""


def kinds_of(rows: pd.DataFrame) -> list[str]:
    """Return the kinds of noise that occur, in the order of `NOISES`; `none` where there is only real data."""
    return [kind for kind in NOISES.names()[1:] if kind in set(rows["noise"])] or ["none"]


def of_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the rows of a kind; real data is level 0 of every kind."""
    return rows[rows["noise"].isin(["none", kind])]


def lines(rows: pd.DataFrame) -> list[tuple[str, float, float, str]]:
    """Return each noise kind and level that occurs, real data first, with its shade and its words.

    The only level of a kind has the kind's own colour and goes unsaid.
    """
    pairs = {*zip(rows["noise"], rows["level"], strict=True)}
    found = []
    for kind, level in sorted(pairs, key=lambda pair: (NOISES.names().index(pair[0]), pair[1])):
        lone = sum(noise == kind for noise, _ in pairs) == 1
        found.append((kind, level, 0.7 if lone else level, style.kind_words(kind) + ("" if lone else f" {level:g}")))
    return found


def keys(rows: pd.DataFrame) -> list[Line2D]:
    """Return the legend entries of `lines`."""
    return [style.key(kind, shade, words) for kind, _, shade, words in lines(rows)]


# ---- accuracy against width (A-Fig 1, B-Fig 5)


def grid_of(kinds: Sequence[str]) -> tuple[int, int]:
    """Return how many lines of how many panels there are: one panel a kind and one more, at most three in a line."""
    lines = math.ceil((len(kinds) + 1) / 3)
    return lines, math.ceil((len(kinds) + 1) / lines)


def at_chance(rows: pd.DataFrame) -> list[str]:
    """Return the kinds that occur whose pure noise validates at chance."""
    return [kind for kind in kinds_of(rows) if NOISES[kind].at_chance]


def informative(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows but those of pure noise that validates at chance."""
    return rows[(rows["level"] < 1) | ~rows["noise"].isin(at_chance(rows))]


def left_out(rows: pd.DataFrame) -> list[str]:
    """Return the kinds whose pure noise validation panels leave out: at chance, it would squeeze the other lines."""
    levels = {kind: set(of_kind(rows, kind)["level"]) for kind in at_chance(rows)}
    return [kind for kind, found in levels.items() if len(found) > 2 and 1 in found]


def validating(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that validation panels show."""
    return rows[(rows["level"] < 1) | ~rows["noise"].isin(left_out(rows))]


def left_out_words(cells: Iterable[pd.DataFrame], place: str = "") -> list[str]:
    """Return the sentence that says which pure noise the validation panels of these rows leave out, if they do."""
    cells = [*cells]
    kinds = dict.fromkeys(kind for rows in cells for kind in left_out(rows))
    if not kinds:
        return []
    if all((validating(rows)["level"] < 1).all() for rows in cells):
        return [f"Pure noise validates at chance and is left out{place}."]
    *first, last = map(style.kind_words, kinds)
    words = f"{', '.join(first)} and {last}" if first else last
    return [f"Pure {words} validate at chance and are left out{place}."]


def accuracy(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame, kind: str, column: str) -> None:
    """Draw an accuracy against width with a line per level of a kind of noise, the original's values dashed."""
    if column == "best_validation_accuracy":
        rows = validating(rows)
    for (noise, level), line in of_kind(rows, kind).groupby(["noise", "level"]):
        style.curve(axes, line, "width", column, noise=noise, level=level)
    if column in paper:
        for (noise, level), line in of_kind(paper, kind).groupby(["noise", "level"]):
            style.curve(axes, line, "width", column, noise=noise, level=level, linestyle="--", linewidth=0.7, alpha=0.8)
    style.log_axis(axes, rows["width"])
    axes.set_xlabel("Hidden units per layer")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def level_key(axes: Axes, rows: pd.DataFrame, kind: str) -> None:
    """Write the legend of a kind's levels below its panel."""
    levels = sorted(set(of_kind(rows, kind)["level"]))
    handles = [style.key(kind if level else "none", level, f"{level:g}") for level in levels]
    key_below(axes, handles, ncols=3, title="noise share")


def key_below(axes: Axes, handles: Sequence[Line2D], **legend: object) -> None:
    """Write a legend below a panel; its invisible border keeps the small print away."""
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.3), columnspacing=0.8, handletextpad=0.4,
        handlelength=1.1, borderpad=0.9, **legend,
    )  # fmt: skip


def needed(axes: Axes, rows: pd.DataFrame, kinds: Sequence[str], column: str, **enough: float) -> list[Line2D]:
    """Draw the smallest width that suffices against the noise level: every seed, and the line of geometric means.

    Returns the legend entries. `enough` is `reach` or `within` of `closerlook.tables.sweeps.needed_widths`.
    """
    handles, beyond = [], 2 * rows["width"].max()
    censored = False
    for place, kind in enumerate(kinds):
        found = needed_widths(of_kind(rows, kind), column, **enough)
        if found.empty:
            continue
        look = {"color": style.colour(kind, 0.7), "marker": style.marker(kind), "markeredgewidth": 0}
        means = found.groupby("level")["width"].apply(geometric_mean)
        axes.plot(means.index, means.values, zorder=3, **look)
        for reached, seeds in found.groupby("reached"):
            nudge = 0.016 * (place - (len(kinds) - 1) / 2) + 0.006 * (seeds.groupby("level").cumcount() - 1)
            fill = look["color"] if reached else "white"
            axes.scatter(seeds["level"] + nudge, seeds["width"], s=7, color=fill, edgecolors=look["color"],
                         linewidths=0.6, alpha=0.75, marker=look["marker"], zorder=2)  # fmt: skip
            censored |= not reached
        handles.append(style.key(kind, 0.7, style.kind_words(kind)))
    widths = [*rows["width"], beyond] if censored else rows["width"]
    style.log_axis(axes, widths, "y", {beyond: f">{rows['width'].max():g}"})
    axes.set_ylim(rows["width"].min() / 1.3, max(widths) * 1.35)
    style.share_axis(axes, rows["level"])
    return handles


# ---- epochs to fit against size (A-Fig 2, B-Fig 6)


def late_words(rows: pd.DataFrame) -> list[str]:
    """Return the sentence that says how many runs had not fitted, if any had not; `rows` are of `sweeps.reached`."""
    late = int((~rows["fitted"]).sum())
    return [f"Hollow: {late} of {len(rows)} runs had not fitted by the last epoch and count as that (≥)."] * (late > 0)


def fixed_words(sweep: pd.DataFrame, swept: str) -> str:
    """Return what a sweep holds constant, for its panels' titles."""
    if swept == "width":
        return f"{int(sweep['examples'].iloc[0]):,} examples"
    return f"{int(sweep['width'].iloc[0])} units per layer"


def relative(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame, swept: str) -> None:
    """Draw epochs to fit relative to those at the smallest `swept`, a line per kind and level."""
    curves(axes, relative_epochs(rows, swept), swept, "relative")
    if "relative_epochs" in paper:
        published = paper[paper["sweep"] == swept]
        for (noise, level), line in published.groupby(["noise", "level"]):
            style.curve(axes, line, swept, "relative_epochs", noise=noise, level=level, linestyle="--", linewidth=0.7)
    axes.axhline(1, color="#888888", linewidth=0.6, zorder=0)
    if rows[swept].nunique() < 2:
        axes.set_ylim(0.5, 2)  # one size: every ratio is 1
    scales(axes, rows, swept)
    axes.set_ylabel("Epochs to fit, relative")


def curves(axes: Axes, rows: pd.DataFrame, x: str, y: str) -> None:
    """Draw geometric means of `y`, a line per kind and level; hollow where a seed had not `fitted`."""
    for kind, level, shade, _ in lines(rows):
        line = rows[(rows["noise"] == kind) & (rows["level"] == level)]
        style.curve(axes, line, x, y, noise=kind, level=shade, log=True)
        late = line.groupby(x).filter(lambda cell: not cell["fitted"].all())
        if len(late):
            hollow = {"markerfacecolor": "white", "markeredgecolor": style.colour(kind, shade), "markeredgewidth": 0.9}
            style.curve(
                axes, late, x, y, noise=kind, level=shade, log=True, band=False, linestyle="none", markersize=4.2,
                zorder=4, **hollow,
            )  # fmt: skip


def scales(axes: Axes, rows: pd.DataFrame, swept: str) -> None:
    """Make both axes logarithmic, with a tick at each size."""
    thousands = {value: f"{value / 1000:g}k" for value in rows[swept] if swept == "examples" and value >= 1000}
    style.log_axis(axes, rows[swept], words=thousands)
    style.log_numbers(axes)
