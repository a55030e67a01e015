"""The table of A-Fig 3 left: sharpness at a fixed number of epochs and at a matched training loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.prose import seen
from closerlook.tables.rows import CURVATURE, curvatures, tidy

MEASURES = ("curvature",)
COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "seed", "checkpoint", "at", *CURVATURE, "diverged",
)  # fmt: skip


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network and checkpoint: `COLUMNS`. Numbers are empty where a network did not get there.

    Raises
    ------
    ValueError
        If a trained.h5 has no curvature.h5 beside it, or `targets` are given: no values of the original are known.
    """
    if targets is not None:
        raise ValueError("sharpness: no values of the original figure are known; leave its targets out")
    return tidy(curvatures(trained, measured["curvature"]), COLUMNS)


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return how many checkpoints were `asked` for and `missed`, and the traces' median relative standard error."""
    rows = seen(table)
    traced = rows[rows["trace"].notna() & (rows["trace"] != 0)]
    return {
        "asked": len(rows),
        "missed": int(rows["largest_eigenvalue"].isna().sum()),
        "trace_error": (traced["trace_stderr"] / traced["trace"].abs()).median(),
    }
