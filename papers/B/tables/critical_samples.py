"""The table of B-Figs 7 and 8: accuracies and critical samples over training, by noise level."""

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
from closerlook.tables.prose import beside, mean, seen, where
from closerlook.tables.rows import tidy, with_targets

MEASURES = ("critical_samples",)


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network, epoch and radius: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    `radius` is in pixel units from 0 to 1, and empty at epochs where accuracies alone are known. Rows of `targets` have
    level 0 under each kind of noise: the original's two panels of real data differ.

    Raises
    ------
    ValueError
        If a trained.h5 has no critical_samples.h5 beside it.
    """
    return with_targets(tidy(critical_rows(trained, measured), COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return final validation accuracies on MNIST, ours and the original's, on real data and where 0.8 is noise.

    `real_left` is how many real examples a share of 0.8 leaves of our `examples`. `original_panels` are the critical
    samples with which the clean panels of the original's figure 8 end, for the same data.
    """
    digits = first_problem(where(seen(table), dataset="mnist"))
    ended = where(digits, epoch=digits["epoch"].max())
    examples = int(digits["examples"].iloc[0]) if len(digits) else None
    return {
        "examples": examples,
        "real_left": None if examples is None else 0.2 * examples,
        "final": {
            kind: [
                mean(where(ended, noise=of, level=level)["validation_accuracy"])
                for of, level in (("none", 0), (kind, 0.8))
            ]
            for kind in ("randX", "randY")
        },
        "beside_original": {f"{level:g}": _at_the_end(table, level) for level in (0.4, 0.8)},
    } | ({} if original is None else original_prose(original))


def original_prose(original: pd.DataFrame) -> dict[str, object]:
    """Return the original's final accuracies on MNIST at shares of 0 and 0.8, and where its clean panels end."""
    ended = where(original, epoch=100)
    digits, clean = where(ended, dataset="mnist"), where(ended, dataset="cifar10", level=0)
    kinds = ("randX", "randY")
    return {
        "original_final": {
            kind: [mean(where(digits, noise=kind, level=level)["validation_accuracy"]) for level in (0, 0.8)]
            for kind in kinds
        },
        "original_panels": {kind: mean(where(clean, noise=kind)["validation_critical"]) for kind in kinds},
    }


def _at_the_end(table: pd.DataFrame, level: float) -> dict[str, list[float] | None]:
    """Return accuracy and critical samples after 100 epochs on random labels, the original's and ours."""
    cell = {"dataset": "mnist", "noise": "randY", "level": level, "epoch": 100}
    small = table[table["radius"] < LARGER_THAN_ORIGINAL]
    return {
        "accuracy": beside(table, "validation_accuracy", cell),
        "critical": beside(small, "validation_critical", cell),
    }
