"""From trained.h5 and curvature.h5 to tidy rows: one network, or one checkpoint of one network, a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from jaxtyping import Float

from closerlook import store
from closerlook.regularizers import REGULARIZERS
from closerlook.tables import cells

ACCURACY_DECIMALS = 7
"""Histories are float32: seven decimals bring back the fraction (0.99, not 0.990000010), so thresholds are exact."""

CURVATURE = (
    "largest_eigenvalue", "residual", "converged", "trace", "trace_stderr", "frobenius", "frobenius_stderr", "loss",
)  # fmt: skip
"""The numbers of curvature.h5 that reach a table."""


def read_table(path: str | Path) -> pd.DataFrame:
    """Return a tidy table from its CSV.

    Only an empty cell is a missing value, so the noise kind `none` stays text; so does `strength`, as two regularizers
    have two ("0.5 + 0.25").
    """
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"strength": str})


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy table as CSV with nine significant digits, all at once."""
    with store.replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def runs(trained: Sequence[str | Path]) -> pd.DataFrame:
    """Return one row per member of the ensembles: its settings, its factors and what its learning curves came to.

    Parameters
    ----------
    trained
        Paths of trained.h5 files.

    Returns
    -------
    DataFrame
        Every factor of a network (`cells.CELL`, `cells.REGULARIZING` and `seed`): `dataset`, `examples`, `network`,
        `width` (units of the first hidden layer, 0 without one), `depth`, `widths`, `epochs` (the cap), `noise`,
        `level`, ..., and the strength of each regularizer by its name; `fit_epoch` (1-based, NaN if never), `diverged`,
        and `best_` and `final_` `train_accuracy` and `validation_accuracy` (fractions, over the epochs that were
        evaluated; NaN if none).

    Raises
    ------
    StoreError
        If a file is missing, truncated or of another layout.
    ValueError
        If there is none.
    """
    if not trained:
        raise ValueError("no trained.h5 given: a figure needs at least one ensemble")
    return pd.concat([_runs_of(Path(path)) for path in trained], ignore_index=True)


def _runs_of(path: Path) -> pd.DataFrame:
    with store.read(path, "trained") as file:
        spec = store.read_spec(file)
        columns: dict[str, object] = {
            **cells.settings(spec),
            **dict.fromkeys(REGULARIZERS.names(), 0.0),  # a file has those that its members use
            **store.read_members(file),
            "fit_epoch": file["outcome/fit_epoch"][:].astype(float),
            "diverged": file["outcome/diverged"][:].astype(bool),
        }
        for name in ("train_accuracy", "validation_accuracy"):
            best, final = best_and_final(file[f"history/{name}"][:].astype(float))
            columns |= {f"best_{name}": best, f"final_{name}": final}
    return pd.DataFrame(columns)


def histories(trained: Sequence[str | Path], history: str) -> pd.DataFrame:
    """Return one row per member and evaluated epoch: the columns of `runs`, `epoch` (from 1) and the `history`.

    A member has rows where its history has a number, and one without a number at its last epoch if it diverged before
    it was evaluated.

    Parameters
    ----------
    trained
        Paths of trained.h5 files.
    history
        Name of a learning curve, such as ``train_accuracy``; fractions are rounded to `ACCURACY_DECIMALS`.
    """
    members = runs(trained)
    values = []
    for path in map(Path, trained):
        with store.read(path, "trained") as file:
            values += list(file[f"history/{history}"][:].astype(float).round(ACCURACY_DECIMALS))
    epochs = [np.flatnonzero(~np.isnan(row)) for row in values]
    epochs = [seen if len(seen) else np.array([len(row) - 1]) for seen, row in zip(epochs, values, strict=True)]
    table = members.loc[members.index.repeat([len(seen) for seen in epochs])].reset_index(drop=True)
    curve = np.concatenate([row[seen] for row, seen in zip(values, epochs, strict=True)])
    return table.assign(epoch=np.concatenate(epochs) + 1, **{history: curve})


