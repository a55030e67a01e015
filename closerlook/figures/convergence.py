"""A-Fig 2 (and B-Fig 6): time to fit the training set against capacity and against the number of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closerlook.figures import style
from closerlook.figures.sweeps import examples_sweep, width_sweep
from closerlook.figures.tables import runs, tidy, with_targets
from closerlook.spec import NOISE_KINDS

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "epochs_to_fit", "epochs", "fitted",
    "diverged",
)  # fmt: skip
SWEEPS = {"width": (width_sweep, "Hidden units per layer"), "examples": (examples_sweep, "Training examples")}


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    `epochs_to_fit` is the first epoch with every training example right, empty where that did not happen within
    `epochs`. Rows of `targets` carry `sweep` ("width" or "examples") and `relative_epochs`. `measured` is not used.
    """
    table = runs(trained).rename(columns={"fit_epoch": "epochs_to_fit"})
    return with_targets(tidy(table.assign(fitted=table["epochs_to_fit"].notna()), COLUMNS), targets)


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw, per data set: relative and absolute epochs to fit against width and against the number of examples."""
    seen = table[~table["diverged"]]
    ours = seen[seen["source"] == "run"]
    ours = ours.assign(fitted=ours["fitted"].astype(bool)).assign(reached=ours["epochs_to_fit"].fillna(ours["epochs"]))
    datasets = list(ours.groupby(["dataset", "image_size"]))[::-1]  # MNIST first, as in the paper
    drawing = style.figure(style.FULL_WIDTH, 0.75 + 1.75 * len(datasets))
    grid = drawing.subplots(len(datasets), 4, squeeze=False)
    for row, (_, rows) in zip(grid, datasets, strict=True):
        paper = seen[(seen["source"] == "paper") & (seen["dataset"] == rows["dataset"].iloc[0])]
        for place, (swept, (select, words)) in enumerate(SWEEPS.items()):
            sweep = select(rows)
            _relative(row[2 * place], sweep, paper, swept)
            _absolute(row[2 * place + 1], sweep, swept)
            for axes in row[2 * place : 2 * place + 2]:
                axes.set(xlabel=words, title=_fixed(sweep, swept))
                axes.xaxis.label.set_visible(axes in grid[-1])
        row[0].annotate(
            style.dataset_words(rows.iloc[0]), (0, 0.5), (-44, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, va="center", ha="center", fontsize=8.5, fontweight="bold",
        )  # fmt: skip
    handles = [style.key(kind, shade, words) for kind, _, shade, words in _lines(ours)]
    drawing.legend(
        handles=handles, loc="outside upper center", ncols=min(len(handles), 3 if len(handles) in (5, 6) else 4)
    )
    style.note(drawing, _small_print(table, ours))
    return drawing


def _fixed(sweep: pd.DataFrame, swept: str) -> str:
    """Return what a sweep holds constant, for its panels' titles."""
    if swept == "width":
        return f"{int(sweep['examples'].iloc[0]):,} examples"
    return f"{int(sweep['width'].iloc[0])} units per layer"


def _small_print(table: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    sentences = ["Geometric means over seeds with 95 % t intervals."]
    late = int((~ours["fitted"]).sum())
    if late:
        sentences.append(f"Hollow: {late} of {len(ours)} runs had not fitted by the last epoch and count as that (≥).")
    if (table["source"] == "paper").any():
        sentences.append("Dashed: read off the original figure.")
    return sentences + style.left_out(table)


def _lines(rows: pd.DataFrame) -> list[tuple[str, float, float, str]]:
    """Return each noise kind and level that occurs, real data first, with its shade and its words.

    The only level of a kind has the kind's own colour and goes unsaid.
    """
    pairs = {*zip(rows["noise"], rows["level"], strict=True)}
    lines = []
    for kind, level in sorted(pairs, key=lambda pair: (NOISE_KINDS.index(pair[0]), pair[1])):
        lone = sum(noise == kind for noise, _ in pairs) == 1
        lines.append((kind, level, 0.7 if lone else level, style.KIND_WORDS[kind] + ("" if lone else f" {level:g}")))
    return lines


def relative_epochs(rows: pd.DataFrame, swept: str) -> pd.DataFrame:
    """Return the rows with `relative`: epochs over those of the same seed, noise and level at the smallest `swept`.

    Rows whose baseline was not trained are left out; `fitted` is False where either of the two did not fit.
    """
    names = ["noise", "level", "seed"]
    base = rows[rows[swept] == rows[swept].min()]
    joined = rows.merge(base[[*names, "reached", "fitted"]], on=names, suffixes=("", "_base"))
    joined["relative"] = joined["reached"] / joined["reached_base"]
    return joined.assign(fitted=joined["fitted"] & joined["fitted_base"])


def _relative(axes: Axes, rows: pd.DataFrame, paper: pd.DataFrame, swept: str) -> None:
    ratios = relative_epochs(rows, swept)
    _curves(axes, ratios, swept, "relative")
    if "relative_epochs" in paper:
        published = paper[paper["sweep"] == swept]
        for (noise, level), line in published.groupby(["noise", "level"]):
            style.curve(axes, line, swept, "relative_epochs", noise=noise, level=level, linestyle="--", linewidth=0.7)
    axes.axhline(1, color="#888888", linewidth=0.6, zorder=0)
    if rows[swept].nunique() < 2:
        axes.set_ylim(0.5, 2)  # one size: every ratio is 1
    _scales(axes, rows, swept)
    axes.set_ylabel("Epochs to fit, relative")


def _absolute(axes: Axes, rows: pd.DataFrame, swept: str) -> None:
    _curves(axes, rows, swept, "reached")
    _scales(axes, rows, swept)
    axes.set_ylabel("Epochs to fit")


def _curves(axes: Axes, rows: pd.DataFrame, x: str, y: str) -> None:
    for kind, level, shade, _ in _lines(rows):
        line = rows[(rows["noise"] == kind) & (rows["level"] == level)]
        style.curve(axes, line, x, y, noise=kind, level=shade, log=True)
        late = line.groupby(x).filter(lambda cell: not cell["fitted"].all())
        if len(late):
            hollow = {"markerfacecolor": "white", "markeredgecolor": style.colour(kind, shade), "markeredgewidth": 0.9}
            style.curve(
                axes, late, x, y, noise=kind, level=shade, log=True, errorbar=None, linestyle="none", markersize=4.2,
                zorder=4, **hollow,
            )  # fmt: skip


def _scales(axes: Axes, rows: pd.DataFrame, swept: str) -> None:
    thousands = {value: f"{value / 1000:g}k" for value in rows[swept] if swept == "examples" and value >= 1000}
    style.log_axis(axes, rows[swept], words=thousands)
    style.log_numbers(axes)
