"""The house style: one hue per noise kind, one way to draw a mean with its uncertainty, legible printed sizes.

Colours are Okabe and Ito's, told apart by readers of any colour vision; a kind's levels are a ramp of its hue from
light to dark, and markers tell the kinds apart in grey print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from numbers import Real
from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import REAL
from closerlook.tables.cells import IDENTITY
from closerlook.tables.regularized import NO_REGULARIZER
from closerlook.tables.statistics import geometric_mean, log_t_interval, t_interval
from closerlook.things import Look

SINGLE_COLUMN, FULL_WIDTH = 3.4, 7.0
"""Printed widths in inches."""

CLEAN = NOISES[REAL].look.colour
UNREGULARIZED = Look(CLEAN, "+")
COMBINED = Look("#332288", "D")
"""Of what trains with several regularizers at once: of Paul Tol's muted scheme, as theirs are."""

HOUSE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same glyphs
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",  # typst does not lay out text inside an SVG
    "svg.hashsalt": "closerlook",  # the same drawing gives the same bytes
}


def settings() -> AbstractContextManager[None]:
    """Return a context in which matplotlib's settings are its defaults and `HOUSE`, whatever the user's are.

    A figure is drawn in one and saved in one: some settings, such as ``savefig.bbox``, count only then.
    """
    return mpl.rc_context({**mpl.rcParamsDefault, **HOUSE, "backend": mpl.rcParams["backend"]})


def house(draw: Callable[[pd.DataFrame], Figure]) -> Callable[[pd.DataFrame], Figure]:
    """Decorate a figure's `draw`: run it under the house style, whatever the caller's settings are.

    A table in which every member diverged gets a figure that says so.
    """

    @wraps(draw)
    def styled(table: pd.DataFrame) -> Figure:
        with settings():
            return nothing(table) if table["diverged"].all() else draw(table)

    return styled


def figure(width: Real, height: Real) -> Figure:
    """Return an empty figure of so many inches; it belongs to no window, so nothing has to be closed."""
    return Figure(figsize=(width, height), layout="constrained")


def nothing(table: pd.DataFrame) -> Figure:
    """Return the figure of a table without a member that can be drawn: its small print alone."""
    empty = figure(FULL_WIDTH, 0.5)
    note(empty, left_out(table) or ["Nothing was trained for this figure."])
    return empty


def colour(noise: str, level: Real) -> str:
    """Return the colour of a noise kind at a level from 0 to 1: its hue at 0.7, lighter below and darker above."""
    if noise == REAL or level == 0:
        return CLEAN
    hue = np.array(to_rgb(NOISES[noise].look.colour))
    if level <= 0.7:
        white = 0.62 * (1 - level / 0.7)
        return to_hex(hue * (1 - white) + white)
    return to_hex(hue * (1 - 0.4 * (level - 0.7) / 0.3))


def marker(noise: str) -> str:
    """Return the marker of a noise kind."""
    return NOISES[noise].look.marker


def kind_words(noise: str) -> str:
    """Return a noise kind in words, such as ``random labels``."""
    return NOISES[noise].words


def dataset_words(row: pd.Series) -> str:
    """Return a data set as a heading, such as ``MNIST 14×14``, from a row with `dataset` and `image_size`."""
    size = int(row["image_size"])
    return f"{SETS[row['dataset']].title} {size}×{size}"


def curve(
    axes: Axes,
    rows: pd.DataFrame,
    x: str,
    y: str,
    *,
    noise: str,
    level: Real = 1.0,
    log: bool = False,
    band: bool = True,
    **line: object,
) -> None:
    """Draw the mean of `y` over members against `x`, with a band that is its 95 % t interval.

    With `log` it is the geometric mean and the interval of that, and values that are not above 0 are left out. Neither
    depends on the scales of the axes, which may be set before or after. Rows without a `y` are left out; nothing is
    drawn when none is left. `line` are properties of the line. An axis without a label gets the column's name.
    """
    import seaborn as sns  # half a second, and not every figure has a curve

    rows = rows.dropna(subset=[y])
    if log:
        rows = rows[rows[y] > 0]
    if rows.empty:
        return
    # Before seaborn sees them: on a logarithmic axis it hands its estimators the logarithms.
    mean, interval = (geometric_mean, log_t_interval) if log else (np.mean, t_interval)
    cells = rows.groupby(x)[y]
    means = cells.agg(mean)
    look = {"color": colour(noise, level), "marker": marker(noise), "markeredgewidth": 0, **line}
    sns.lineplot(means.reset_index(), x=x, y=y, ax=axes, estimator=None, legend=False, **look)
    if band:
        low, high = zip(*cells.apply(interval), strict=True)
        axes.fill_between(means.index, low, high, color=axes.lines[-1].get_color(), alpha=0.18, linewidth=0)