def best_and_final(
    history: Float[np.ndarray, "member epoch"],
) -> tuple[Float[np.ndarray, " member"], Float[np.ndarray, " member"]]:
    """Return each member's largest and last evaluated value, rounded to `ACCURACY_DECIMALS`; NaN if it has none.

    The largest value over epochs on the set that it is reported on is optimistic (by 0.002 to 0.03 at n = 1000).
    """
    history = history.round(ACCURACY_DECIMALS)
    evaluated = ~np.isnan(history)
    best = np.where(evaluated, history, -np.inf).max(axis=1, initial=-np.inf)
    best[np.isneginf(best)] = np.nan
    padded = np.concatenate([np.full((len(history), 1), np.nan), history], axis=1)
    last = np.where(evaluated, np.arange(1, history.shape[1] + 1), 0).max(axis=1, initial=0)
    return best, padded[np.arange(len(history)), last]


def curvatures(trained: Sequence[str | Path], curvature: Sequence[str | Path]) -> pd.DataFrame:
    """Return one row per member and measured checkpoint: the columns of `runs`, `checkpoint`, `at` and `CURVATURE`.

    A trained.h5 and the curvature.h5 in its folder belong together and list their members in the same order.

    Raises
    ------
    ValueError
        If a trained.h5 has no curvature.h5 beside it in the list, or they differ in the number of members.
    """
    measured = {Path(path).parent: Path(path) for path in curvature}
    rows = []
    for path in map(Path, trained):
        if path.parent not in measured:
            raise ValueError(f"{path}: no curvature.h5 of this folder among those given")
        rows += _checkpoints_of(_runs_of(path), measured[path.parent])
    if not rows:
        raise ValueError("no curvature.h5 with a checkpoint in it: the figure has nothing to show")
    return pd.concat(rows, ignore_index=True)


def _checkpoints_of(members: pd.DataFrame, path: Path) -> list[pd.DataFrame]:
    rows = []
    with store.read(path, "curvature") as file:
        for checkpoint in (name for name in sorted(file) if isinstance(file[name], h5py.Group)):
            values = {name: file[checkpoint][name][:] for name in CURVATURE}
            if any(len(column) != len(members) for column in values.values()):
                raise ValueError(f"{path}: '{checkpoint}' does not have the {len(members)} members of trained.h5")
            values["converged"] = values["converged"].astype(bool)
            rows.append(members.assign(checkpoint=checkpoint, at=checkpoint_words(checkpoint), **values))
    return rows


def checkpoint_words(name: str) -> str:
    """Return a checkpoint's name as a reader says it: ``epoch-100`` is "after 100 epochs"."""
    kind, _, value = name.partition("-")
    match kind:
        case "epoch":
            return f"after {value} epochs"
        case "loss":
            return f"training loss {value}"
        case "fit":
            return "first 100 % training accuracy"
    return name


def checkpoint_order(names: Iterable[str]) -> list[str]:
    """Return the distinct checkpoint names in a reader's order: epochs ascending, fit, then losses from high to low."""

    def key(name: str) -> tuple[int, float, str]:
        kind, _, value = name.partition("-")
        rank = {"epoch": 0, "fit": 1, "loss": 2}.get(kind, 3)
        return rank, float(value) * (-1 if kind == "loss" else 1) if rank in (0, 2) else 0.0, name

    return sorted(set(names), key=key)


def tidy(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the `columns` in a stable order of rows, without repeated rows.

    Two experiments of one figure may train the very same network (a width sweep and a sweep over examples share a
    cell): it is one observation.

    Raises
    ------
    ValueError
        If the table lacks a column, or networks of one cell differ in a factor that the `columns` do not show.
    """
    if unknown := [name for name in columns if name not in table]:
        raise ValueError(f"no column {', '.join(unknown)}; there are: {', '.join(table)}")
    cells.require_one(table, columns)
    kept = table[list(columns)].drop_duplicates()
    return kept.sort_values(list(columns), kind="stable", ignore_index=True)


def with_targets(table: pd.DataFrame, targets: str | Path | None) -> pd.DataFrame:
    """Return the table with a column `source` ("run"), and below it the original paper's values ("paper").

    `targets` is a CSV whose columns are named like the table's; columns that it lacks stay empty.
    """
    table = table.assign(source="run")
    if targets is None:
        return table
    paper = read_table(targets).assign(source="paper", diverged=False)
    return pd.concat([table, paper], ignore_index=True)
