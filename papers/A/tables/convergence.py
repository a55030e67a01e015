"""The table of A-Fig 2: time to fit the training set against capacity and against the number of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import geometric_mean, pure, seen
from closerlook.tables.rows import runs, tidy, with_targets
from closerlook.tables.sweeps import width_sweep

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "epochs_to_fit", "epochs", "fitted",
    "diverged",
)  # fmt: skip


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    `epochs_to_fit` is the first epoch with every training example right, empty where that did not happen within
    `epochs`. Rows of `targets` carry `sweep` ("width" or "examples") and `relative_epochs`. `measured` is not used.
    """
    table = runs(trained).rename(columns={"fit_epoch": "epochs_to_fit"})
    return with_targets(tidy(table.assign(fitted=table["epochs_to_fit"].notna()), COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return `epochs`: by data set and kind, the geometric mean over widths and seeds of the epochs to fit.

    It is of real data and pure noise, at the number of examples that was trained at most widths, and of networks that
    fitted.
    """
    rows = pure(seen(table))
    return {
        "epochs": {
            dataset: {kind: geometric_mean(cell["epochs_to_fit"]) for kind, cell in width_sweep(part).groupby("noise")}
            for dataset, part in rows.groupby("dataset")
        }
    }
