"""B-Fig 5 and 6, from small files with known numbers to their tables and drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawings import check_drawing, note_of

from closerlook.figures import capacity_by_noise, rendering, time_by_noise
from closerlook.tables import capacity_by_noise as capacity_by_noise_table
from closerlook.tables import rows as tables
from closerlook.tables import time_by_noise as time_by_noise_table

TARGETS = Path(__file__).parents[2] / "papers" / "B" / "targets"


@pytest.fixture
def width_files(train: Callable[..., Path], members: Callable) -> list[Path]:
    stack = members(3, {"none": (0.0,), "randX": (0.4, 1.0), "randY": (0.4, 1.0)})
    level = np.array([member.level for member in stack])
    seed = np.array([member.seed for member in stack])
    return [
        train(
            stack,
            dataset=dataset,
            width=width,
            validation_accuracy=0.9 - 0.5 * level + 0.05 * np.log2(width / 8) + 0.01 * seed,
        )
        for dataset in ("mnist", "fashion")
        for width in (8, 16)
    ]


@pytest.fixture
def epoch_files(train: Callable[..., Path], members: Callable) -> list[Path]:
    """Epochs that halve from width 32 to 128 on real data and on every second example; one network never fits."""
    stack = members(3, {"none": (0.0,), "randX": (0.4, 1.0), "randXg": (1.0,), "randY": (1.0,)})

    def fits(width: int, examples: int) -> np.ndarray:
        powers = np.array([-0.5 - 0.25 * member.level * (member.noise == "randX") for member in stack])
        epochs = 400 * (width / 32) ** powers * (examples / 1000) ** 0.2
        return np.where([member.noise == "randY" and member.seed == 2 for member in stack], np.nan, epochs)

    cells = [(1000, 32), (1000, 64), (1000, 128), (250, 128), (4000, 128)]
    return [
        train(stack, dataset=dataset, examples=examples, width=width, epochs=900, fit_epoch=fits(width, examples))
        for dataset in ("mnist", "fashion")
        for examples, width in cells
    ]


def test_the_tables_are_exact(train: Callable[..., Path], members: Callable) -> None:
    path = train(members(1, {"none": (0.0,), "randXg": (1.0,)}), width=16, fit_epoch=[2, np.nan],
                 diverged=[False, True], validation_accuracy=[[0.8, 0.75, np.nan, np.nan], [np.nan] * 4])  # fmt: skip
    rows = [
        ("mnist", 14, 1000, 16, "none", 0.0, 0, 0.8, False, "run"),
        ("mnist", 14, 1000, 16, "randXg", 1.0, 0, np.nan, True, "run"),
    ]
    expected = pd.DataFrame(rows, columns=[*capacity_by_noise_table.COLUMNS, "source"])
    pd.testing.assert_frame_equal(capacity_by_noise_table.tabulate([path]), expected, check_dtype=False)
    rows = [("mnist", 14, 1000, 16, "none", 0.0, 0, 2.0, 4, False, "run")]  # global noise comes in no levels
    expected = pd.DataFrame(rows, columns=[*time_by_noise_table.COLUMNS, "source"])
    pd.testing.assert_frame_equal(time_by_noise_table.tabulate([path]), expected, check_dtype=False)


def test_capacity_has_a_row_per_data_set_with_a_line_per_level(width_files: list[Path]) -> None:
    drawing = capacity_by_noise.draw(capacity_by_noise_table.tabulate(width_files))
    check_drawing(drawing)
    titles = [axes.get_title() for axes in drawing.axes]
    assert titles == ["Random inputs", "Random labels", "Width within 1 point of the best"] * 2
    inputs = drawing.axes[0]
    assert len(inputs.lines) == 2  # real data and 0.4; pure noise validates at chance
    np.testing.assert_allclose(inputs.lines[0].get_ydata(), [0.91, 0.96], rtol=1e-6)
    np.testing.assert_allclose(inputs.lines[1].get_ydata(), [0.71, 0.76], rtol=1e-6)
    assert "Pure noise validates at chance and is left out." in note_of(drawing)


def test_the_width_within_a_point_of_the_best_is_marked(width_files: list[Path]) -> None:
    needed = capacity_by_noise.draw(capacity_by_noise_table.tabulate(width_files)).axes[2]
    for line in needed.lines:
        np.testing.assert_allclose(line.get_ydata(), [16, 16])
        assert line.get_xdata().tolist() == [0, 0.4]


def test_time_has_relative_panels_and_exponents_for_each_data_set(epoch_files: list[Path]) -> None:
    drawing = time_by_noise.draw(time_by_noise_table.tabulate(epoch_files))
    check_drawing(drawing)
    assert len(drawing.axes) == 2 * 6
    titles = [axes.get_title() for axes in drawing.axes[:6]]
    assert titles == [
        "Random inputs, 1,000 examples", "Random labels, 1,000 examples", "Power of width",
        "Random inputs, 128 units per layer", "Random labels, 128 units per layer", "Power of examples",
    ]  # fmt: skip
    real, partial, pure = drawing.axes[0].lines[:3]
    np.testing.assert_allclose(real.get_ydata(), [1, 2**-0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(partial.get_ydata(), [1, 2**-0.6, 2**-1.2], rtol=1e-6)
    np.testing.assert_allclose(pure.get_ydata(), [1, 2**-0.75, 2**-1.5], rtol=1e-6)


def test_the_exponents_are_those_put_in(epoch_files: list[Path]) -> None:
    drawing = time_by_noise.draw(time_by_noise_table.tabulate(epoch_files))
    width, examples = drawing.axes[2], drawing.axes[5]
    np.testing.assert_allclose(width.lines[0].get_xdata(), [0, 0.4, 1])
    np.testing.assert_allclose(width.lines[0].get_ydata(), [-0.5, -0.6, -0.75], rtol=1e-6)
    np.testing.assert_allclose(examples.lines[0].get_ydata(), [0.2] * 3, rtol=1e-6)


def test_exponents_that_a_bound_went_into_are_hollow(epoch_files: list[Path]) -> None:
    drawing = time_by_noise.draw(time_by_noise_table.tabulate(epoch_files))
    hollow = [line for line in drawing.axes[2].lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata().tolist() for line in hollow] == [[1.0]]
    np.testing.assert_allclose(hollow[0].get_ydata(), [-0.5 * 2 / 3], rtol=1e-6)  # one of three seeds stays at the cap
    assert "Hollow: 10 of 120 runs had not fitted by the last epoch" in note_of(drawing)


def test_the_originals_values_are_dashed(width_files: list[Path], epoch_files: list[Path]) -> None:
    drawing = capacity_by_noise.draw(
        capacity_by_noise_table.tabulate(width_files, {}, TARGETS / "capacity_by_noise.csv")
    )
    dashed = [[line for line in axes.lines if line.get_linestyle() == "--"] for axes in drawing.axes]
    assert [len(lines) for lines in dashed] == [5, 5, 0, 0, 0, 0]
    assert "Dashed: read off the original figure." in note_of(drawing)
    drawing = time_by_noise.draw(time_by_noise_table.tabulate(epoch_files, {}, TARGETS / "time_by_noise.csv"))
    dashed = [[line for line in axes.lines if line.get_linestyle() == "--"] for axes in drawing.axes[:6]]
    assert [len(lines) for lines in dashed] == [6, 1, 1, 6, 1, 1]
    powers = dashed[2][0].get_ydata()
    assert powers[0] == pytest.approx(np.log(0.815) / np.log(16), abs=0.005)  # the middle width hardly bends it
    assert (np.diff(powers) < 0).all()


MODULES = {"capacity_by_noise": "width_files", "time_by_noise": "epoch_files"}


@pytest.mark.parametrize("name", MODULES)
def test_a_table_is_drawn_as_published_and_says_what_diverged(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (module, drawn), files = rendering.figure_modules(name), request.getfixturevalue(MODULES[name])
    assert module.MEASURES == ()
    table = module.tabulate(files, {}, TARGETS / f"{name}.csv")
    tables.write_table(table, tmp_path / "table.csv")
    again = tables.read_table(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    ours = again["source"] == "run"
    check_drawing(drawn.draw(again))
    diverging = again.assign(diverged=ours & (again.index == ours[ours].index[-1]))
    assert "1 diverged member left out." in note_of(drawn.draw(diverging))


@pytest.mark.parametrize("noises", [{"none": (0.0,)}, {"none": (0.0,), "randY": (1.0,)}])
def test_smoke_grids_are_drawn(train: Callable[..., Path], members: Callable, noises: dict) -> None:
    path = train(members(1, noises))
    check_drawing(capacity_by_noise.draw(capacity_by_noise_table.tabulate([path])))
    drawing = time_by_noise.draw(time_by_noise_table.tabulate([path]))
    drawing.canvas.draw()  # one size has no exponent: that panel is empty
    late = train(members(1, noises), diverged=True)
    assert "left out" in note_of(time_by_noise.draw(time_by_noise_table.tabulate([late])))
