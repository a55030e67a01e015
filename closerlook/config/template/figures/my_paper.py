"""How many epochs it takes to fit real and random labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from closerlook.figures import style
from closerlook.tables.prose import geometric_mean, seen, where
from closerlook.tables.rows import runs, tidy

MEASURES = ()
"""The measures that the table is made from, such as ``("curvature",)``; without one it is made from the training."""

COLUMNS = (
    "dataset",
    "image_size",
    "examples",
    "width",
    "noise",
    "level",
    "seed",
    "epochs_to_fit",
    "epochs",
    "diverged",
)


def tabulate(
    trained: Sequence[Path], measured: Mapping[str, Sequence[Path]] | None = None, targets: Path | None = None
) -> pd.DataFrame:
    """Return one row per network: `COLUMNS`."""
    return tidy(runs(trained).rename(columns={"fit_epoch": "epochs_to_fit"}), COLUMNS)


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a marker for each network."""
    drawing = style.figure(style.FULL_WIDTH, 2.2)
    axes = drawing.subplots()
    for (noise, level), rows in seen(table).groupby(["noise", "level"]):
        look = {"color": style.colour(noise, level), "marker": style.marker(noise), "linestyle": "none"}
        axes.plot([style.kind_words(noise)] * len(rows), rows["epochs_to_fit"], **look)
    axes.set(ylabel="Epochs to fit")
    axes.margins(x=0.4)
    return drawing


def prose(table: pd.DataFrame, original: pd.DataFrame | None) -> dict[str, object]:
    """Return what the text quotes: the geometric mean of the epochs to fit, by kind of noise."""
    return {
        "epochs": {
            noise: geometric_mean(where(seen(table), noise=noise)["epochs_to_fit"]) for noise in ("none", "randY")
        }
    }
