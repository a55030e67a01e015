"""Labels beside points that overlap neither each other nor the curve: a greedy choice among a few places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

PLACES = ((0, 7), (0, -13), (-1, 4), (1, 4), (-1, -10), (1, -10), (0, 16), (0, -22), (-1.6, 12), (1.6, 12))
"""Where a label may stand relative to its point: sideways in label widths, upwards in points; best first."""


def label_points(
    axes: Axes,
    labels: Sequence[tuple[float, float, str]],
    path: Float[np.ndarray, "point 2"],
    panel: tuple[float, float],
    colours: Sequence[str] | None = None,
    **text: object,
) -> None:
    """Write labels beside their points where they hit neither each other nor the line along `path`.

    Parameters
    ----------
    axes
        Axes with linear scales whose limits are final.
    labels
        x, y (in data units) and words of each.
    path
        Corners of the line to keep clear of, in data units; a row of NaN between two lines.
    panel
        Width and height of the axes in points; an estimate will do.
    colours
        One for each label, if they differ.
    text
        Passed on to `Axes.annotate`.
    """
    width, height = panel
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    scale, origin = np.array([width / (right - left), height / (top - bottom)]), np.array([left, bottom])
    line = (np.asarray(path) - origin) * scale
    steps = np.linspace(0, 1, 25)[:, None]
    obstacles = [line, *(a + steps * (b - a) for a, b in pairwise(line))]
    taken = np.concatenate(obstacles)
    for (x, y, words), colour in zip(labels, colours or [None] * len(labels), strict=True):
        at, size = (np.array([x, y]) - origin) * scale, np.array([4.4 * len(words) + 2, 8.0])
        boxes = [at + np.array([side * size[0] / 2 + 5 * np.sign(side), up]) for side, up in PLACES]  # centre, bottom
        hits = [_hits(box, size, taken, (width, height)) for box in boxes]
        best = boxes[int(np.argmin(hits))]
        halo = [withStroke(linewidth=1.6, foreground="white")]  # error bars are in no path, and may pass behind
        look = {"fontsize": 7, "path_effects": halo, **({"color": colour} if colour else {}), **text}
        axes.annotate(
            words, (x, y), best - at, textcoords="offset points", ha="center", va="bottom", zorder=5, **look
        )  # fmt: skip
        grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(0, 1, 4)), -1).reshape(-1, 2)
        taken = np.concatenate([taken, best + grid * size])


def _hits(box: np.ndarray, size: np.ndarray, taken: np.ndarray, panel: tuple[float, float]) -> int:
    """Count the points under a label, and weigh a label that leaves the panel like many of them."""
    low, high = box - size * [0.5, 0], box + size * [0.5, 1]
    inside = ((taken >= low) & (taken <= high)).all(axis=1).sum()
    outside = (low < 0).any() or (high - 4 > np.asarray(panel)).any()
    return int(inside + 1000 * outside)
