"""From answers example by example (trained.h5) to counts: how many of many networks get each training example right."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from closerlook import store
from closerlook.tables import cells
from closerlook.tables.rows import runs

COLUMNS = (
    "dataset", "image_size", "examples", "width", "noise", "level", "step", "epoch", "example", "label", "right",
    "networks", "diverged_networks", "diverged",
)  # fmt: skip
ENSEMBLE = ("dataset", "image_size", "examples", "width")
CELL = ("noise", "level")


def counts(path: Path) -> pd.DataFrame:
    """Return one row per kind of noise, level, step and training example of an ensemble.

    It has `COLUMNS`, and all other factors of the networks, by which `rows.tidy` sees that a cell holds one kind.

    `right` is how many of the `networks` that did not diverge classify the example as labelled after so many steps;
    `epoch` is the step in epochs, exactly 1 after one. `diverged`: all networks did. `label` is the class trained on.

    Raises
    ------
    ValueError
        If its networks did not see the same examples, were not asked, or differ in more than noise and seed.
    StoreError
        If the file is missing, damaged, or of another layout.
    """
    members = runs([path])
    with store.read(path, "trained") as file:
        spec = store.read_spec(file)
        if not spec.same_examples or not spec.answers.steps:
            raise ValueError(
                f"{path}: its networks gave no answers on the same examples; set same_examples and answers"
            )
        labels, packed = file["answers/labels"][:], file["answers/correct"][:]
    correct = np.unpackbits(packed, axis=2, count=spec.answers.asked)
    cells.require_one(members, COLUMNS)
    looks, asked = len(spec.answers.steps), spec.answers.asked
    at = pd.DataFrame({"step": np.repeat(spec.answers.steps, asked), "example": np.tile(np.arange(asked), looks)})
    at["epoch"] = at["step"] / math.ceil(spec.examples / spec.batch_size)
    factors = cells.factors(members)
    counted = []
    for _, cell in members.groupby([*CELL]):
        kept = cell.index[~cell["diverged"]]
        numbers = {
            "label": np.tile(labels[cell.index[0]].astype(int), looks),
            "right": correct[kept].sum(axis=0, dtype=int).ravel(),
            "networks": len(kept),
            "diverged_networks": len(cell) - len(kept),
            "diverged": len(kept) == 0,
        }
        counted.append(at.assign(**cell.iloc[0][factors], **numbers))
    return pd.concat(counted, ignore_index=True)


def wrong_networks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many networks get each example wrong, (step, example), from the rows of one kind of noise and level.

    Raises
    ------
    ValueError
        If the rows are of several ensembles.
    """
    if rows.duplicated(["step", "example"]).any():
        raise ValueError("rows of several ensembles: choose one data set, size, kind of noise and level")
    return rows.assign(wrong=rows["networks"] - rows["right"]).pivot(index="step", columns="example", values="wrong")


def one_epoch(rows: pd.DataFrame) -> int | None:
    """Return the step after which exactly one epoch is complete; None where it was not looked at."""
    steps = rows.loc[rows["epoch"] == 1, "step"]
    return int(steps.iloc[0]) if len(steps) else None