def log_axis(axes: Axes, values: Iterable[Real], which: str = "x", words: dict[Real, str] | None = None) -> None:
    """Make an axis logarithmic with one tick at each of the `values` that occur, written out (8, 16, 32, ...).

    Of many values only every other one keeps its tick, the largest always does. `words` replaces a tick's number.
    """
    ticks = sorted({float(value) for value in values if value > 0})
    axis, scale = (axes.xaxis, axes.set_xscale) if which == "x" else (axes.yaxis, axes.set_yscale)
    scale("log")
    shown = ticks if len(ticks) <= 6 else ticks[::-1][::2][::-1]
    axis.set_major_locator(FixedLocator(shown))
    axis.set_major_formatter(FuncFormatter(lambda value, _: (words or {}).get(value, f"{value:g}")))
    axis.set_minor_locator(NullLocator())


def share_axis(axes: Axes, levels: Iterable[Real]) -> None:
    """Make the x axis one of noise shares, with a tick at each level (at most six)."""
    ticks = sorted({float(level) for level in levels})
    ticks = ticks if len(ticks) <= 6 else [ticks[0], *ticks[2:-1:2], ticks[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("Noise share of the training set")


def epoch_axis(axes: Axes, epochs: Iterable[float], room: float = 1.15) -> None:
    """Make the x axis one of epochs: linear from 0 to 1, so that the initial state is there, and logarithmic beyond.

    It ends at `room` times the last epoch.
    """
    seen = [*epochs] or [0, 1]
    first, last = min(seen), max(seen)
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    ticks = [tick for tick in (0, 1, 3, 10, 30, 100, 300, 1000) if first <= tick <= last]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(first - 0.1, room * last)
    axes.set_xlabel("Epoch")


def shares_y(axes: Axes) -> None:
    """Leave the y axis' words and numbers to the panel at the left, which has the same scale."""
    axes.tick_params(axis="y", which="both", labelleft=False)
    axes.yaxis.label.set_visible(False)


def log_numbers(axes: Axes) -> None:
    """Make the y axis logarithmic with plain numbers at round ticks, finer ones where it spans little.

    Call it once the data are drawn.
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [tick for power in range(-12, 13) for digit in digits if low <= (tick := digit * 10.0**power) <= high]
        if len(ticks) >= 3:
            break
    axes.yaxis.set_major_locator(FixedLocator(ticks or [np.sqrt(low * high)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axes.yaxis.set_minor_locator(NullLocator())


def _plain(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < 1e6 else f"{value:.2g}"


def key(noise: str, level: Real, label: str, **line: object) -> Line2D:
    """Return a legend entry in the colour and with the marker of a noise kind and level."""
    settings = {"color": colour(noise, level), "marker": marker(noise), "markeredgewidth": 0, **line}
    return Line2D([], [], label=label, **settings)


def regularizer_look(words: str) -> dict[str, object]:
    """Return the colour and marker of a regularizer as a table calls it; several at once have a look of their own."""
    looks = {thing.words: thing.look for thing in map(REGULARIZERS.__getitem__, REGULARIZERS.usable())}
    look = (looks | {NO_REGULARIZER: UNREGULARIZED}).get(words, COMBINED)
    edge = 1.2 if look.marker == "+" else 0.8
    return {"color": look.colour, "marker": look.marker, "markeredgecolor": look.colour, "markeredgewidth": edge}


def regularizer_key(name: str, strength: str = "", **line: object) -> Line2D:
    """Return a legend entry in the colour and with the marker of a regularizer, with its strength if one is given."""
    words = "no regularizer" if name == NO_REGULARIZER else f"{name} ({strength})" if strength else name
    return Line2D([], [], label=words, **{**regularizer_look(name), **line})


def left_out(table: pd.DataFrame) -> list[str]:
    """Return the sentence that says how many members are not drawn because they diverged, if any are."""
    names = [name for name in IDENTITY if name in table]
    count = len(table.loc[table["diverged"].astype(bool), names].drop_duplicates())  # not once for each checkpoint
    return [f"{count} diverged {'member' if count == 1 else 'members'} left out."] if count else []


def note(drawing: Figure, sentences: Sequence[str]) -> None:
    """Write the small print below the panels."""
    drawing.supxlabel(fill(" ".join(sentences), 128), linespacing=1.3, fontsize=7, color="#555555", x=0.01, ha="left")
