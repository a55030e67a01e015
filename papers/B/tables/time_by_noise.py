"""The table of B-Fig 6: capacity speeds fitting up, and data slow it down, the more so the noisier the training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import geometric_mean, mean, pure, ratio, seen, where
from closerlook.tables.rows import runs, tidy, with_targets
from closerlook.tables.sweeps import examples_sweep

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "epochs_to_fit", "epochs", "diverged",
)  # fmt: skip
SHOWN = ("none", "randX", "randY")
"""The kinds of noise that come in levels."""


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network of the kinds `SHOWN`: `COLUMNS` and `source` ("run" or "paper").

    `epochs_to_fit` is the first epoch with every training example right, empty where that did not happen within
    `epochs`. Rows of `targets` carry `sweep` ("width" or "examples") and `relative_epochs`. `measured` is not used.
    """
    table = runs(trained).rename(columns={"fit_epoch": "epochs_to_fit"})
    return with_targets(tidy(table[table["noise"].isin(SHOWN)], COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return by what factor the largest training set takes longer to fit than the smallest, ours and the original's.

    `slowing` is the ratio of geometric means of epochs to fit over seeds, by data set and kind, of real data and pure
    noise, between `fewest` and `most` examples. `original_slowing` is by kind and number of examples, over the fewest.
    """
    rows = pure(seen(table))
    swept = examples_sweep(rows)
    found = {
        "fewest": swept["examples"].min(),
        "most": swept["examples"].max(),
        "slowing": {dataset: slowing(part) for dataset, part in swept.groupby("dataset")},
        "beside_original": {kind: _wider(table, kind, level) for kind, level in (("none", 0), ("randX", 1))},
    }
    if original is not None:
        found["original_slowing"] = {
            kind: {f"{examples:g}": mean(at["relative_epochs"]) for examples, at in cell.groupby("examples")}
            for kind, cell in pure(where(original, sweep="examples")).groupby("noise")
        }
    return found


def slowing(rows: pd.DataFrame) -> dict[str, float | None]:
    """Return, by kind of noise, the epochs to fit the most examples over those to fit the fewest."""
    fewest, most = rows["examples"].min(), rows["examples"].max()
    return {
        kind: ratio(
            geometric_mean(where(cell, examples=most)["epochs_to_fit"]),
            geometric_mean(where(cell, examples=fewest)["epochs_to_fit"]),
        )
        for kind, cell in rows.groupby("noise")
    }


def _wider(table: pd.DataFrame, kind: str, level: float) -> list[float] | None:
    """Return the time at 4096 units over that at 256, the original's and ours, where the table has both."""
    if "source" not in table:
        return None
    cell = where(table, dataset="mnist", noise=kind, level=level, examples=50000)
    paper = mean(where(cell, source="paper", sweep="width", width=4096)["relative_epochs"]) if "sweep" in cell else None
    wide, narrow = (geometric_mean(where(seen(cell), width=width)["epochs_to_fit"]) for width in (4096, 256))
    ours = ratio(wide, narrow)
    return None if paper is None or ours is None else [paper, ours]
