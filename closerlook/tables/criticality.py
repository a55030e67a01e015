"""From trained.h5 and critical_samples.h5 to tidy rows: a network at an epoch, with accuracies and critical samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from closerlook import store
from closerlook.tables.prose import where
from closerlook.tables.rows import ACCURACY_DECIMALS, runs

PROBLEM = ["dataset", "image_size", "examples", "width"]
"""What networks have to share to be compared."""

LARGER_THAN_ORIGINAL = 0.0013
"""Radii from here on are larger than the original's 0.3 of 255, as it is rounded in a config."""

NUMBERS = {
    "validation/critical": "validation_critical",
    "validation/random": "validation_random",
    "training/critical": "training_critical",
}
"""The numbers of critical_samples.h5 and their columns."""

COLUMNS = (
    *PROBLEM, "noise", "level", "seed", "epoch", "train_accuracy", "validation_accuracy", "radius", *NUMBERS.values(),
    "diverged",
)  # fmt: skip


def critical_rows(trained: Sequence[Path], measured: Mapping[str, Sequence[Path]]) -> pd.DataFrame:
    """Return one row per member, epoch and radius: the columns of `runs`, and those of `COLUMNS`.

    An epoch has a row for each radius where critical samples were measured (`epoch` counts finished epochs, 0 is the
    initial state), and one row without a radius where accuracies alone are known. Accuracies and shares are fractions,
    `radius` is in pixel units from 0 to 1.

    Raises
    ------
    ValueError
        If a trained.h5 has no critical_samples.h5 of as many members beside it.
    """
    members, tables = runs(trained), []
    beside = {Path(path).parent: Path(path) for path in measured["critical_samples"]}
    first = 0
    for path in map(Path, trained):
        if path.parent not in beside:
            raise ValueError(f"{path}: no critical_samples.h5 of this folder among those given")
        accuracies = _accuracies(path)
        count = int(accuracies["member"].max()) + 1
        table = accuracies.dropna().merge(_critical(beside[path.parent], count), on=["member", "epoch"], how="outer")
        tables.append(table.assign(member=table["member"] + first))
        first += count
    joined = members.join(pd.concat(tables).set_index("member"))
    # A member that diverged keeps a row, so that the small print can count it.
    return joined[joined["epoch"].notna() | joined["diverged"]].reset_index(drop=True)


def _accuracies(path: Path) -> pd.DataFrame:
    with store.read(path, "trained") as file:
        names = ("train_accuracy", "validation_accuracy")
        values = {name: file[f"history/{name}"][:].astype(float).round(ACCURACY_DECIMALS) for name in names}
    shape = values["train_accuracy"].shape
    member, epoch = np.indices(shape)
    columns = {"member": member, "epoch": epoch + 1.0, **values}
    return pd.DataFrame({name: column.ravel() for name, column in columns.items()})


def _critical(path: Path, members: int) -> pd.DataFrame:
    tables = []
    with store.read(path, "critical_samples") as file:
        radii = file["radius"][:]
        for checkpoint in (name for name in sorted(file) if isinstance(file[name], h5py.Group)):
            group = file[checkpoint]
            if len(group["epoch"]) != members:
                raise ValueError(f"{path}: '{checkpoint}' does not have the {members} members of trained.h5")
            shape = (members, len(radii))
            columns = {
                "member": np.indices(shape)[0],
                "epoch": np.broadcast_to(group["epoch"][:].astype(float)[:, None], shape),
                "radius": np.broadcast_to(radii, shape),
            }
            for part, column in NUMBERS.items():
                known = part in group
                columns[column] = (
                    group[part][:].astype(float).round(ACCURACY_DECIMALS) if known else np.full(shape, np.nan)
                )
            tables.append(pd.DataFrame({name: values.ravel() for name, values in columns.items()}))
    if not tables:
        raise ValueError(f"{path}: no checkpoint in it; the figure has nothing to show")
    # Two checkpoints may be of the same epoch ("fit" and "epoch-20"): they are one state.
    return pd.concat(tables).drop_duplicates(["member", "epoch", "radius"])


def at_radius(rows: pd.DataFrame, which: int = 1) -> pd.DataFrame:
    """Return the rows at each problem's `which`-th smallest radius, from 1; where there are fewer, at the largest."""
    kept = []
    for _, problem in rows.dropna(subset=["radius"]).groupby(PROBLEM):
        radii = np.sort(problem["radius"].unique())
        kept.append(problem[problem["radius"] == radii[min(which, len(radii)) - 1]])
    return pd.concat(kept) if kept else rows.iloc[:0]


def in_pixels(radii: Iterable[float]) -> str:
    """Return radii in words: as shares of the pixel range, and on the scale from 0 to 255 that the paper uses."""
    return " or ".join(f"{radius:.3g} of the pixel range ({255 * radius:.3g} of 255)" for radius in sorted(set(radii)))


def first_problem(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first problem: the smallest images, then examples, then width, that a table has."""
    return where(rows, **rows[PROBLEM].iloc[0].to_dict()) if len(rows) else rows
