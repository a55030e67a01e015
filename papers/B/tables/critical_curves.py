"""The table of B-Fig 9: shares of critical samples over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.criticality import (
    COLUMNS,
    LARGER_THAN_ORIGINAL,
    critical_rows,
    first_problem,
)
from closerlook.tables.prose import beside, mean, pure, seen, where
from closerlook.tables.rows import tidy, with_targets

MEASURES = ("critical_samples",)


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network, measured epoch and radius: `COLUMNS` and `source` ("run", or "paper" for `targets`).

    Only networks on real data and on noise alone (level 1); shares are fractions, `radius` is in pixel units from 0 to
    1. `validation_random` is the share that random search finds critical, a control.

    Raises
    ------
    ValueError
        If a trained.h5 has no critical_samples.h5 beside it.
    """
    rows = critical_rows(trained, measured)
    whole = (rows["noise"] == "none") | (rows["level"] == 1)
    return with_targets(tidy(rows[whole & (rows["radius"].notna() | rows["diverged"])], COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return the shares of critical validation samples with which training starts and ends, within the smallest radius.

    By data set: `end` and `end_random` (random corners of the same boxes) by kind, `start` on real data before any
    training (None if the first look is later), `falls_at_first` (that is more than the lowest later), `looks` (how many
    epochs were looked at), and `radius_factor` over the original's radius. `original_end` is by kind.
    """
    rows = pure(seen(table))
    curves = {dataset: smallest_boxes(part) for dataset, part in rows.groupby("dataset")}
    ends = {dataset: where(part, epoch=part["epoch"].max()) for dataset, part in curves.items()}
    starts = {dataset: start(part) for dataset, part in curves.items()}
    found: dict[str, object] = {
        "looks": {dataset: part["epoch"].nunique() for dataset, part in curves.items()},
        "start": {dataset: first for dataset, (first, _) in starts.items()},
        "falls_at_first": {dataset: falls for dataset, (_, falls) in starts.items()},
        "radius_factor": {dataset: part["radius"].min() * 255 / 0.3 for dataset, part in curves.items()},
    }
    for name, column in (("end", "validation_critical"), ("end_random", "validation_random")):
        found[name] = {
            dataset: {kind: mean(cell[column]) for kind, cell in part.groupby("noise")}
            for dataset, part in ends.items()
        }
    if original is not None:
        ended = where(original, epoch=140).groupby("noise")
        found["original_end"] = {kind: mean(cell["validation_critical"]) for kind, cell in ended}
    small = table[table["radius"] < LARGER_THAN_ORIGINAL]
    found["beside_original"] = {
        kind: beside(small, "validation_critical", {"dataset": "cifar10", "noise": kind, "epoch": 140})
        for kind in ("none", "randX", "randY")
    }
    return found


def smallest_boxes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a data set's first problem that were searched within the smallest radius."""
    problem = first_problem(rows)
    return where(problem, radius=problem["radius"].min())


def start(rows: pd.DataFrame) -> tuple[float | None, bool]:
    """Return the share of critical validation samples on real data before training, and whether it is less later."""
    shares = {epoch: mean(cell["validation_critical"]) for epoch, cell in where(rows, noise="none").groupby("epoch")}
    known = [share for share in shares.values() if share is not None]
    first = shares.get(0)
    return first, first is not None and first > min(known)
