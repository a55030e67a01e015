"""The table of B-Fig 3: how unequally the training examples count for later losses, against the number of updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from closerlook.tables.prose import beside, mean, pure, seen, where
from closerlook.tables.rows import tidy, with_targets
from closerlook.tables.sensitivities import MEMBER, require_one_each, sensitivity_files

MEASURES = ("sensitivity",)
COLUMNS = (
    *MEMBER, "steps", "scaled_steps", "gini", "mean_sensitivity", "train_loss", "train_accuracy", "diverged",
)  # fmt: skip
ORIGINAL_RATE = 0.05
"""The original script's learning rate; `scaled_steps` are updates times the learning rate in units of it."""


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
