"""The table of B-Fig 10: what regularizers memorize of random labels and validate on real data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import mean, points, seen, where
from closerlook.tables.regularized import named, one_each, require_equal_epochs
from closerlook.tables.rows import runs, tidy, with_targets

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "regularizer", "strength", "noise", "level", "seed", "final_train_accuracy",
    "best_validation_accuracy", "diverged",
)  # fmt: skip


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    Accuracies are fractions; `strength` is text, as two regularizers have two. Rows of `targets` carry a `point` (the
    "lowest" that still works, the "plateau", or the "end") with its `memorized` and `validation`. Nothing of `measured`
    is used.

    Raises
    ------
    ValueError
        If networks of one data set were to train for different numbers of epochs.
    """
    table = named(runs(trained))
    require_equal_epochs(table)
    return with_targets(tidy(one_each(table), COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return what hidden noise leaves at the original's strength, and what the original's noises leave and cost.

    `hidden_noise` is the final training accuracy on random labels at a standard deviation of 0.3 and
    `strongest_hidden_noise` the largest one tried, by data set. `original_memorized` is by regularizer;
    `original_input_noise_cost` the points of validation accuracy from the plateau to the lowest point.
    """
    noisy = where(seen(table), regularizer="hidden noise")
    found: dict[str, object] = {
        "hidden_noise": {
            dataset: mean(where(part, strength="0.3", noise="randY")["final_train_accuracy"])
            for dataset, part in noisy.groupby("dataset")
        },
        "strongest_hidden_noise": {
            dataset: float(part["strength"].astype(float).max()) for dataset, part in noisy.groupby("dataset")
        },
    }
    if original is not None:
        memorized = {name: mean(part["memorized"]) for name, part in original.groupby("regularizer")}
        noise = where(original, regularizer="input noise")
        plateau, lowest = (mean(where(noise, point=point)["validation"]) for point in ("plateau", "lowest"))
        found |= {"original_memorized": memorized, "original_input_noise_cost": points(plateau, lowest)}
    return found
