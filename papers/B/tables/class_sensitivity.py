"""The table of B-Fig 4: how much each class's loss depends on the training examples of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from closerlook.tables.prose import mean, pure, ratio, seen
from closerlook.tables.rows import tidy
from closerlook.tables.sensitivities import MEMBER, require_one_each, sensitivity_files

MEASURES = ("sensitivity",)
COLUMNS = (*MEMBER, "steps", "loss_class", "example_class", "sensitivity", "diverged")


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network and pair of classes: `COLUMNS`.

    `sensitivity` is the mean derivative (L1 norm, mean over pixels, per unit of pixel intensity) of the mean loss of
    `loss_class` after `steps` updates with respect to a training example labelled `example_class`; an input's direct
    effect on its own class's loss counts too. Networks with a class for every example have no rows.

    Raises
    ------
    ValueError
        If a trained.h5 has no sensitivity.h5 beside it, no file has a class matrix, or `targets` are given: of the
        original only the range of the colours is known, and it is of another scaling.
    """
    if targets is not None:
        raise ValueError("class_sensitivity: no values of the original figure are comparable; leave its targets out")
    tables = []
    for members, file in sensitivity_files(trained, measured):
        if "class_matrix" not in file:
            continue
        matrices = file["class_matrix"][:]
        member, row, column = (index.ravel() for index in np.indices(matrices.shape))
        pairs = {"loss_class": row, "example_class": column, "sensitivity": matrices.ravel()}
        tables.append(members.iloc[member].reset_index(drop=True).assign(steps=file["steps"][-1], **pairs))
    if not tables:
        raise ValueError("no sensitivity.h5 with a class_matrix: the figure has nothing to show")
    table = tidy(pd.concat(tables), COLUMNS)
    require_one_each(table, "steps", "loss_class", "example_class")
    return table


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return how large the matrices' entries are on average on uniform noise, over real data and the other way."""
    entries = {kind: mean(cell["sensitivity"]) for kind, cell in pure(seen(table)).groupby("noise")}
    real, noise = entries.get("none"), entries.get("randXu")
    return {"noise_over_real": ratio(noise, real), "real_over_noise": ratio(real, noise)}
