"""From sensitivity.h5 to rows: whose it is, and what a matrix of classes comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from jaxtyping import Float

from closerlook import store
from closerlook.tables.rows import runs

PROBLEM = ("dataset", "image_size", "examples", "width")
MEMBER = (*PROBLEM, "own_class", "noise", "level", "seed", "learning_rate")
SUMMARIES = {
    "dominance": "Diagonal / rest",
    "share": "Off-diagonal share",
    "spread": "Off-diagonal CV",
}
"""The numbers of `summarise`, in words."""


def sensitivity_files(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[pd.DataFrame, h5py.File]]:
    """Yield every ensemble's members, rows of `rows.runs`, and its open sensitivity.h5.

    Raises
    ------
    ValueError
        If a trained.h5 has no sensitivity.h5 of as many members beside it.
    """
    if not trained:
        raise ValueError("no trained.h5 given: a figure needs at least one ensemble")
    beside = {Path(path).parent: Path(path) for path in measured["sensitivity"]}
    for path in map(Path, trained):
        if path.parent not in beside:
            raise ValueError(f"{path}: no sensitivity.h5 of this folder among those given")
        members = runs([path])
        with store.read(beside[path.parent], "sensitivity") as file:
            if len(file["gini"]) != len(members):
                raise ValueError(f"{beside[path.parent]}: does not have the {len(members)} members of trained.h5")
            yield members, file


def require_one_each(table: pd.DataFrame, *within: str) -> None:
    """Raise ValueError where two networks, of which `cells` sees no difference, would pass for one."""
    if table.duplicated([*MEMBER, *within]).any():
        raise ValueError("networks that differ in what the table does not show would pass for one")


def matrix_of(rows: pd.DataFrame) -> Float[np.ndarray, "class class"]:
    """Return the mean over networks: class of the loss by class of the training example."""
    return rows.pivot_table("sensitivity", "loss_class", "example_class", dropna=False).to_numpy()


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network with a matrix: `MEMBER`, and what its matrix comes to.

    `dominance`: mean of the diagonal over mean of the rest. `share`: of the sum of all entries, what lies off the
    diagonal. `spread`: standard deviation over mean of a row's off-diagonal entries, averaged over rows.
    """
    found = []
    for member, rows in table.dropna(subset=["sensitivity"]).groupby([*MEMBER]):
        matrix = matrix_of(rows)
        own = np.eye(len(matrix), dtype=bool)
        others = matrix[~own].reshape(len(matrix), -1)
        found.append(
            {
                **dict(zip(MEMBER, member, strict=True)),
                "dominance": matrix[own].mean() / others.mean(),
                "share": others.sum() / matrix.sum(),
                "spread": (others.std(axis=1) / others.mean(axis=1)).mean(),
            }
        )
    return pd.DataFrame(found, columns=[*MEMBER, *SUMMARIES])
