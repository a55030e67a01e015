"""The table of B-Fig 5: the noisier the training set, the more units it takes to validate as well as one can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import at_level, beside, distinct, mean, points, seen, where
from closerlook.tables.rows import runs, tidy, with_targets

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "best_validation_accuracy", "diverged",
)  # fmt: skip


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS` and `source` ("run", or "paper" for rows of `targets`).

    Accuracies are fractions, the best over the epochs that were evaluated. Nothing of `measured` is used.
    """
    return with_targets(tidy(runs(trained), COLUMNS), targets)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return what twice the width still gains at the end of the sweep on MNIST, and the widths that the original needs.

    `gain` is in points of best validation accuracy between the two largest widths, on real data and at `top_level`, the
    highest share below 1, of each kind of noise. `short`: the sweep ends before the width that the original needs.
    """
    rows = seen(table)
    top = max((level for level in rows["level"] if 0 < level < 1), default=0.8)
    digits = where(rows, dataset="mnist")
    widths = distinct(digits["width"])
    gain = {kind: gained(where(digits, noise=kind, level=level), widths) for kind, level in at_level(digits, top)}
    found: dict[str, object] = {"top_level": top, "widest": max(widths, default=None), "gain": gain, "short": False}
    if original is not None:
        needed = {kind: original_width(original, kind, level) for kind, level in (("none", 0), ("randX", 0.8))}
        short = gain.get("randX") is not None and widths[-1] < needed["randX"]
        found |= {"original_width": needed, "short": short}
    at = {"dataset": "mnist", "width": 4096}
    found["beside_original"] = {
        kind: beside(table, "best_validation_accuracy", {**at, "noise": kind, "level": level})
        for kind, level in (("none", 0), ("randX", 0.8), ("randY", 0.8))
    }
    return found


def gained(rows: pd.DataFrame, widths: list[float]) -> float | None:
    """Return the points of best validation accuracy that the largest of the widths gains over the one before it."""
    if len(widths) < 2:
        return None
    last, before = (mean(where(rows, width=width)["best_validation_accuracy"]) for width in (widths[-1], widths[-2]))
    return points(last, before)


def original_width(original: pd.DataFrame, kind: str, level: float) -> int:
    """Return the smallest width that comes within one point of the best, in the original's values."""
    rows = where(original, noise=kind, level=level)
    enough = rows["best_validation_accuracy"] >= rows["best_validation_accuracy"].max() - 0.01
    return int(rows.loc[enough, "width"].min())
