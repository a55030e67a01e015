"""B-Fig 1: easy and hard examples, by how many of many networks get each training example right.

After one epoch real data has a far lower error than noise, and how unequal examples can look depends on the error. So
beside the paper's panel stands the control that it lacks: the same at all errors that training passes through.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from closerlook.figures import levels, style
from closerlook.numerics.difficulty import Difficulty, binomial_order, difficulty
from closerlook.tables.answers import CELL, ENSEMBLE, one_epoch, wrong_networks

PAPER = {"marker": "*", "markersize": 6, "linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.4}


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: the sorted examples after one epoch, then dispersion and easy examples against the error."""
    ours = table[(table["source"] == "run") & ~table["diverged"]]
    if ours.empty:
        return style.nothing(table)
    datasets = list(ours.groupby([*ENSEMBLE]))[::-1]  # MNIST first
    drawing = style.figure(style.FULL_WIDTH, 0.85 + 1.85 * len(datasets))
    grid = drawing.subplots(len(datasets), 3, squeeze=False)
    for row, (_, rows) in zip(grid, datasets, strict=True):
        paper = table[(table["source"] == "paper") & (table["dataset"] == rows["dataset"].iloc[0])]
        _sorted_examples(row[0], rows, paper)
        _against_error(row[1], rows, "dispersion")
        _against_error(row[2], rows, "always_right")
        row[0].annotate(
            style.dataset_words(rows.iloc[0]), (0, 0.5), (-40, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, va="center", ha="center", fontsize=8.5, fontweight="bold",
        )  # fmt: skip
    for axes, words in zip(grid[0], ("After one epoch", "Along training", "Along training"), strict=True):
        axes.set_title(words)
    drawing.legend(handles=_keys(ours, table), loc="outside upper center", ncols=6)
    style.note(drawing, _small_print(table, ours))
    return drawing


def _cells(rows: pd.DataFrame) -> Iterator[tuple[str, float, pd.DataFrame]]:
    """Yield each kind of noise and level, real data first: kind, shade, rows."""
    for kind, level, shade, _ in levels.lines(rows):
        yield kind, shade, rows[(rows["noise"] == kind) & (rows["level"] == level)]


def _first_look(rows: pd.DataFrame) -> int:
    """Return the step that the first panel shows: one epoch, or the look nearest to it."""
    return one_epoch(rows) or int(rows.loc[(rows["epoch"] - 1).abs().idxmin(), "step"])


def _sorted_examples(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame) -> None:
    step = _first_look(rows)
    for kind, shade, cell in _cells(rows[rows["step"] == step]):
        share = np.sort(cell["right"] / cell["networks"])
        position = (np.arange(len(share)) + 0.5) / len(share)
        line = {"marker": style.marker(kind), "markevery": (len(share) // 12, max(1, len(share) // 6))}
        axes.plot(100 * position, share, color=style.colour(kind, shade), markeredgewidth=0, **line)
        if kind == "randX":
            order = binomial_order(int(cell["networks"].iloc[0]), share.mean(), len(share))
            axes.plot(100 * position, order, color="#777777", linestyle="--", linewidth=0.9, zorder=3)
    for kind, shade, points in _cells(paper):
        share = points["right"] / points["networks"]
        axes.plot(100 * points["position"], share, color=style.colour(kind, shade), zorder=4, **PAPER)
    axes.set(xlabel="Examples, hardest to easiest (%)", ylabel="Networks right (share)", ylim=(-0.03, 1.03))


WORDS = {"dispersion": "Dispersion of errors", "always_right": "Examples never wrong (%)"}


def _against_error(axes: Axes, rows: pd.DataFrame, number: str) -> None:
    """Draw a number of `Difficulty` against the mean error along training, with its bootstrap interval."""
    for kind, shade, cell in _cells(rows):
        wrong = wrong_networks(cell)
        found = difficulty(wrong.to_numpy(), int(cell["networks"].iloc[0]))
        error, values = found.mean_error[0], _values(found, number)
        low, high = np.quantile(values, (0.025, 0.975), axis=0)
        colour = style.colour(kind, shade)
        axes.fill_between(error, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(error, values[0], color=colour, marker=style.marker(kind), markeredgewidth=0)
        marked = wrong.index == _first_look(cell)
        axes.plot(
            error[marked], values[0, marked], color=colour, zorder=4, **{**ONE_EPOCH, "marker": style.marker(kind)}
        )
    if number == "dispersion":
        axes.axhline(1, color="#777777", linestyle="--", linewidth=0.9, zorder=0)
        style.log_numbers(axes)
    axes.set(xlabel="Mean error", ylabel=WORDS[number])


ONE_EPOCH = {"marker": "o", "markersize": 6.5, "markerfacecolor": "white", "markeredgewidth": 1.2, "linestyle": "none"}


def _values(found: Difficulty, number: str) -> Float[np.ndarray, "resample look"]:
    return 100 * found.always_right if number == "always_right" else found.dispersion


def _keys(ours: pd.DataFrame, table: pd.DataFrame) -> list[Line2D]:
    keys = [
        *levels.keys(ours),
        Line2D([], [], color="#777777", linestyle="--", linewidth=0.9, label="equally hard (binomial)"),
        Line2D([], [], color="#777777", label="after one epoch", **ONE_EPOCH),
    ]
    paper = Line2D([], [], color="#777777", label="original figure", **PAPER)
    return [*keys, paper] if (table["source"] == "paper").any() else keys


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    networks = sorted(set(ours["networks"]))
    count = f"{networks[0]}" if len(networks) == 1 else f"{networks[0]} to {networks[-1]}"
    sentences = [
        f"{count} networks a kind of noise, trained on the same examples from other initial weights in another order.",
        "Dispersion: variance over examples of the number of networks wrong, over the binomial's.",
        "Training goes from right to left. Bands: 95 % bootstrap intervals over examples.",
    ]
    looks = {_first_look(rows): one_epoch(rows) for _, rows in ours.groupby([*ENSEMBLE])}
    sentences += [f"Left: after {step} steps, the look nearest to one epoch." for step, one in looks.items() if not one]
    if (table["source"] == "paper").any():
        sentences.append("Stars: read off the original figure.")
    cells = table.loc[table["source"] == "run", [*ENSEMBLE, *CELL, "diverged_networks"]].drop_duplicates()
    lost = int(cells["diverged_networks"].sum())
    return sentences + ([f"{lost} diverged member{'s' * (lost > 1)} left out."] if lost else [])
