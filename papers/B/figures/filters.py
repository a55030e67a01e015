"""B-Fig 2: the first-layer filters of networks that fit real data, random inputs and random labels.

The initial weights are white and far from small, and trained = initial + learned. So what was learned is shown beside
the trained filters, and two numbers say how structured each is.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from closerlook.data.noise import NOISES
from closerlook.figures import style
from closerlook.nets import NETS
from closerlook.numerics.filters import Filters
from closerlook.tables.filters import DRAWN_KINDS, ENSEMBLE, STAGES

GRID_COLUMNS = 4


@style.house
def draw(table: pd.DataFrame) -> Figure:
    """Draw a block per data set: grids of filters by stage and kind of noise, and both numbers against the level."""
    seen = table[~table["diverged"]]
    datasets = list(seen.groupby([*ENSEMBLE]))[::-1]  # MNIST first
    lines = math.ceil(len(datasets) / 2)
    drawing = style.figure(style.FULL_WIDTH, 0.75 + 4.4 * lines)
    blocks = drawing.subfigures(lines, 2, squeeze=False).flat
    for block, (_, rows) in zip(blocks, datasets, strict=False):
        first = rows.iloc[0]
        heading = f"{style.dataset_words(first)}, {NETS[first['network']].words}"
        block.suptitle(heading, fontsize=8.5, fontweight="bold")
        above, below = block.subfigures(2, 1, height_ratios=[2.6, 1.6])
        _pictures(above, rows.dropna(subset=["weight"]))
        _numbers(below, rows[rows["unit"].isna()])
    drawing.legend(handles=_keys(seen), loc="outside upper center", ncols=6)
    style.note(drawing, _small_print(table))
    return drawing


def _pictures(block: SubFigure, weights: pd.DataFrame) -> None:
    kinds = [kind for kind in DRAWN_KINDS if (weights["noise"] == kind).any()]
    filters = {kind: _by_stage(weights[weights["noise"] == kind]) for kind in kinds}
    grid = block.subplots(len(STAGES), len(kinds), squeeze=False, gridspec_kw={"wspace": 0.03, "hspace": 0.03})
    for line, stage in zip(grid, STAGES, strict=True):
        for axes, kind in zip(line, kinds, strict=True):
            _picture(axes, filters[kind][stage])
        line[0].set_ylabel(stage.capitalize())
    for axes, kind in zip(grid[0], kinds, strict=True):
        level = weights.loc[weights["noise"] == kind, "level"].iloc[0]
        words = style.kind_words(kind) + ("" if level in (0, 1) else f" {level:g}")
        axes.set_title(words, fontsize=7.5, color=style.colour(kind, 0.7))


def _by_stage(weights: pd.DataFrame) -> dict[str, Filters]:
    """Return one network's drawn filters at every stage from the rows of their weights."""
    places = ["unit", "channel", "row", "column"]
    shape = [weights[place].nunique() for place in places]
    initial, trained = (
        weights[weights["stage"] == stage].sort_values(places)["weight"].to_numpy(float).reshape(shape)
        for stage in STAGES[:2]
    )
    return dict(zip(STAGES, (initial, trained, trained - initial), strict=True))


def _picture(axes: Axes, filters: Filters) -> None:
    """Show filters side by side: grey is 0; three channels are colours, of others the mean is shown."""
    colours = filters if filters.shape[1] == 3 else filters.mean(axis=1, keepdims=True)
    scale = float(np.quantile(np.abs(colours), 0.995)) or 1.0  # a few large weights would leave the rest grey
    shades = np.clip(0.5 + colours / (2 * scale), 0, 1).transpose(0, 2, 3, 1)
    axes.imshow(mosaic(np.broadcast_to(shades, (*shades.shape[:3], 3))), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def mosaic(images: Float[np.ndarray, "image row column colour"]) -> Float[np.ndarray, "height width colour"]:
    """Return images as one, `GRID_COLUMNS` beside each other, on white."""
    count, rows, columns, colours = images.shape
    gap = max(1, rows // 10)
    lines = math.ceil(count / GRID_COLUMNS)
    sheet = np.ones((lines * (rows + gap) - gap, GRID_COLUMNS * (columns + gap) - gap, colours))
    for place, image in enumerate(images):
        line, column = divmod(place, GRID_COLUMNS)
        sheet[line * (rows + gap) :, column * (columns + gap) :][:rows, :columns] = image
    return sheet


PANELS = {"neighbour_correlation": "Neighbour correlation", "low_frequency_power": "Low-frequency power"}
DASHES = {"initial": ":", "trained": "-", "learned": "--"}


def _numbers(block: SubFigure, rows: pd.DataFrame) -> None:
    noisy = [kind for kind in NOISES.names() if kind != "none" and (rows["noise"] == kind).any()]
    for axes, (number, words) in zip(block.subplots(1, 2), PANELS.items(), strict=True):
        real = rows[rows["noise"] == "none"]
        initial = rows.loc[rows["stage"] == "initial", number]
        axes.axhline(initial.mean(), color="#777777", linestyle=DASHES["initial"], linewidth=0.9)
        for stage in STAGES[1:]:
            for kind in noisy:  # real data is every kind's level 0
                line = rows[rows["noise"].isin([kind, "none"]) & (rows["stage"] == stage)]
                style.curve(axes, line, "level", number, noise=kind, level=0.7, linestyle=DASHES[stage])
            style.curve(axes, real[real["stage"] == stage], "level", number, noise="none", zorder=4)
        style.share_axis(axes, rows["level"])
        axes.set(xlabel="Noise share", ylabel=words)


def _keys(seen: pd.DataFrame) -> list[Line2D]:
    kinds = [style.key(kind, 0.7, style.kind_words(kind)) for kind in NOISES.names() if (seen["noise"] == kind).any()]
    stages = [Line2D([], [], color="#777777", linestyle=dash, label=stage) for stage, dash in DASHES.items()]
    return [*kinds, *stages]


def _small_print(table: pd.DataFrame) -> list[str]:
    epochs = sorted(set(table.loc[table["stage"] == "trained", "epoch"].astype(int)))
    drawn = table.dropna(subset=["weight"])
    units = sorted(set(drawn.groupby([*ENSEMBLE, "noise"])["unit"].nunique()))
    return [
        f"Pictures: the {' or '.join(map(str, units))} units of one network each that training changed most; learned "
        f"is trained (after {' or '.join(map(str, epochs))} epochs) less initial. Grey is 0, black negative; each "
        "picture has its own scale.",
        "Neighbour correlation: Moran's I of the weights, pooled over units; white weights have 0.",
        "Low-frequency power: share of the lowest quarter of spatial frequencies over that of white weights.",
        "Means over seeds with 95 % t intervals.",
        *style.left_out(table),
    ]
