"""B-Fig 3: how unequally the training examples count for later losses, against the number of updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from closerlook import store
from closerlook.figures import levels, style
from closerlook.tables.prose import beside, mean, pure, seen, where
from closerlook.tables.rows import tidy, with_targets

MEASURES = ("sensitivity",)
PROBLEM = ("dataset", "image_size", "examples", "width")
MEMBER = (*PROBLEM, "own_class", "noise", "level", "seed", "learning_rate")
COLUMNS = (
    *MEMBER, "steps", "scaled_steps", "gini", "mean_sensitivity", "train_loss", "train_accuracy", "diverged",
)  # fmt: skip
ORIGINAL_RATE = 0.05
"""The original script's learning rate; `scaled_steps` are updates times the learning rate in units of it."""
PAPER = {"marker": "*", "markersize": 6, "linestyle": "--", "linewidth": 0.7, "markeredgewidth": 0}


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network and horizon: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    `own_class` tells whether every training example is a class of its own. `gini` is the Gini coefficient of the
    sensitivities of the training examples, `mean_sensitivity` their mean, in units of loss per pixel intensity;
    `train_loss` and `train_accuracy` are those after `steps` updates. Empty where a network diverged or stopped before.

    Raises
    ------
    ValueError
        If a trained.h5 has no sensitivity.h5 of as many members beside it, or two networks are of the same cell.
    """
    tables = []
    for members, file in sensitivity_files(trained, measured):
        steps = file["steps"][:]
        for horizon, count in enumerate(steps):
            numbers = {name: file[name][:, horizon].astype(float) for name in ("gini", "train_loss", "train_accuracy")}
            mean = file["sensitivity"][:, horizon].astype(float).mean(axis=1)
            scaled = (count * members["learning_rate"] / ORIGINAL_RATE).round(6)
            tables.append(members.assign(steps=count, scaled_steps=scaled, mean_sensitivity=mean, **numbers))
    table = tidy(pd.concat(tables), COLUMNS)
    require_one_each(table, "steps")
    return with_targets(table, targets)


def sensitivity_files(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[pd.DataFrame, h5py.File]]:
    """Yield every ensemble's members, a row each with `MEMBER` and `diverged`, and its open sensitivity.h5.

    Raises
    ------
    ValueError
        If a trained.h5 has no sensitivity.h5 of as many members beside it.
    """
    if not trained:
        raise ValueError("no trained.h5 given: a figure needs at least one ensemble")
    beside = {Path(path).parent: Path(path) for path in measured["sensitivity"]}
    for path in map(Path, trained):
        if path.parent not in beside:
            raise ValueError(f"{path}: no sensitivity.h5 of this folder among those given")
        members = _members(path)
        with store.read(beside[path.parent], "sensitivity") as file:
            if len(file["gini"]) != len(members):
                raise ValueError(f"{beside[path.parent]}: does not have the {len(members)} members of trained.h5")
            yield members, file


def _members(path: Path) -> pd.DataFrame:
    with store.read(path, "trained") as file:
        spec = store.read_spec(file)
        factors = store.read_members(file)
        return pd.DataFrame(
            {
                "dataset": spec.dataset,
                "image_size": spec.image_size,
                "examples": spec.examples,
                "width": spec.widths[0] if spec.widths else 0,
                "own_class": spec.own_class,
                **{name: factors[name] for name in ("noise", "level", "seed", "learning_rate")},
                "diverged": file["outcome/diverged"][:].astype(bool),
            }
        )


def require_one_each(table: pd.DataFrame, *within: str) -> None:
    """Raise ValueError where two networks would pass for one."""
    if table.duplicated([*MEMBER, *within]).any():
        raise ValueError("networks that differ in what the table does not show would pass for one")


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


SCRIPT_STEPS = 30_000
"""Updates after which the original's script ends with a class for every example."""


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return Gini coefficients and accuracies after the last update, and the original's at the nearest scaled update.

    `gini` and `accuracy` are by kind, on real data and pure noise with the usual classes. `own_accuracy` is that on
    real data with a class for every example; `own_unlearned`: it is below 5 %, `own_guessing`: below twice the chance.
    `rate_factor` is the learning rate in units of the original's.
    """
    rows = pure(seen(table))
    usual, own = where(rows, own_class=False), where(rows, own_class=True)
    last = usual["steps"].max()
    ended = dict(list(where(usual, steps=last).groupby("noise")))
    learned = mean(where(own, noise="none", steps=own["steps"].max())["train_accuracy"])
    rate = float(usual["learning_rate"].iloc[0])
    return {
        "steps": last,
        "rate_factor": rate / ORIGINAL_RATE,
        "gini": {kind: mean(cell["gini"]) for kind, cell in ended.items()},
        "accuracy": {kind: mean(cell["train_accuracy"]) for kind, cell in ended.items()},
        "own_accuracy": learned,
        "own_unlearned": learned is not None and learned < 0.05,
        "own_guessing": learned is not None and learned < 2 / int(own["examples"].iloc[0]),
        "beside_original": {
            kind: beside(table, "gini", {"own_class": False, "noise": kind, "level": level, "steps": last})
            for kind, level in (("none", 0), ("randXu", 1))
        },
    } | ({} if original is None else original_prose(original, last * rate / ORIGINAL_RATE))


def original_prose(original: pd.DataFrame, scaled_steps: float) -> dict[str, object]:
    """Return the original's Gini coefficients at the update nearest to `scaled_steps`, and with a class for each.

    Nearest is meant in logarithm. `original_own_difference` is real data less uniform noise after `SCRIPT_STEPS`
    updates with a class for every example.
    """
    values = pure(original)
    usual, own = where(values, own_class=False), where(values, own_class=True, steps=SCRIPT_STEPS)
    steps = where(usual, noise="none")["steps"]
    nearest = int(steps.loc[np.abs(np.log(steps / round(scaled_steps))).idxmin()])
    real, noise = (mean(where(own, noise=kind)["gini"]) for kind in ("none", "randXu"))
    return {
        "original_steps": nearest,
        "original_gini": {kind: mean(cell["gini"]) for kind, cell in where(usual, steps=nearest).groupby("noise")},
        "original_own_difference": real - noise,
    }
