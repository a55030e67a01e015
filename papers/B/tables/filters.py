"""The table of B-Fig 2: the first-layer filters of networks that fit real data, random inputs and random labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from closerlook import store
from closerlook.numerics.filters import Filters, as_images, low_frequency_power, neighbour_correlation
from closerlook.tables.cells import require_one
from closerlook.tables.prose import mean, seen, where
from closerlook.tables.rows import runs

MEASURES = ()
COLUMNS = (
    "dataset", "image_size", "examples", "network", "width", "noise", "level", "seed", "stage", "epoch",
    "neighbour_correlation", "low_frequency_power", "unit", "channel", "row", "column", "weight", "diverged",
)  # fmt: skip
ENSEMBLE = ("dataset", "image_size", "examples", "network", "width")
STAGES = ("initial", "trained", "learned")
DRAWN_KINDS = ("none", "randX", "randY")
DRAWN_UNITS = 16


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]], targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network and stage with its two numbers, and one per weight of the filters that are drawn.

    `COLUMNS`; a stage is `initial`, `trained` (at the last checkpoint after so many epochs) or `learned`, the
    difference. Rows of numbers have no `unit` and rows of weights no numbers. Weights are given of one network each on
    real data and at the highest level of `randX` and `randY`: the first seed's `DRAWN_UNITS` units that training
    changed most, `initial` and `trained`.

    Raises
    ------
    ValueError
        If networks were not kept at epoch 0 and later, or `targets` are given: the original shows pictures only.
    """
    if targets is not None:
        raise ValueError("filters: no values of the original figure are known; leave its targets out")
    require_one(runs(trained), COLUMNS)
    rows = [row for path in trained for row in _rows_of(path)]
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    return table.drop_duplicates(ignore_index=True)


def _rows_of(path: Path) -> Iterator[dict[str, object]]:
    members = runs([path])
    drawn = set(_drawn(members))
    with store.read(path, "trained") as file:
        spec = store.read_spec(file)
        epochs = spec.checkpoints.epochs
        if 0 not in epochs or max(epochs) == 0:
            raise ValueError(f"{path}: filters needs checkpoints at epoch 0 and a later one; give checkpoints.epochs")
        for number, member in members.iterrows():
            kept = member[[*ENSEMBLE, "noise", "level", "seed", "diverged"]].to_dict()
            images = _stages(file, number, max(epochs), int(member["image_size"]))
            for stage, filters in images.items():
                at = kept | {"stage": stage, "epoch": 0 if stage == "initial" else max(epochs)}
                yield at | {
                    "neighbour_correlation": neighbour_correlation(filters),
                    "low_frequency_power": low_frequency_power(filters),
                }
                if number in drawn and stage != "learned":
                    yield from (at | weight for weight in _weights(filters, _most_changed(images["learned"])))


def _stages(file: h5py.File, number: int, last: int, size: int) -> dict[str, Filters]:
    """Return one network's filters at every stage; only its own are read."""
    initial, trained = (
        as_images(file[f"checkpoints/epoch-{epoch}/weight0"][number].astype(np.float64), size) for epoch in (0, last)
    )
    return dict(zip(STAGES, (initial, trained, trained - initial), strict=True))


def _drawn(members: pd.DataFrame) -> Iterator[int]:
    """Yield the networks whose filters are drawn: of each kind the first seed at the highest level."""
    for kind in DRAWN_KINDS:
        cell = members[(members["noise"] == kind) & ~members["diverged"]]
        if len(cell):
            yield cell[cell["level"] == cell["level"].max()]["seed"].idxmin()


def _most_changed(learned: Filters) -> list[int]:
    """Return the units that training changed most, in their own order."""
    change = (learned**2).sum(axis=(1, 2, 3))
    return sorted(np.argsort(-change, kind="stable")[:DRAWN_UNITS].tolist())


def _weights(filters: Filters, units: Sequence[int]) -> Iterator[dict[str, object]]:
    for unit in units:
        for (channel, row, column), weight in np.ndenumerate(filters[unit]):
            yield {"unit": unit, "channel": channel, "row": row, "column": column, "weight": weight}


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return `correlation`: by data set and stage, of neighbouring weights after training on random labels alone."""
    noise = where(seen(table), noise="randY", level=1)
    return {
        "correlation": {
            dataset: {stage: mean(cell["neighbour_correlation"]) for stage, cell in part.groupby("stage")}
            for dataset, part in noise.groupby("dataset")
        }
    }
