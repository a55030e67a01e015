"""The table of A-Fig 3 right: what each regularizer costs on real data, and how much memorizing it prevents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from closerlook.tables.regularized import named
from closerlook.tables.rows import runs, tidy

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "regularizer", "strength", "noise", "level", "seed", "final_train_accuracy",
    "best_validation_accuracy", "final_validation_accuracy", "diverged",
)  # fmt: skip


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS`. Accuracies are fractions, strengths text; `measured` is not used.

    Raises
    ------
    ValueError
        If `targets` are given: the original's CNN on CIFAR-10 is another problem, which B-Fig 10 shows.
    """
    if targets is not None:
        raise ValueError("regularizers: the original figure shows a CNN on CIFAR-10; leave its targets out")
    return tidy(named(runs(trained)), COLUMNS)
