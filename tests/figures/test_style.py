from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import stats

from closerlook.data.noise import NOISES
from closerlook.figures import style
from closerlook.figures.labels import label_points
from closerlook.figures.rendering import save
from closerlook.regularizers import REGULARIZERS


def luminance(colour: str) -> float:
    return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))


@pytest.fixture
def axes() -> Axes:
    return style.figure(3, 2).add_subplot()


@pytest.mark.parametrize("noise", ["randX", "randXg", "randY"])
def test_a_kinds_levels_darken(noise: str) -> None:
    shades = [luminance(style.colour(noise, level)) for level in (0.2, 0.4, 0.6, 0.8, 1.0)]
    assert shades == sorted(shades, reverse=True)
    assert style.colour(noise, 0.7) == NOISES[noise].look.colour.lower()
    assert style.colour(noise, 0) == style.CLEAN


def test_log_ticks_are_the_values_themselves(axes: Axes) -> None:
    axes.plot([8, 16, 64], [1, 2, 3])
    style.log_axis(axes, [8, 64, 16, 8])
    axes.figure.canvas.draw()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["8", "16", "64"]
    assert len(axes.get_xticks(minor=True)) == 0


@pytest.mark.parametrize(("low", "high"), [(1, 1000), (8, 70), (1.1, 2.9), (0.0004, 0.003)])
def test_a_log_axis_shows_at_least_two_round_numbers(axes: Axes, low: float, high: float) -> None:
    axes.plot([0, 1], [low, high])
    style.log_numbers(axes)
    axes.figure.canvas.draw()
    shown = [tick.get_text() for tick in axes.get_yticklabels()]
    assert len(shown) >= 2
    assert [float(text.replace(",", "")) for text in shown] == pytest.approx(axes.get_yticks())


@pytest.mark.parametrize("when", ["before", "after", "never"])
@pytest.mark.parametrize("log", [False, True])
def test_a_curve_is_the_same_whenever_its_scales_are_set(axes: Axes, log: bool, when: str) -> None:
    cells = {1.0: [0.5, 8.0, 2.0], 10.0: [3.0, 4.0, 7.0]}
    rows = pd.DataFrame([(x, y) for x, values in cells.items() for y in values], columns=["x", "y"])
    if when == "before":
        axes.set(xscale="log", yscale="log")
    style.curve(axes, rows, "x", "y", noise="none", log=log)
    if when == "after":
        axes.set(xscale="log", yscale="log")
    to, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    (line,), (band,) = axes.lines, axes.collections
    assert line.get_xdata() == pytest.approx([*cells])
    assert line.get_ydata() == pytest.approx([float(back(np.mean(to(values)))) for values in cells.values()])
    corners = band.get_paths()[0].vertices
    for x, values in cells.items():
        logs = to(values)
        ends = back(stats.t.interval(0.95, len(logs) - 1, np.mean(logs), stats.sem(logs)))
        assert sorted({*corners[corners[:, 0] == x, 1]}) == pytest.approx(ends)


def test_on_a_log_axis_a_curve_keeps_the_zero_that_it_draws_elsewhere(axes: Axes) -> None:
    axes.set_yscale("log")
    style.curve(axes, pd.DataFrame({"x": [0, 0], "y": [0.0, 8.0]}), "x", "y", noise="none")
    assert axes.lines[0].get_ydata() == pytest.approx([4.0])


def test_a_curve_names_the_axes_whose_numbers_are_shown() -> None:
    panels = style.figure(3, 2).subplots(1, 2, sharey=True)
    for axes in panels:
        style.curve(axes, pd.DataFrame({"width": [8, 8], "loss": [1, 2]}), "width", "loss", noise="none")
    assert [axes.get_ylabel() for axes in panels if axes.yaxis.label.get_visible()] == ["loss"]
    assert [axes.get_xlabel() for axes in panels] == ["width", "width"]


def test_a_curve_of_missing_values_draws_nothing(axes: Axes) -> None:
    style.curve(axes, pd.DataFrame({"x": [1.0], "y": [np.nan]}), "x", "y", noise="randX")
    assert not axes.lines


def test_a_house_figure_ignores_the_callers_settings() -> None:
    seen = []

    @style.house
    def draw(table: pd.DataFrame) -> Figure:
        seen.append(mpl.rcParams["font.size"])
        return style.figure(1, 1)

    with mpl.rc_context({"font.size": 30}):
        draw(pd.DataFrame({"diverged": [False]}))
        assert mpl.rcParams["font.size"] == 30
    assert seen == [style.HOUSE["font.size"]]


@pytest.mark.parametrize("user", [{"savefig.bbox": "tight"}, {"savefig.facecolor": "red"}])
def test_a_saved_figure_ignores_the_users_settings(user: dict[str, object], tmp_path: Path) -> None:
    @style.house
    def draw(_: pd.DataFrame) -> Figure:
        drawing = style.figure(2, 1)
        drawing.add_subplot().plot([0, 1])
        return drawing

    saved = []
    for name, settings in (("plain.svg", {}), ("user.svg", user)):
        with mpl.rc_context(settings):
            save(draw(pd.DataFrame({"diverged": [False]})), tmp_path / name, "svg")
        saved.append((tmp_path / name).read_bytes())
    assert saved[0] == saved[1]


def test_no_text_is_smaller_than_seven_points() -> None:
    assert min(value for name, value in style.HOUSE.items() if name.endswith("size") and "marker" not in name
               and ".major." not in name) >= 7  # fmt: skip


def test_labels_do_not_overlap_each_other(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1))
    points = np.array([[0.5, 0.5], [0.52, 0.5], [0.5, 0.53], [0.53, 0.53]])
    label_points(axes, [(x, y, "0.25") for x, y in points], points, (150, 90))
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for a in boxes for b in boxes if a is not b)


def test_a_diverged_network_is_counted_once_however_many_rows_it_has() -> None:
    table = pd.DataFrame({"seed": [0, 0, 1, 1], "checkpoint": ["a", "b"] * 2, "diverged": [True, True, False, False]})
    assert style.left_out(table) == ["1 diverged member left out."]


def test_regularizers_look_as_their_files_say_and_several_at_once_as_none_of_them() -> None:
    looks = {name: REGULARIZERS[name].look for name in REGULARIZERS.names()}
    for name, look in looks.items():
        assert style.regularizer_look(REGULARIZERS[name].words)["color"] == look.colour
    both = style.regularizer_look("LASS + dropout")
    assert (both["color"], both["marker"]) not in {(look.colour, look.marker) for look in looks.values()}
    assert style.regularizer_look("none")["color"] == style.CLEAN


def test_what_a_drawing_may_not_need_is_not_imported() -> None:
    program = "import sys, closerlook.figures.rendering; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ("seaborn", "scipy.stats", "scipy.special", "torch", "pydantic")
    root = str(Path(style.__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-c", program, *heavy], env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert found.stdout == "[]\n"


def test_two_networks_of_one_seed_are_two_that_are_left_out() -> None:
    table = pd.DataFrame({"seed": [0, 0], "noise": "none", "level": 0.0, "own_class": [True, False], "diverged": True})
    assert style.left_out(table) == ["2 diverged members left out."]
